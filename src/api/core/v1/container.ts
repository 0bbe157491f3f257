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

export const containerPort = message('io.k8s.api.core.v1.ContainerPort', '-', {
  name: optional([1, string], '-'),
  hostPort: optional([2, int32], '-'),
  containerPort: required([3, int32], '-'),
  protocol: optional([4, string], '-', { default: 'TCP', values: ['TCP', 'UDP', 'SCTP'] }),
  hostIP: optional([5, string], '-'),
});
export type ContainerPort = Infer<typeof containerPort>;

export const volumeMount = message('io.k8s.api.core.v1.VolumeMount', '-', {
  name: required([1, string], '-'),
  readOnly: optional([2, bool], '-'),
  recursiveReadOnly: pointer([7, string], '-'),
  mountPath: required([3, string], '-'),
  subPath: optional([4, string], '-'),
  mountPropagation: pointer([5, string], '-'),
  subPathExpr: optional([6, string], '-'),
});
export type VolumeMount = Infer<typeof volumeMount>;

export const volumeDevice = message('io.k8s.api.core.v1.VolumeDevice', '-', {
  name: required([1, string], '-'),
  devicePath: required([2, string], '-'),
});
export type VolumeDevice = Infer<typeof volumeDevice>;

export const containerRestartRuleOnExitCodes = message(
  'io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes',
  '-',
  {
    operator: required([1, string], '-'),
    values: optional([2, set(int32)], '-'),
  },
);
export type ContainerRestartRuleOnExitCodes = Infer<typeof containerRestartRuleOnExitCodes>;

export const containerRestartRule = message('io.k8s.api.core.v1.ContainerRestartRule', '-', {
  action: required([1, string], '-'),
  exitCodes: optional([2, containerRestartRuleOnExitCodes], '-'),
});
export type ContainerRestartRule = Infer<typeof containerRestartRule>;

export const container = message('io.k8s.api.core.v1.Container', '-', {
  name: required([1, string], '-'),
  image: optional([2, string], '-'),
  command: optional([3, list(string)], '-'),
  args: optional([4, list(string)], '-'),
  workingDir: optional([5, string], '-'),
  ports: optional([6, listMap(containerPort, ['containerPort', 'protocol'])], '-', {
    patchMergeKey: 'containerPort',
  }),
  envFrom: optional([19, list(envFromSource)], '-'),
  env: optional([7, listMap(envVar, ['name'])], '-', { patchMergeKey: 'name' }),
  resources: optional([8, resourceRequirements], '-', { default: {} }),
  resizePolicy: optional([23, list(containerResizePolicy)], '-'),
  restartPolicy: pointer([24, string], '-'),
  volumeMounts: optional([9, listMap(volumeMount, ['mountPath'])], '-', { patchMergeKey: 'mountPath' }),
  volumeDevices: optional([21, listMap(volumeDevice, ['devicePath'])], '-', { patchMergeKey: 'devicePath' }),
  livenessProbe: optional([10, probe], '-'),
  readinessProbe: optional([11, probe], '-'),
  startupProbe: optional([22, probe], '-'),
  lifecycle: optional([12, lifecycle], '-'),
  terminationMessagePath: optional([13, string], '-', { default: '/dev/termination-log' }),
  terminationMessagePolicy: optional([20, string], '-', {
    default: 'File',
    values: ['File', 'FallbackToLogsOnError'],
  }),
  imagePullPolicy: optional([14, string], '-', {
    default: pullPolicy,
    values: ['Always', 'IfNotPresent', 'Never'],
  }),
  securityContext: optional([15, securityContext], '-'),
  stdin: optional([16, bool], '-'),
  stdinOnce: optional([17, bool], '-'),
  tty: optional([18, bool], '-'),
  restartPolicyRules: optional([25, list(containerRestartRule)], '-'),
});
export type Container = Infer<typeof container>;

export const ephemeralContainer = message('io.k8s.api.core.v1.EphemeralContainer', '-', {
  ...inline(1, container),
  targetContainerName: optional([2, string], '-'),
});
export type EphemeralContainer = Infer<typeof ephemeralContainer>;
