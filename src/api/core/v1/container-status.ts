import { resourceRequirements } from './resources.ts';
import {
  type Infer,
  bool,
  int32,
  int64,
  list,
  listMap,
  map,
  message,
  optional,
  pointer,
  quantity,
  required,
  string,
  time,
} from '../../schema/schema.ts';

export const containerStateWaiting = message('io.k8s.api.core.v1.ContainerStateWaiting', '-', {
  reason: optional([1, string], '-'),
  message: optional([2, string], '-'),
});
export type ContainerStateWaiting = Infer<typeof containerStateWaiting>;

export const containerStateRunning = message('io.k8s.api.core.v1.ContainerStateRunning', '-', {
  startedAt: optional([1, time], '-'),
});
export type ContainerStateRunning = Infer<typeof containerStateRunning>;

export const containerStateTerminated = message('io.k8s.api.core.v1.ContainerStateTerminated', '-', {
  exitCode: required([1, int32], '-'),
  signal: optional([2, int32], '-'),
  reason: optional([3, string], '-'),
  message: optional([4, string], '-'),
  startedAt: optional([5, time], '-'),
  finishedAt: optional([6, time], '-'),
  containerID: optional([7, string], '-'),
});
export type ContainerStateTerminated = Infer<typeof containerStateTerminated>;

export const containerState = message('io.k8s.api.core.v1.ContainerState', '-', {
  waiting: optional([1, containerStateWaiting], '-'),
  running: optional([2, containerStateRunning], '-'),
  terminated: optional([3, containerStateTerminated], '-'),
});
export type ContainerState = Infer<typeof containerState>;

export const volumeMountStatus = message('io.k8s.api.core.v1.VolumeMountStatus', '-', {
  name: required([1, string], '-'),
  mountPath: required([2, string], '-'),
  readOnly: optional([3, bool], '-'),
  recursiveReadOnly: pointer([4, string], '-'),
});
export type VolumeMountStatus = Infer<typeof volumeMountStatus>;

export const linuxContainerUser = message('io.k8s.api.core.v1.LinuxContainerUser', '-', {
  uid: required([1, int64], '-'),
  gid: required([2, int64], '-'),
  supplementalGroups: optional([3, list(int64)], '-'),
});
export type LinuxContainerUser = Infer<typeof linuxContainerUser>;

export const containerUser = message('io.k8s.api.core.v1.ContainerUser', '-', {
  linux: optional([1, linuxContainerUser], '-'),
});
export type ContainerUser = Infer<typeof containerUser>;

export const resourceHealth = message('io.k8s.api.core.v1.ResourceHealth', '-', {
  resourceID: required([1, string], '-'),
  health: optional([2, string], '-'),
});
export type ResourceHealth = Infer<typeof resourceHealth>;

export const resourceStatus = message('io.k8s.api.core.v1.ResourceStatus', '-', {
  name: required([1, string], '-'),
  resources: optional([2, listMap(resourceHealth, ['resourceID'])], '-'),
});
export type ResourceStatus = Infer<typeof resourceStatus>;

export const containerStatus = message('io.k8s.api.core.v1.ContainerStatus', '-', {
  name: required([1, string], '-'),
  state: optional([2, containerState], '-'),
  lastState: optional([3, containerState], '-'),
  ready: required([4, bool], '-'),
  restartCount: required([5, int32], '-'),
  image: required([6, string], '-'),
  imageID: required([7, string], '-'),
  containerID: optional([8, string], '-'),
  started: pointer([9, bool], '-'),
  allocatedResources: optional([10, map(quantity)], '-'),
  resources: optional([11, resourceRequirements], '-'),
  volumeMounts: optional([12, listMap(volumeMountStatus, ['mountPath'])], '-', {
    patchMergeKey: 'mountPath',
  }),
  user: optional([13, containerUser], '-'),
  allocatedResourcesStatus: optional([14, listMap(resourceStatus, ['name'])], '-', { patchMergeKey: 'name' }),
  stopSignal: pointer([15, string], '-'),
});
export type ContainerStatus = Infer<typeof containerStatus>;
