import { events } from '../../api/core/v1/event.ts';
import { namespaces as namespaceKind } from '../../api/core/v1/namespace.ts';
import type { Namespace } from '../../api/core/v1/namespace.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import { isConflict, isMethodNotSupported, isNotFound } from '../../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import { allKinds } from '../../api/kinds.ts';
import { formatTime } from '../../api/schema/time.ts';
import { call } from '../../client/call.ts';
import { resourcePath } from '../../client/resource-path.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { planConditions, type Remains } from './plan.ts';

/** The finalizer of `spec.finalizers` that this controller answers for. */
const ownFinalizer = 'kubernetes';
/**
 * Pods take their grace period to go; their end is seen at once, that of other things soon. What is still held after long
 * (a finalizer nobody answers for) is asked about more and more rarely.
 */
const emptyCheck = { minMs: 500, maxMs: 15_000 };

/** Events last: the others make some while they go. */
const namespacedKinds: readonly Kind[] = [
  ...allKinds.filter((kind) => kind.isNamespaced && kind.plural !== events.plural),
  events,
];

/** Empties a namespace that is being deleted, and then lets it go. */
export function createNamespaceController(deps: ControllerDeps): Controller {
  const { informers, clock } = deps;
  const namespaces = informers.for(namespaceKind);
  const pods = informers.for(podKind);
  const { empty, left, report, finalize } = createSteps(deps);

  const reconcile = async (name: string): Promise<number | void> => {
    const namespace = namespaces.get(name);
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    if (!(namespace.spec?.finalizers ?? []).includes(ownFinalizer)) return;
    const failures: string[] = [];
    for (const kind of namespacedKinds) {
      await empty(name, kind).catch((error: unknown) => failures.push((error as Error).message));
    }
    const remaining = await Promise.all(
      namespacedKinds.map(async (kind) => [`${kind.plural}.${kind.group}`, await left(name, kind)] as const),
    );
    const objects = new Map(remaining.filter(([, each]) => each.length > 0));
    if (objects.size === 0 && failures.length === 0) return finalize(namespace);
    await report(namespace, { objects, failures });
    return nextCheckMs(clock.now() - Date.parse(namespace.metadata.deletionTimestamp));
  };

  return createController(deps, {
    name: 'namespace',
    reads: [namespaces, pods],
    reconcile,
    connect: (queue) => [
      namespaces.onChange(({ key }) => queue.add(key)),
      pods.onChange(({ prev, next }) => {
        const home = next === undefined ? prev?.metadata.namespace : undefined;
        if (home !== undefined && namespaces.get(home)?.metadata.deletionTimestamp !== undefined)
          queue.add(home);
      }),
    ],
  });
}

const nextCheckMs = (ageMs: number): number =>
  Math.min(emptyCheck.maxMs, Math.max(emptyCheck.minMs, ageMs / 4));

/** What can be done about a namespace; each is safe to repeat. */
function createSteps({ client, clock }: ControllerDeps) {
  const empty = async (namespace: string, kind: Kind): Promise<void> => {
    try {
      await call(client.transport, { method: 'DELETE', path: resourcePath(kind, { namespace }) });
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isMethodNotSupported(error)) throw error;
      const { items } = await client.list(kind, { namespace });
      for (const { metadata } of items) await client.delete(kind, { namespace, name: metadata.name });
    }
  };

  /** The objects of the kind that are left; a kind that the server does not have has none. */
  const left = async (namespace: string, kind: Kind): Promise<readonly KubeObject[]> => {
    try {
      return (await client.list(kind, { namespace })).items;
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  };

  /** Says what the deletion waits for. */
  const report = async (namespace: Namespace, remains: Remains): Promise<void> => {
    const { status } = namespace;
    const conditions = planConditions(status?.conditions ?? [], remains, formatTime(clock.now()));
    if (conditions === status?.conditions) return;
    const next = { ...namespace, status: { ...status, conditions } };
    try {
      await client.update(namespaceKind, next, { subresource: 'status' });
    } catch (error) {
      // It is gone, or it has changed: then there is another look at it.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  };

  const finalize = async (namespace: Namespace): Promise<void> => {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((name) => name !== ownFinalizer);
    const spec = { ...namespace.spec, finalizers };
    try {
      await client.update(namespaceKind, { ...namespace, spec }, { subresource: 'finalize' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  return { empty, left, report, finalize };
}
