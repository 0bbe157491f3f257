import { pods as podKind } from '../api/core/v1/pod.ts';
import type { Pod } from '../api/core/v1/pod.ts';
import { isNotFound } from '../api/errors/api-error.ts';
import { objectKey } from '../api/kind.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import type { LabelSelector } from '../api/meta/v1/label-selector.ts';
import { fromLabelSelector, matchesLabels } from '../api/selectors/label-selector.ts';
import type { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/event-recorder.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import { isNamespaceTerminating } from '../client/expected-errors.ts';
import type { Informer } from '../client/informer.ts';
import { createIndex } from '../client/object-index.ts';
import { settleClaims } from './adoption.ts';
import { claim } from './claims.ts';
import { isSameStatus } from './conditions.ts';
import type { ControllerDeps } from './controller.ts';
import { createOwnWrites } from './own-writes.ts';
import type { OwnWrites } from './own-writes.ts';
import { controllerOf } from './ownership.ts';

/** The Pods of the workloads of one kind, as their controller sees and changes them. */
export interface WorkloadPods<T extends KubeObject> {
  readonly owners: Informer<T>;
  readonly pods: Informer<Pod>;
  readonly recorder: EventRecorder;
  /** Adopts and releases, and gives all that are the owner's. */
  claim(owner: T): Promise<readonly Pod[]>;
  /** Whether the informer has not shown our own last writes for this owner yet. */
  isBehind(owner: T): boolean;
  forget(key: string): void;
  write: PodWrites<T>;
  /** Calls `add` with the key of every owner that a change of an owner or of a Pod concerns. */
  connect(add: (key: string) => void): readonly (() => void)[];
}

export interface PodWrites<T> {
  /** Undefined when the namespace is going and nothing more can be made in it. */
  create(owner: T, pod: Pod): Promise<Pod | undefined>;
  delete(owner: T, pod: Pod): Promise<void>;
}

export interface WorkloadPodsOptions<T extends KubeObject> {
  readonly kind: Kind<T>;
  /** Shown as the source of events, such as `daemonset-controller`. */
  readonly component: string;
  readonly selectorOf: (owner: T) => LabelSelector | undefined;
  /** Whether a Pod that matches may be adopted; all may when left out. */
  readonly mayAdopt?: (owner: T, pod: Pod) => boolean;
}

export function createWorkloadPods<T extends KubeObject>(
  { client, informers, clock, logger }: ControllerDeps,
  { kind, component, selectorOf, mayAdopt = () => true }: WorkloadPodsOptions<T>,
): WorkloadPods<T> {
  const owners = informers.for(kind);
  const pods = informers.for(podKind);
  const ownWrites = createOwnWrites(clock);
  const recorder = createEventRecorder({ client, component, clock, logger });
  const orphans = createIndex((pod: Pod) =>
    controllerOf(pod) === undefined ? [pod.metadata.namespace ?? ''] : [],
  );
  const matches = (owner: T, pod: Pod): boolean => {
    const selector = selectorOf(owner);
    return (
      selector !== undefined &&
      matchesLabels(fromLabelSelector(selector), pod.metadata.labels) &&
      mayAdopt(owner, pod)
    );
  };
  const ownersOf = (pod: Pod): readonly string[] => {
    const { namespace = '' } = pod.metadata;
    const owner = controllerOf(pod);
    if (owner !== undefined) return owner.kind === kind.kind ? [`${namespace}/${owner.name}`] : [];
    return owners
      .by('namespace', namespace)
      .filter((candidate) => matches(candidate, pod))
      .map(objectKey);
  };
  const known = (owner: T): readonly Pod[] => pods.by('owner', owner.metadata.uid ?? '');
  return {
    owners,
    pods,
    recorder,
    claim: (owner) => {
      const { namespace = '' } = owner.metadata;
      const free = [...orphans.keys(namespace)].flatMap((key) => pods.get(key) ?? []);
      const candidates = [...known(owner), ...free.filter((pod) => mayAdopt(owner, pod))];
      const claims = claim(owner, fromLabelSelector(selectorOf(owner) ?? {}), candidates);
      return settleClaims({ client, ownerKind: kind, owner, kind: podKind, claims });
    },
    isBehind: (owner) => ownWrites.isBehind(objectKey(owner), known(owner)),
    forget: (key) => ownWrites.forget(key),
    write: createPodWrites<T>(client, ownWrites),
    connect: (add) => [
      owners.onChange(({ key }) => add(key)),
      pods.onChange(({ key, prev, next }) => {
        orphans.move(key, prev, next);
        const keys = [prev, next].flatMap((pod) => (pod === undefined ? [] : ownersOf(pod)));
        for (const owner of new Set(keys)) add(owner);
      }),
    ],
  };
}

function createPodWrites<T extends KubeObject>(client: Client, ownWrites: OwnWrites): PodWrites<T> {
  return {
    create: async (owner, pod) => {
      try {
        const created = await client.create(podKind, pod);
        ownWrites.wrote(objectKey(owner), created);
        return created;
      } catch (error) {
        if (isNamespaceTerminating(error)) return undefined;
        throw error;
      }
    },
    delete: async (owner, pod) => {
      try {
        await client.delete(podKind, pod.metadata, { preconditions: { uid: pod.metadata.uid } });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      ownWrites.deleted(objectKey(owner), pod);
    },
  };
}

/** Runs all tasks, also when one fails, and then throws the first failure. */
export async function settleAll(tasks: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(tasks)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** What a person is told of an error. */
/** Writes the status of an object where it says something new. */
export const statusWriter =
  <S extends object, T extends KubeObject & { readonly status?: S }>(client: Client, kind: Kind<T>) =>
  async (object: T, status: S): Promise<void> => {
    if (isSameStatus(object.status ?? {}, status)) return;
    await client.update(kind, { ...object, status }, { subresource: 'status' });
  };
