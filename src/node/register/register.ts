import { readFileSync } from 'node:fs';
import { leases, type Lease } from '../../api/coordination/v1/lease.ts';
import { nodes, type Node } from '../../api/core/v1/node.ts';
import { isAlreadyExists, isNotFound } from '../../api/errors/api-error.ts';
import { formatTime } from '../../api/schema/time.ts';
import { createBackoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';
import type { NodeConfig } from '../config.ts';
import { nodeObject, nodeStatus } from './node-object.ts';

export interface RegisterOptions {
  readonly config: NodeConfig;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the kubelet API listens, once it does. */
  readonly kubeletPort: () => number | undefined;
}

/** As the kubelet: a lease of 40 s renewed each 10 s, the status each 5 min or when the node appears anew. */
const leaseSeconds = 40;
const renewMs = 10_000;
const statusMs = 300_000;
const leaseNamespace = 'kube-node-lease';

/** Makes the Node if it is missing, brings its fixed parts and its status up to date, and returns it. */
export async function ensureNode(options: RegisterOptions, signal: AbortSignal): Promise<Node> {
  const { config, client, clock, kubeletPort } = options;
  const wanted = nodeObject(config);
  const ref = { name: config.nodeName };
  let node = await client.create(nodes, wanted, { signal }).catch(async (error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
    const { labels, annotations } = wanted.metadata;
    // Another block than before: Pods and routes follow this configuration.
    const body = { metadata: { labels, annotations }, spec: wanted.spec };
    return client.patch(nodes, ref, { type: 'merge', body, signal });
  });
  const status = nodeStatus({
    config,
    nowMs: clock.now(),
    kubeletPort: kubeletPort(),
    former: node.status,
    bootID: bootID(),
  });
  node = await client.patch(nodes, ref, {
    type: 'strategic',
    body: { status },
    subresource: 'status',
    signal,
  });
  return node;
}

function bootID(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Shows the API that the node lives, until `signal` aborts; survives an API server that is away. */
export async function keepRegistered(options: RegisterOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, config } = options;
  const backoff = createBackoff({ minMs: 50, maxMs: 5000 });
  let statusDue = 0;
  let renewedAt = clock.now();
  while (!signal.aborted) {
    try {
      // So late after a pause of the whole machine.
      if (clock.now() - renewedAt > leaseSeconds * 1000) statusDue = 0;
      const isGone = !(await renewLease(options, signal));
      if (isGone || clock.now() >= statusDue) {
        const node = await ensureNode(options, signal);
        if (isGone) await createLease(options, node, signal);
        statusDue = clock.now() + statusMs;
      }
      backoff.reset();
      renewedAt = clock.now();
      await clock.sleep(renewMs, signal);
    } catch (err) {
      if (signal.aborted) return;
      // Meanwhile the node may have been declared silent: the next success says that it is not.
      statusDue = 0;
      logger.warn('cannot renew the lease of the node, trying again', { node: config.nodeName, err });
      await clock.sleep(backoff.next(), signal);
    }
  }
}

/** False when there is no lease. */
async function renewLease({ config, client, clock }: RegisterOptions, signal: AbortSignal): Promise<boolean> {
  const body = { spec: { renewTime: formatTime(clock.now(), 6) } };
  const ref = { namespace: leaseNamespace, name: config.nodeName };
  try {
    await client.patch(leases, ref, { type: 'merge', body, signal });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function createLease(
  { config, client, clock }: RegisterOptions,
  node: Node,
  signal: AbortSignal,
): Promise<void> {
  const { name, uid = '' } = node.metadata;
  const lease: Lease = {
    metadata: {
      name,
      namespace: leaseNamespace,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
    },
    spec: {
      holderIdentity: config.nodeName,
      leaseDurationSeconds: leaseSeconds,
      renewTime: formatTime(clock.now(), 6),
    },
  };
  await client.create(leases, lease, { signal }).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}
