import { isNotFound } from '../../api/errors/api-error.ts';
import { kindOf } from '../../api/kinds.ts';
import type { OwnerReference } from '../../api/meta/v1/object-meta.ts';
import type { Client } from '../../client/client.ts';
import type { GraphNode, OwnershipGraph } from './ownership-graph.ts';
import { foregroundFinalizer, isBlocking, orphanFinalizer, ownerStateOf, planGarbage } from './plan.ts';
import type { OwnerState } from './plan.ts';

/** What can be done about an object; each is safe to repeat. */
export interface Steps {
  collect(node: GraphNode): Promise<void>;
  foreground(node: GraphNode): Promise<void>;
  orphan(node: GraphNode): Promise<void>;
}

export function createSteps(client: Client, graph: OwnershipGraph): Steps {
  const blocking = (uid: string): readonly GraphNode[] =>
    graph
      .dependentsOf(uid)
      .flatMap((id) => graph.get(id) ?? [])
      .filter(({ object }) => isBlocking(object, uid));

  /** Whether a dependent that waits for its own dependents holds up its owner, and is held up by it in turn. */
  const isOwnerOfWaiting = (uid: string): boolean =>
    graph
      .dependentsOf(uid)
      .flatMap((id) => graph.get(id) ?? [])
      .some(({ object }) => ownerStateOf(object) === 'waiting' && blocksAny(graph.byUid(uid)));

  const patch = (node: GraphNode, metadata: object): Promise<void> => patchMetadata(client, node, metadata);
  const removeFinalizer = (node: GraphNode, name: string): Promise<void> =>
    patch(node, { finalizers: (node.object.metadata.finalizers ?? []).filter((f) => f !== name) });

  return {
    collect: async (node) => {
      const { ownerReferences = [], namespace, uid = '', resourceVersion } = node.object.metadata;
      const states = new Map<string, OwnerState>();
      for (const owner of ownerReferences) {
        const known = graph.byUid(owner.uid);
        // An owner is in the same namespace, or in none; one with this uid elsewhere is not meant.
        const isInReach = known !== undefined && isOneOf(known.object.metadata.namespace, namespace);
        const state = isInReach ? ownerStateOf(known.object) : await liveState(client, owner, namespace);
        states.set(owner.uid, state);
      }
      const plan = planGarbage(
        node.object,
        blocking(uid).length > 0,
        ({ uid }) => states.get(uid) ?? 'unknown',
      );
      if (plan.do === 'nothing') return;
      if (plan.do === 'keepOwners') return patch(node, { ownerReferences: plan.owners });
      if (plan.policy === 'Foreground' && isOwnerOfWaiting(uid)) {
        // They own each other: whoever waits for the other would wait for ever.
        const owners = ownerReferences.map((owner) => ({ ...owner, blockOwnerDeletion: false }));
        return patch(node, { ownerReferences: owners });
      }
      const preconditions = { uid, resourceVersion };
      try {
        await client.delete(node.kind, node.object.metadata, {
          propagationPolicy: plan.policy,
          preconditions,
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
    foreground: async (node) => {
      if (blocking(node.object.metadata.uid ?? '').length === 0)
        await removeFinalizer(node, foregroundFinalizer);
    },
    orphan: async (node) => {
      const { uid = '' } = node.object.metadata;
      for (const id of graph.dependentsOf(uid)) {
        const dependent = graph.get(id);
        const owners = dependent?.object.metadata.ownerReferences?.filter((owner) => owner.uid !== uid);
        if (dependent !== undefined) await patch(dependent, { ownerReferences: owners });
      }
      await removeFinalizer(node, orphanFinalizer);
    },
  };
}

const blocksAny = (node: GraphNode | undefined): boolean =>
  node?.object.metadata.ownerReferences?.some(({ blockOwnerDeletion }) => blockOwnerDeletion === true) ??
  false;

const isOneOf = (owner: string | undefined, dependent: string | undefined): boolean =>
  owner === undefined || owner === dependent;

async function patchMetadata(client: Client, { kind, object }: GraphNode, metadata: object): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  try {
    const body = { metadata: { uid, resourceVersion, ...metadata } };
    await client.patch(kind, object.metadata, { type: 'merge', body });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The copy may be behind, so an owner it does not have is asked for. */
async function liveState(
  client: Client,
  owner: OwnerReference,
  namespace: string | undefined,
): Promise<OwnerState> {
  const kind = kindOf(owner.apiVersion, owner.kind);
  // What has no namespace cannot belong to what has one; the reference is a mistake, and no reason to delete.
  if (kind === undefined || (kind.isNamespaced && namespace === undefined)) return 'unknown';
  try {
    const at = { namespace: kind.isNamespaced ? namespace : undefined, name: owner.name };
    const live = await client.get(kind, at);
    return live.metadata.uid === owner.uid ? ownerStateOf(live) : 'absent';
  } catch (error) {
    if (isNotFound(error)) return 'absent';
    throw error;
  }
}
