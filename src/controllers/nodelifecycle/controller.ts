import { leases as leaseKind } from '../../api/coordination/v1/lease.ts';
import { nodes as nodeKind } from '../../api/core/v1/node.ts';
import type { Node } from '../../api/core/v1/node.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { createIndex } from '../../client/object-index.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { isPodFinished, isPodReady } from '../pod-state.ts';
import { createMarks } from './marks.ts';

const leaseNamespace = 'kube-node-lease';
/** Upstream's --node-monitor-grace-period of old; its lease is renewed every 10 s. */
const graceMs = 40_000;

/**
 * A node whose lease is not renewed is `Ready: Unknown`, and its Pods are not ready, so that they leave the endpoints.
 * Ages are measured from when a renewal was seen here, so that clocks need not agree.
 */
export function createNodeLifecycleController(deps: ControllerDeps): Controller {
  const { informers, clock } = deps;
  const nodes = informers.for(nodeKind);
  const leases = informers.for(leaseKind);
  const pods = informers.for(podKind);
  const byNode = createIndex(({ spec }: Pod) => (spec.nodeName ? [spec.nodeName] : []));
  const marks = createMarks(deps);
  const seen = new Map<string, number>();

  const reconcile = async (name: string): Promise<number | void> => {
    const node = nodes.get(name);
    if (node === undefined) return void seen.delete(name);
    const at = seen.get(name) ?? clock.now();
    seen.set(name, at);
    const leftMs = at + graceMs - clock.now();
    if (leftMs > 0) return leftMs;
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'Unknown') await marks.node(node);
    const here = [...byNode.keys(name)].flatMap((key) => pods.get(key) ?? []);
    await Promise.all(
      here.filter((pod) => isPodReady(pod) && !isPodFinished(pod)).map((pod) => marks.pod(pod)),
    );
    return graceMs;
  };

  return createController(deps, {
    name: 'nodelifecycle',
    reads: [nodes, leases, pods],
    reconcile,
    connect: (queue) => [
      pods.onChange(({ key, prev, next }) => byNode.move(key, prev, next)),
      nodes.onChange(({ key, prev, next }) => {
        // A node that posts its status is alive, with or without a lease.
        if (heartbeatOf(prev) !== heartbeatOf(next)) seen.set(key, clock.now());
        if (prev === undefined || next === undefined) queue.add(key);
      }),
      leases.onChange(({ prev, next }) => {
        if (next?.metadata.namespace !== leaseNamespace) return;
        if (prev?.spec.renewTime !== next.spec.renewTime) seen.set(next.metadata.name, clock.now());
      }),
    ],
  });
}

const heartbeatOf = (node: Node | undefined): string | undefined =>
  node?.status?.conditions?.find(({ type, status }) => type === 'Ready' && status !== 'Unknown')
    ?.lastHeartbeatTime;
