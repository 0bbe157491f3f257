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

export const capabilities = message('io.k8s.api.core.v1.Capabilities', '-', {
  add: optional([1, list(string)], '-'),
  drop: optional([2, list(string)], '-'),
});
export type Capabilities = Infer<typeof capabilities>;

export const seLinuxOptions = message('io.k8s.api.core.v1.SELinuxOptions', '-', {
  user: optional([1, string], '-'),
  role: optional([2, string], '-'),
  type: optional([3, string], '-'),
  level: optional([4, string], '-'),
});
export type SELinuxOptions = Infer<typeof seLinuxOptions>;

export const windowsSecurityContextOptions = message(
  'io.k8s.api.core.v1.WindowsSecurityContextOptions',
  '-',
  {
    gmsaCredentialSpecName: pointer([1, string], '-'),
    gmsaCredentialSpec: pointer([2, string], '-'),
    runAsUserName: pointer([3, string], '-'),
    hostProcess: pointer([4, bool], '-'),
  },
);
export type WindowsSecurityContextOptions = Infer<typeof windowsSecurityContextOptions>;

export const seccompProfile = message('io.k8s.api.core.v1.SeccompProfile', '-', {
  type: required([1, string], '-', { values: ['Localhost', 'RuntimeDefault', 'Unconfined'] }),
  localhostProfile: pointer([2, string], '-'),
});
export type SeccompProfile = Infer<typeof seccompProfile>;

export const appArmorProfile = message('io.k8s.api.core.v1.AppArmorProfile', '-', {
  type: required([1, string], '-', { values: ['Localhost', 'RuntimeDefault', 'Unconfined'] }),
  localhostProfile: pointer([2, string], '-'),
});
export type AppArmorProfile = Infer<typeof appArmorProfile>;

export const securityContext = message('io.k8s.api.core.v1.SecurityContext', '-', {
  capabilities: optional([1, capabilities], '-'),
  privileged: pointer([2, bool], '-'),
  seLinuxOptions: optional([3, seLinuxOptions], '-'),
  windowsOptions: optional([10, windowsSecurityContextOptions], '-'),
  runAsUser: pointer([4, int64], '-'),
  runAsGroup: pointer([8, int64], '-'),
  runAsNonRoot: pointer([5, bool], '-'),
  readOnlyRootFilesystem: pointer([6, bool], '-'),
  allowPrivilegeEscalation: pointer([7, bool], '-'),
  procMount: pointer([9, string], '-'),
  seccompProfile: optional([11, seccompProfile], '-'),
  appArmorProfile: optional([12, appArmorProfile], '-'),
});
export type SecurityContext = Infer<typeof securityContext>;

export const sysctl = message('io.k8s.api.core.v1.Sysctl', '-', {
  name: required([1, string], '-'),
  value: required([2, string], '-'),
});
export type Sysctl = Infer<typeof sysctl>;

export const podSecurityContext = message('io.k8s.api.core.v1.PodSecurityContext', '-', {
  seLinuxOptions: optional([1, seLinuxOptions], '-'),
  windowsOptions: optional([8, windowsSecurityContextOptions], '-'),
  runAsUser: pointer([2, int64], '-'),
  runAsGroup: pointer([6, int64], '-'),
  runAsNonRoot: pointer([3, bool], '-'),
  supplementalGroups: optional([4, list(int64)], '-'),
  supplementalGroupsPolicy: pointer([12, string], '-'),
  fsGroup: pointer([5, int64], '-'),
  sysctls: optional([7, list(sysctl)], '-'),
  fsGroupChangePolicy: pointer([9, string], '-'),
  seccompProfile: optional([10, seccompProfile], '-'),
  appArmorProfile: optional([11, appArmorProfile], '-'),
  seLinuxChangePolicy: pointer([13, string], '-'),
});
export type PodSecurityContext = Infer<typeof podSecurityContext>;
