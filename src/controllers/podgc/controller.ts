import { nodes as nodeKind } from '../../api/core/v1/node.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import { createIndex } from '../../client/object-index.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';

/** As upstream's podgc: a node that is missing may come back for this long. */
const quarantineMs = 40_000;

/** Removes Pods whose node no longer exists: nobody else can tell that they have ended. Its keys are nodes' names. */
export function createPodGcController(deps: ControllerDeps): Controller {
  const { client, informers, clock } = deps;
  const nodes = informers.for(nodeKind);
  const pods = informers.for(podKind);
  const byNode = createIndex(({ spec }: Pod) => (spec.nodeName ? [spec.nodeName] : []));
  const missingSince = new Map<string, number>();

  const exists = async (name: string): Promise<boolean> => {
    try {
      await client.get(nodeKind, { name });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  };

  const remove = async ({ metadata }: Pod): Promise<void> => {
    try {
      await client.delete(podKind, metadata, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const reconcile = async (name: string): Promise<number | void> => {
    const here = [...byNode.keys(name)].flatMap((key) => pods.get(key) ?? []);
    if (nodes.get(name) !== undefined || here.length === 0) return void missingSince.delete(name);
    const since = missingSince.get(name) ?? clock.now();
    missingSince.set(name, since);
    const leftMs = since + quarantineMs - clock.now();
    if (leftMs > 0) return leftMs;
    if (await exists(name)) return quarantineMs;
    await Promise.all(here.map(remove));
  };

  return createController(deps, {
    name: 'podgc',
    reads: [nodes, pods],
    reconcile,
    connect: (queue) => [
      pods.onChange(({ key, prev, next }) => {
        byNode.move(key, prev, next);
        const node = next?.spec.nodeName;
        if (node && nodes.get(node) === undefined) queue.add(node);
      }),
      nodes.onChange(({ key }) => queue.add(key)),
    ],
  });
}
