import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { planService } from './plan.ts';
import type { SlicePlanInput } from './plan.ts';

export const service = (
  spec: Partial<Service['spec']> = {},
  metadata: Partial<Service['metadata']> = {},
): Service => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'svc-1', labels: { app: 'web' }, ...metadata },
  spec: {
    clusterIP: '10.96.0.7',
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
    ...spec,
  },
});

interface PodFacts {
  readonly ip?: string | readonly string[];
  readonly isReady?: boolean;
  readonly isGoing?: boolean;
  readonly phase?: string;
  readonly node?: string;
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly ports?: Readonly<Record<string, number>>;
}

export function pod(name: string, facts: PodFacts = {}): Pod {
  const {
    ip = `10.244.0.${name}`,
    isReady = true,
    isGoing = false,
    phase = 'Running',
    node = 'node-1',
  } = facts;
  const ips = typeof ip === 'string' ? [ip] : ip;
  const ports = Object.entries(facts.ports ?? {}).map(([port, containerPort]) => ({
    name: port,
    containerPort,
  }));
  return {
    metadata: {
      name: `web-${name}`,
      namespace: 'shop',
      uid: `pod-${name}`,
      ...(isGoing ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: {
      containers: [{ name: 'c', ports }],
      nodeName: node,
      hostname: facts.hostname,
      subdomain: facts.subdomain,
    },
    status: {
      phase,
      podIPs: ips.map((text) => ({ ip: text })),
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  };
}

export const nodes: Record<string, Node> = {
  'node-1': { metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'a' } }, spec: {} },
};

export const plan = (input: Partial<SlicePlanInput>) =>
  planService({
    service: service(),
    pods: [],
    nodeOf: (name) => nodes[name],
    slices: [],
    triggerTime: undefined,
    ...input,
  }).writes;

/** The slices after the writes, with names and versions as a server would give them. */
export function applied(before: readonly EndpointSlice[], input: Partial<SlicePlanInput>): EndpointSlice[] {
  const { creates, updates, deletes } = plan({ ...input, slices: before });
  const named = creates.map((slice, i) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `web-new${i}-${before.length}`, uid: `uid-${i}-${before.length}` },
  }));
  const kept = before.filter((slice) => !deletes.some((gone) => gone.metadata.name === slice.metadata.name));
  const next = kept.map((slice) => updates.find((u) => u.metadata.name === slice.metadata.name) ?? slice);
  return [...next, ...named];
}
