import {
  type Infer,
  bool,
  int64,
  list,
  message,
  optional,
  pointer,
  required,
  string,
} from '../../schema/schema.ts';

export const capabilities = message(
  'io.k8s.api.core.v1.Capabilities',
  'Linux capabilities that a container gains and loses.',
  {
    add: optional([1, list(string)], 'Capabilities to add.'),
    drop: optional([2, list(string)], 'Capabilities to take away.'),
  },
);
export type Capabilities = Infer<typeof capabilities>;

export const seLinuxOptions = message('io.k8s.api.core.v1.SELinuxOptions', 'SELinux label of a process.', {
  user: optional([1, string], 'SELinux user.'),
  role: optional([2, string], 'SELinux role.'),
  type: optional([3, string], 'SELinux type.'),
  level: optional([4, string], 'SELinux level.'),
});
export type SELinuxOptions = Infer<typeof seLinuxOptions>;

export const windowsSecurityContextOptions = message(
  'io.k8s.api.core.v1.WindowsSecurityContextOptions',
  'Identity of a process on Windows.',
  {
    gmsaCredentialSpecName: pointer([1, string], 'Name of the GMSA credential spec.'),
    gmsaCredentialSpec: pointer([2, string], 'The GMSA credential spec itself.'),
    runAsUserName: pointer([3, string], 'User that runs the process.'),
    hostProcess: pointer([4, bool], "Whether the container runs in the node's own environment."),
  },
);
export type WindowsSecurityContextOptions = Infer<typeof windowsSecurityContextOptions>;

export const seccompProfile = message(
  'io.k8s.api.core.v1.SeccompProfile',
  'Which system calls a process may make.',
  {
    type: required([1, string], 'Which kind of profile is used.', {
      values: ['Localhost', 'RuntimeDefault', 'Unconfined'],
    }),
    localhostProfile: pointer([2, string], 'File of the profile on the node, for type Localhost.'),
  },
);
export type SeccompProfile = Infer<typeof seccompProfile>;

export const appArmorProfile = message(
  'io.k8s.api.core.v1.AppArmorProfile',
  'AppArmor confinement of a process.',
  {
    type: required([1, string], 'Which kind of profile is used.', {
      values: ['Localhost', 'RuntimeDefault', 'Unconfined'],
    }),
    localhostProfile: pointer([2, string], 'Name of the profile loaded on the node, for type Localhost.'),
  },
);
export type AppArmorProfile = Infer<typeof appArmorProfile>;

export const securityContext = message(
  'io.k8s.api.core.v1.SecurityContext',
  'Privileges of one container; they win over those of the Pod.',
  {
    capabilities: optional([1, capabilities], 'Linux capabilities to add and drop.'),
    privileged: pointer([2, bool], 'Whether the container is as powerful as root on the node.'),
    seLinuxOptions: optional([3, seLinuxOptions], 'SELinux label.'),
    windowsOptions: optional([10, windowsSecurityContextOptions], 'Windows settings.'),
    runAsUser: pointer([4, int64], 'User id of the process; that of the image when absent.'),
    runAsGroup: pointer([8, int64], 'Group id of the process.'),
    runAsNonRoot: pointer([5, bool], 'Refuse to start a process that would run as root.'),
    readOnlyRootFilesystem: pointer([6, bool], 'Whether the root file system is read-only.'),
    allowPrivilegeEscalation: pointer(
      [7, bool],
      'Whether a process may gain more privileges than its parent.',
    ),
    procMount: pointer([9, string], 'Default or Unmasked view of /proc.'),
    seccompProfile: optional([11, seccompProfile], 'Allowed system calls.'),
    appArmorProfile: optional([12, appArmorProfile], 'AppArmor confinement.'),
  },
);
export type SecurityContext = Infer<typeof securityContext>;

export const sysctl = message('io.k8s.api.core.v1.Sysctl', 'A kernel parameter.', {
  name: required([1, string], 'Name of the parameter.'),
  value: required([2, string], 'Its value.'),
});
export type Sysctl = Infer<typeof sysctl>;

export const podSecurityContext = message(
  'io.k8s.api.core.v1.PodSecurityContext',
  'Privileges of all containers of the Pod.',
  {
    seLinuxOptions: optional([1, seLinuxOptions], 'SELinux label.'),
    windowsOptions: optional([8, windowsSecurityContextOptions], 'Windows settings.'),
    runAsUser: pointer([2, int64], 'User id of the processes; that of the image when absent.'),
    runAsGroup: pointer([6, int64], 'Group id of the processes.'),
    runAsNonRoot: pointer([3, bool], 'Refuse to start processes that would run as root.'),
    supplementalGroups: optional(
      [4, list(int64)],
      'Further group ids of the first process of each container.',
    ),
    supplementalGroupsPolicy: pointer(
      [12, string],
      'Whether groups of the image count as well: Merge or Strict.',
    ),
    fsGroup: pointer([5, int64], 'Group that owns the volumes.'),
    sysctls: optional([7, list(sysctl)], "Kernel parameters of the Pod's namespaces."),
    fsGroupChangePolicy: pointer(
      [9, string],
      "When the volumes' owner is changed: Always or OnRootMismatch.",
    ),
    seccompProfile: optional([10, seccompProfile], 'Allowed system calls.'),
    appArmorProfile: optional([11, appArmorProfile], 'AppArmor confinement.'),
    seLinuxChangePolicy: pointer(
      [13, string],
      'How volumes get their SELinux label: MountOption or Recursive.',
    ),
  },
);
export type PodSecurityContext = Infer<typeof podSecurityContext>;
