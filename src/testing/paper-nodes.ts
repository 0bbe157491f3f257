import { leases } from '../api/coordination/v1/lease.ts';
import { nodes as nodeKind } from '../api/core/v1/node.ts';
import { pods as podKind } from '../api/core/v1/pod.ts';
import type { Pod } from '../api/core/v1/pod.ts';
import { isNotFound } from '../api/errors/api-error.ts';
import { realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import type { Client } from '../client/client.ts';
import { createInformer } from '../client/informer.ts';

export interface PaperNodes {
  /** Creates the Node objects and their leases. */
  register(): Promise<void>;
  /** Takes part until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Pods of this name prefix do not become ready while it says so. */
  readonly unready: Set<string>;
  setReady(pod: Pod, isReady: boolean): Promise<void>;
}

/**
 * Nodes that run nothing: they register, and answer for the Pods bound to them as an agent would. A Pod gets an address and
 * becomes Running and ready at once; one that is deleted goes after `graceMs`.
 */
export function createPaperNodes(client: Client, names: readonly string[], graceMs = 30): PaperNodes {
  const unready = new Set<string>();
  const addresses = new Map<string, string>();
  let nAddresses = 0;
  const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;

  const register = async (name: string, i: number): Promise<void> => {
    const zone = `zone-${(i % 2) + 1}`;
    const condition = { type: 'Ready', status: 'True', lastHeartbeatTime: now(), lastTransitionTime: now() };
    const metadata = {
      name,
      labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone },
    };
    const node = await client.create(nodeKind, { metadata, spec: {} });
    await client.update(
      nodeKind,
      { ...node, status: { conditions: [condition] } },
      { subresource: 'status' },
    );
    await client.create(leases, {
      metadata: { name, namespace: 'kube-node-lease' },
      spec: { holderIdentity: name, renewTime: new Date().toISOString().replace('Z', '000Z') },
    });
  };

  const setReady = async (pod: Pod, isReady: boolean): Promise<void> => {
    const uid = pod.metadata.uid ?? '';
    const ip = addresses.get(uid) ?? `10.244.${(nAddresses >> 8) + 1}.${(nAddresses++ & 255) + 1}`;
    addresses.set(uid, ip);
    const ready = { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: now() };
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], startTime: now(), conditions: [ready] };
    try {
      await client.patch(podKind, pod.metadata, {
        type: 'strategic',
        subresource: 'status',
        body: { status },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const end = async (pod: Pod, signal: AbortSignal): Promise<void> => {
    await realClock.sleep(graceMs, signal);
    if (signal.aborted) return;
    try {
      await client.delete(podKind, pod.metadata, { gracePeriodSeconds: 0 });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  return {
    unready,
    setReady,
    register: async () => {
      for (const [i, name] of names.entries()) await register(name, i);
    },
    run: async (signal) => {
      const pods = createInformer({ client, kind: podKind, clock: realClock, logger: silentLogger });
      const ignore = (error: unknown): void => {
        if (!signal.aborted) throw error;
      };
      pods.onChange(({ prev, next }) => {
        if (next === undefined || !names.includes(next.spec.nodeName ?? '')) return;
        const { name, deletionTimestamp } = next.metadata;
        if (deletionTimestamp !== undefined) {
          if (prev?.metadata.deletionTimestamp === undefined) end(next, signal).catch(ignore);
        } else if (next.status?.podIP === undefined) {
          setReady(next, ![...unready].some((prefix) => name.startsWith(prefix))).catch(ignore);
        }
      });
      await pods.run(signal);
    },
  };
}
