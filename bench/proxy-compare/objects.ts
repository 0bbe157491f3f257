import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endpoints } from '../../src/api/core/v1/endpoints.ts';
import type { Endpoints } from '../../src/api/core/v1/endpoints.ts';
import { nodes } from '../../src/api/core/v1/node.ts';
import { services } from '../../src/api/core/v1/service.ts';
import type { Service } from '../../src/api/core/v1/service.ts';
import { endpointSlices } from '../../src/api/discovery/v1/endpoint-slice.ts';
import type { EndpointSlice } from '../../src/api/discovery/v1/endpoint-slice.ts';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client.ts';
import { transportFromKubeconfig } from '../../src/client/kubeconfig.ts';
import { ApiError } from '../../src/api/errors/api-error.ts';
import { formatIp } from '../../src/net/ip.ts';
import { CLOSED_PORT, HOST_IP, NODE_IP, POD_PORT } from './place.ts';

const PORTICO = join(import.meta.dirname, '..', '..', 'bin', 'portico');
const SECURE_PORT = 6443;
const WRITERS = 32;
const FIRST_CLUSTER_IP = 0x0a640000n; // 10.100.0.0
const FIRST_ENDPOINT = 0x0a800100n; // 10.128.1.0
export const NODE_NAME = 'node-1';

/** Services that all runs find; those that come and go; those whose endpoints change. */
export type Kind = 'steady' | 'late' | 'moved';
const firstOf: Readonly<Record<Kind, number>> = { steady: 0, late: 200_000, moved: 201_000 };

const nameOf = (kind: Kind, n: number): string => `${kind}-${n}`;
export const addressOf = (kind: Kind, n: number): string =>
  formatIp('IPv4', FIRST_CLUSTER_IP + BigInt(firstOf[kind] + n));

function serviceOf(kind: Kind, n: number): Service {
  const ip = addressOf(kind, n);
  return {
    metadata: { name: nameOf(kind, n), namespace: 'default' },
    spec: {
      type: 'ClusterIP',
      clusterIP: ip,
      clusterIPs: [ip],
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: POD_PORT }],
    },
  };
}

function sliceOf(kind: Kind, n: number, { port, endpoints }: SliceOptions): EndpointSlice {
  const first = FIRST_ENDPOINT + BigInt((firstOf[kind] + n) * endpoints);
  return {
    metadata: {
      name: nameOf(kind, n),
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': nameOf(kind, n) },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: Array.from({ length: endpoints }, (_, i) => ({
      addresses: [formatIp('IPv4', first + BigInt(i))],
      conditions: { ready: true },
      nodeName: NODE_NAME,
    })),
  };
}

/** The same as an Endpoints object. */
function endpointsOf(kind: Kind, n: number, options: SliceOptions): Endpoints {
  const slice = sliceOf(kind, n, options);
  const addresses = (slice.endpoints ?? []).map((each) => ({
    ip: each.addresses[0] ?? '',
    nodeName: NODE_NAME,
  }));
  const ports = [{ name: 'http', port: options.port, protocol: 'TCP' }];
  return { metadata: { name: nameOf(kind, n), namespace: 'default' }, subsets: [{ addresses, ports }] };
}

interface SliceOptions {
  readonly port: number;
  readonly endpoints: number;
}

/** The one API server that all proxies work with, and what it holds. */
export interface Objects {
  readonly child: ChildProcess;
  readonly kubeconfig: string;
  /** Makes Services until there are so many. */
  grow(services: number): Promise<void>;
  create(n: number): Promise<unknown>;
  remove(n: number): Promise<unknown>;
  /** Lets the endpoints of a Service listen, or not. */
  move(n: number, isListening: boolean): Promise<unknown>;
}

export interface ObjectsOptions {
  readonly dir: string;
  readonly endpoints: number;
  /** Of those that come and go, and of those that change. */
  readonly repeats: number;
  /** Endpoints objects too, for a proxy that knows no EndpointSlices. */
  readonly hasEndpoints: boolean;
}

async function startServer(dir: string): Promise<{ child: ChildProcess; kubeconfig: string }> {
  const tokens = join(dir, 'tokens.csv');
  writeFileSync(tokens, 'bench-token,bench,bench,"system:masters"\n');
  const log = join(dir, 'apiserver.log');
  const flags = [`--secure-port=${SECURE_PORT}`, `--data-dir=${dir}/data`, `--cert-dir=${dir}/pki`];
  const child = spawn(
    'sh',
    ['-c', 'exec "$@" 2>"$0"', log, PORTICO, 'apiserver', ...flags, `--token-auth-file=${tokens}`],
    {
      stdio: 'ignore',
    },
  );
  for (let ms = 0; !readLog(log).includes('"serving"'); ms += 50) {
    if (ms > 60_000 || child.exitCode !== null) throw new Error(`no API server: ${readLog(log)}`);
    await sleep(50);
  }
  const kubeconfig = join(dir, 'kubeconfig');
  const server = `https://${HOST_IP}:${SECURE_PORT}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'bench-token' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return { child, kubeconfig };
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not yet
  }
}

/** Connections break on a busy machine; what was written nevertheless is there already. */
async function make(write: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await write();
      return;
    } catch (error) {
      // The name is taken, or the address.
      if (error instanceof ApiError && tries > 0 && [409, 422].includes(error.code)) return;
      if (error instanceof ApiError || tries === 10) throw error;
      await sleep(200);
    }
  }
}

async function each(from: number, to: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = from;
  const writer = async (): Promise<void> => {
    for (let n = next++; n < to; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

async function registerNode(client: Client): Promise<void> {
  await client.create(nodes, { metadata: { name: NODE_NAME }, spec: { podCIDRs: ['10.128.0.0/9'] } });
  const body = { status: { addresses: [{ type: 'InternalIP', address: NODE_IP }] } };
  await client.patch(nodes, { name: NODE_NAME }, { type: 'merge', subresource: 'status', body });
}

/** Starts it, and makes what is there in every run. */
export async function startObjects(options: ObjectsOptions): Promise<Objects> {
  const { dir, repeats, hasEndpoints } = options;
  const { child, kubeconfig } = await startServer(dir);
  const local = readFileSync(kubeconfig, 'utf8').replace(HOST_IP, '127.0.0.1');
  const client = createClient(await transportFromKubeconfig(local));
  const open = { port: POD_PORT, endpoints: options.endpoints };
  const closed = { port: CLOSED_PORT, endpoints: options.endpoints };
  const writer =
    (verb: 'create' | 'update') =>
    async (kind: Kind, n: number, to: SliceOptions): Promise<void> => {
      const slice = make(() => client[verb](endpointSlices, sliceOf(kind, n, to)));
      const twin = hasEndpoints ? make(() => client[verb](endpoints, endpointsOf(kind, n, to))) : undefined;
      await Promise.all([slice, twin]);
    };
  const [lead, redirect] = [writer('create'), writer('update')];
  await registerNode(client);
  await each(0, repeats, async (n) => {
    await lead('late', n, open);
    await lead('moved', n, closed);
    await make(() => client.create(services, serviceOf('moved', n)));
  });
  let size = 0;
  return {
    child,
    kubeconfig,
    grow: async (wanted) => {
      await each(size, wanted, async (n) => {
        await make(() => client.create(services, serviceOf('steady', n)));
        await lead('steady', n, open);
      });
      size = wanted;
    },
    create: (n) => make(() => client.create(services, serviceOf('late', n))),
    remove: (n) => client.delete(services, { namespace: 'default', name: nameOf('late', n) }),
    move: (n, isListening) => redirect('moved', n, isListening ? open : closed),
  };
}
