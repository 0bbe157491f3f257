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

export const containerStateWaiting = message(
  'io.k8s.api.core.v1.ContainerStateWaiting',
  'A container that does not run yet.',
  {
    reason: optional([1, string], 'Why it waits, as one word.'),
    message: optional([2, string], 'Why it waits, for people.'),
  },
);
export type ContainerStateWaiting = Infer<typeof containerStateWaiting>;

export const containerStateRunning = message(
  'io.k8s.api.core.v1.ContainerStateRunning',
  'A container that runs.',
  {
    startedAt: optional([1, time], 'When it started.'),
  },
);
export type ContainerStateRunning = Infer<typeof containerStateRunning>;

export const containerStateTerminated = message(
  'io.k8s.api.core.v1.ContainerStateTerminated',
  'A container that has ended.',
  {
    exitCode: required([1, int32], 'Exit status of the process.'),
    signal: optional([2, int32], 'Signal that ended it.'),
    reason: optional([3, string], 'Why it ended, as one word.'),
    message: optional([4, string], 'Last words of the container.'),
    startedAt: optional([5, time], 'When it started.'),
    finishedAt: optional([6, time], 'When it ended.'),
    containerID: optional([7, string], 'Identifier of the ended container.'),
  },
);
export type ContainerStateTerminated = Infer<typeof containerStateTerminated>;

export const containerState = message(
  'io.k8s.api.core.v1.ContainerState',
  'What a container is doing; one field is set, waiting when none is.',
  {
    waiting: optional([1, containerStateWaiting], 'It does not run yet.'),
    running: optional([2, containerStateRunning], 'It runs.'),
    terminated: optional([3, containerStateTerminated], 'It has ended.'),
  },
);
export type ContainerState = Infer<typeof containerState>;

export const volumeMountStatus = message('io.k8s.api.core.v1.VolumeMountStatus', 'How a volume is mounted.', {
  name: required([1, string], "Name of the mount's volume."),
  mountPath: required([2, string], 'Where it appears.'),
  readOnly: optional([3, bool], 'Whether it is read-only.'),
  recursiveReadOnly: pointer([4, string], 'Whether mounts below are read-only too.'),
});
export type VolumeMountStatus = Infer<typeof volumeMountStatus>;

export const linuxContainerUser = message(
  'io.k8s.api.core.v1.LinuxContainerUser',
  "Identity of a container's first process on Linux.",
  {
    uid: required([1, int64], 'User id.'),
    gid: required([2, int64], 'Group id.'),
    supplementalGroups: optional([3, list(int64)], 'Further group ids.'),
  },
);
export type LinuxContainerUser = Infer<typeof linuxContainerUser>;

export const containerUser = message(
  'io.k8s.api.core.v1.ContainerUser',
  "Identity of a container's first process.",
  {
    linux: optional([1, linuxContainerUser], 'Identity on Linux.'),
  },
);
export type ContainerUser = Infer<typeof containerUser>;

export const resourceHealth = message('io.k8s.api.core.v1.ResourceHealth', 'Health of one device.', {
  resourceID: required([1, string], 'Identifier of the device.'),
  health: optional([2, string], 'Healthy, Unhealthy or Unknown.'),
});
export type ResourceHealth = Infer<typeof resourceHealth>;

export const resourceStatus = message(
  'io.k8s.api.core.v1.ResourceStatus',
  'Health of the devices of one resource.',
  {
    name: required([1, string], 'Name of the resource.'),
    resources: optional([2, listMap(resourceHealth, ['resourceID'])], 'The devices.'),
  },
);
export type ResourceStatus = Infer<typeof resourceStatus>;

export const containerStatus = message(
  'io.k8s.api.core.v1.ContainerStatus',
  'What is known of a container.',
  {
    name: required([1, string], 'Name of the container.'),
    state: optional([2, containerState], 'What it is doing now.'),
    lastState: optional([3, containerState], 'How it ended the last time.'),
    ready: required([4, bool], 'Whether its readiness check passes.'),
    restartCount: required([5, int32], 'How often it was restarted.'),
    image: required([6, string], 'Image that runs.'),
    imageID: required([7, string], 'Identifier of the image.'),
    containerID: optional([8, string], 'Identifier of the container, as type://id.'),
    started: pointer([9, bool], 'Whether it has passed its start-up check.'),
    allocatedResources: optional([10, map(quantity)], 'Amounts the node has set aside.'),
    resources: optional([11, resourceRequirements], 'Amounts that are in force.'),
    volumeMounts: optional([12, listMap(volumeMountStatus, ['mountPath'])], 'How volumes are mounted.', {
      patchMergeKey: 'mountPath',
    }),
    user: optional([13, containerUser], 'Identity of the first process.'),
    allocatedResourcesStatus: optional([14, listMap(resourceStatus, ['name'])], 'Health of the devices.', {
      patchMergeKey: 'name',
    }),
    stopSignal: pointer([15, string], 'Signal that will stop it.'),
  },
);
export type ContainerStatus = Infer<typeof containerStatus>;
