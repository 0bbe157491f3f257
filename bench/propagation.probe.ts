// The inside of bench/propagation.ts: runs on a node's network, writes a Pod's readiness and watches what a client sees.
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { leases } from '../src/api/coordination/v1/lease.ts';
import { nodes } from '../src/api/core/v1/node.ts';
import { pods } from '../src/api/core/v1/pod.ts';
import { services } from '../src/api/core/v1/service.ts';
import { createClient } from '../src/client/client.ts';
import { transportFromKubeconfig } from '../src/client/kubeconfig.ts';

const VIRTUAL_IP = '10.96.0.99';
const PORT = 9999;
const rounds = Number(process.argv[2]);
const pod = { namespace: 'default', name: 'bench' };

const client = createClient(
  await transportFromKubeconfig(readFileSync(process.env['KUBECONFIG'] ?? '', 'utf8')),
);
const ownAddress = networkInterfaces()['eth0']?.find((a) => a.family === 'IPv4')?.address ?? '';
// Thousands of connections between the same two addresses: a reset leaves no port behind in TIME_WAIT.
const server = createServer((socket) => socket.on('error', () => undefined));
await new Promise<void>((resolve) => server.listen(PORT, '0.0.0.0', resolve));

/** Whether a connection to the virtual IP was accepted. */
function isReachable(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: VIRTUAL_IP, port: 80 });
    const done = (answer: boolean): void => {
      socket.resetAndDestroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.setTimeout(1000, () => done(false));
  });
}

async function setReady(isReady: boolean): Promise<void> {
  const status = isReady ? 'True' : 'False';
  const now = new Date().toISOString();
  await client.patch(pods, pod, {
    type: 'strategic',
    subresource: 'status',
    body: {
      status: {
        phase: 'Running',
        podIP: ownAddress,
        podIPs: [{ ip: ownAddress }],
        conditions: [{ type: 'Ready', status, lastTransitionTime: now }],
      },
    },
  });
}

/** Milliseconds from sending the change to the first connection that shows it. */
async function timeUntil(isReady: boolean): Promise<number> {
  const startedAt = performance.now();
  const written = setReady(isReady);
  while ((await isReachable()) !== isReady) {
    if (performance.now() - startedAt > 10_000)
      throw new Error(`readiness ${isReady} did not arrive within 10 s`);
  }
  const took = performance.now() - startedAt;
  await written;
  return took;
}

await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'bench' }, spec: {} });
await client.create(leases, {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'bench', namespace: 'kube-node-lease' },
  spec: { holderIdentity: 'bench', leaseDurationSeconds: 3600, renewTime: new Date().toISOString() },
});
await client.create(services, {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'bench', namespace: 'default' },
  spec: { clusterIP: VIRTUAL_IP, selector: { app: 'bench' }, ports: [{ port: 80, targetPort: PORT }] },
});
await client.create(pods, {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...pod, labels: { app: 'bench' } },
  spec: { nodeName: 'bench', containers: [{ name: 'c', image: 'host', command: ['true'] }] },
});
await timeUntil(true);
await timeUntil(false);
const [ready, removed]: [number[], number[]] = [[], []];
for (let i = 0; i < rounds; i++) {
  ready.push(await timeUntil(true));
  removed.push(await timeUntil(false));
}
process.stdout.write(JSON.stringify({ ready, removed }));
process.exit(0);
