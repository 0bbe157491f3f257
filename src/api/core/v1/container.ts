import { envFromSource, envVar } from './env.ts';
import { lifecycle, probe } from './probe.ts';
import { containerResizePolicy, resourceRequirements } from './resources.ts';
import { securityContext } from './security-context.ts';
import { pullPolicy } from './image.ts';
import {
  type Infer,
  bool,
  inline,
  int32,
  list,
  listMap,
  message,
  optional,
  pointer,
  required,
  set,
  string,
} from '../../schema/schema.ts';

export const containerPort = message('io.k8s.api.core.v1.ContainerPort', 'A port a container listens on.', {
  name: optional([1, string], 'Name by which Services can refer to the port; unique within the Pod.'),
  hostPort: optional([2, int32], 'Port of the node that leads here.'),
  containerPort: required([3, int32], "Port at the Pod's IP."),
  protocol: optional([4, string], 'TCP, UDP or SCTP.', { default: 'TCP', values: ['TCP', 'UDP', 'SCTP'] }),
  hostIP: optional([5, string], 'Address of the node the host port is bound to; all when empty.'),
});
export type ContainerPort = Infer<typeof containerPort>;

export const volumeMount = message('io.k8s.api.core.v1.VolumeMount', 'Shows a volume inside a container.', {
  name: required([1, string], 'Name of the volume.'),
  readOnly: optional([2, bool], 'Whether the mount is read-only.'),
  recursiveReadOnly: pointer(
    [7, string],
    'Whether mounts below are read-only too: Disabled, IfPossible or Enabled.',
  ),
  mountPath: required([3, string], "Where the volume appears; may not contain ':'."),
  subPath: optional([4, string], 'The part of the volume that is mounted; its root when empty.'),
  mountPropagation: pointer(
    [5, string],
    'How mounts are shared with the node: None, HostToContainer or Bidirectional.',
  ),
  subPathExpr: optional([6, string], 'Like subPath, with $(NAME) for environment variables.'),
});
export type VolumeMount = Infer<typeof volumeMount>;

export const volumeDevice = message(
  'io.k8s.api.core.v1.VolumeDevice',
  'Shows a block volume as a device inside a container.',
  {
    name: required([1, string], 'Name of the volume.'),
    devicePath: required([2, string], 'Path of the device.'),
  },
);
export type VolumeDevice = Infer<typeof volumeDevice>;

export const containerRestartRuleOnExitCodes = message(
  'io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes',
  'Which exit codes a restart rule is for.',
  {
    operator: required([1, string], 'In or NotIn.'),
    values: optional([2, set(int32)], 'The exit codes; at most 255.'),
  },
);
export type ContainerRestartRuleOnExitCodes = Infer<typeof containerRestartRuleOnExitCodes>;

export const containerRestartRule = message(
  'io.k8s.api.core.v1.ContainerRestartRule',
  'What to do when the container ends in a certain way.',
  {
    action: required([1, string], 'Restart or RestartAllContainers.'),
    exitCodes: optional([2, containerRestartRuleOnExitCodes], 'The exit codes it is for.'),
  },
);
export type ContainerRestartRule = Infer<typeof containerRestartRule>;

export const container = message(
  'io.k8s.api.core.v1.Container',
  'A process of a Pod, with its files, environment and checks.',
  {
    name: required([1, string], 'Name of the container; unique within the Pod and a DNS label.'),
    image: optional([2, string], 'Image the files come from.'),
    command: optional(
      [3, list(string)],
      "The program and its first arguments; the image's entry point when absent.",
    ),
    args: optional([4, list(string)], 'Arguments; those of the image when absent.'),
    workingDir: optional([5, string], 'Directory the program starts in; that of the image when empty.'),
    ports: optional(
      [6, listMap(containerPort, ['containerPort', 'protocol'])],
      'Ports the container listens on; a port not listed is reachable all the same.',
      { patchMergeKey: 'containerPort' },
    ),
    envFrom: optional(
      [19, list(envFromSource)],
      'Sets of environment variables; later sets win, and env wins over all.',
    ),
    env: optional([7, listMap(envVar, ['name'])], 'Environment variables.', { patchMergeKey: 'name' }),
    resources: optional([8, resourceRequirements], 'What the container needs and may use.', { default: {} }),
    resizePolicy: optional([23, list(containerResizePolicy)], 'What a change of resource amounts does.'),
    restartPolicy: pointer(
      [24, string],
      "Always for an init container makes it a sidecar; otherwise overrides the Pod's policy.",
    ),
    volumeMounts: optional(
      [9, listMap(volumeMount, ['mountPath'])],
      "Volumes shown in the container's file system.",
      { patchMergeKey: 'mountPath' },
    ),
    volumeDevices: optional([21, listMap(volumeDevice, ['devicePath'])], 'Block volumes shown as devices.', {
      patchMergeKey: 'devicePath',
    }),
    livenessProbe: optional([10, probe], 'Check that restarts the container when it fails.'),
    readinessProbe: optional([11, probe], 'Check that takes the Pod out of its Services while it fails.'),
    startupProbe: optional([22, probe], 'Check that holds the other probes back until it succeeds.'),
    lifecycle: optional([12, lifecycle], 'What is done after the start and before the stop.'),
    terminationMessagePath: optional(
      [13, string],
      'File whose content becomes the message of the ended container.',
      { default: '/dev/termination-log' },
    ),
    terminationMessagePolicy: optional(
      [20, string],
      'File, or FallbackToLogsOnError for the end of the log when the file is empty.',
      { default: 'File', values: ['File', 'FallbackToLogsOnError'] },
    ),
    imagePullPolicy: optional(
      [14, string],
      'When the image is fetched; Always for :latest, otherwise IfNotPresent.',
      { default: pullPolicy, values: ['Always', 'IfNotPresent', 'Never'] },
    ),
    securityContext: optional([15, securityContext], 'Privileges of this container.'),
    stdin: optional([16, bool], 'Whether standard input is kept open for attaching.'),
    stdinOnce: optional([17, bool], 'Whether standard input closes after the first client.'),
    tty: optional([18, bool], 'Whether the process gets a terminal.'),
    restartPolicyRules: optional(
      [25, list(containerRestartRule)],
      'Rules by exit code that go before restartPolicy.',
    ),
  },
);
export type Container = Infer<typeof container>;

export const ephemeralContainer = message(
  'io.k8s.api.core.v1.EphemeralContainer',
  'A container added to a running Pod to look into it.',
  {
    ...inline(1, container),
    targetContainerName: optional([2, string], 'The container whose processes it can see.'),
  },
);
export type EphemeralContainer = Infer<typeof ephemeralContainer>;
