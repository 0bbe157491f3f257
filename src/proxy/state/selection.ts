import type { EndpointCandidate } from './endpoints.ts';
import type { ProxyEndpoint, ProxyNode } from './model.ts';

/**
 * Which of a port's candidates a traffic policy leaves. Kubernetes' rules (pkg/proxy/topology.go): ready endpoints; when there are
 * none, those that still serve while they terminate; under policy Cluster those that are meant for this node or its zone, if every
 * ready endpoint says whom it is meant for and at least one is meant for here. Under policy Local hints do not count.
 */
export interface Selection {
  readonly isLocalOnly: boolean;
  readonly state: 'ready' | 'terminating';
  readonly topology: 'node' | 'zone' | undefined;
}

export type Place = Pick<ProxyNode, 'name' | 'zone'>;

export function selectionFor(
  candidates: readonly EndpointCandidate[],
  isLocalOnly: boolean,
  node: Place,
): Selection {
  const ready = candidates.filter(
    (candidate) =>
      candidate.isReady && candidate.unusable === undefined && (candidate.isLocal || !isLocalOnly),
  );
  if (ready.length === 0) return { isLocalOnly, state: 'terminating', topology: undefined };
  return { isLocalOnly, state: 'ready', topology: isLocalOnly ? undefined : topologyOf(ready, node) };
}

function topologyOf(ready: readonly EndpointCandidate[], node: Place): Selection['topology'] {
  const isForHere = (hints: readonly string[] | undefined, here: string | undefined): boolean =>
    here !== undefined && (hints?.includes(here) ?? false);
  if (ready[0]?.forNodes === undefined && ready[0]?.forZones === undefined) return undefined;
  if (ready.every(({ forNodes }) => forNodes) && ready.some((c) => isForHere(c.forNodes, node.name)))
    return 'node';
  if (ready.every(({ forZones }) => forZones) && ready.some((c) => isForHere(c.forZones, node.zone)))
    return 'zone';
  return undefined;
}

/** Why a candidate is not among the selected; undefined = it is. */
export function whyLeftOut(
  candidate: EndpointCandidate,
  { isLocalOnly, state, topology }: Selection,
  node: Place,
): string | undefined {
  if (candidate.unusable !== undefined) return candidate.unusable;
  if (isLocalOnly && !candidate.isLocal) return 'it is on another node';
  if (state === 'ready' ? !candidate.isReady : !candidate.isServingWhileTerminating) {
    if (!candidate.isTerminating) return 'it is not ready';
    return candidate.isServingWhileTerminating
      ? 'it is terminating, and others are ready'
      : 'it is terminating and no longer serving';
  }
  if (topology === 'node' && !candidate.forNodes?.includes(node.name)) return 'it is meant for other nodes';
  if (topology === 'zone' && !candidate.forZones?.includes(node.zone ?? '')) {
    return 'it is meant for other zones';
  }
  return undefined;
}

/** The selected candidates as finished endpoints. */
export function selectEndpoints(
  candidates: readonly EndpointCandidate[],
  selection: Selection,
  node: Place,
): readonly ProxyEndpoint[] {
  return candidates
    .filter((candidate) => whyLeftOut(candidate, selection, node) === undefined)
    .map(({ ip, port, isLocal, weight }) => ({
      ip,
      port,
      isLocal,
      ...(weight === undefined ? {} : { weight }),
    }));
}
