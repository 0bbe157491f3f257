import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNotFound } from '../../api/errors/api-error.ts';
import { deployments } from '../../api/apps/v1/deployment.ts';
import { pods, type Pod } from '../../api/core/v1/pod.ts';
import { services } from '../../api/core/v1/service.ts';
import { realClock } from '../../base/clock.ts';
import { createClient, type Client } from '../../client/client.ts';
import { readText } from '../../client/json-frames.ts';
import { transportFromKubeconfig } from '../../client/kubeconfig.ts';
import type { Cluster } from '../up/cluster.ts';
import { parseUpOptions, type UpFlags } from '../up/options.ts';
import { interrupted, startOrStop, untilStopped } from '../up/up.ts';
import { UserError } from '../up/user-error.ts';
import { applyFile } from './apply.ts';

export interface DemoFlags extends UpFlags {
  readonly exit?: boolean;
}

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'examples', 'my-service.yaml');
const WAIT_MS = 30_000;
const POLL_MS = 20;
const REPLICAS = 3;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Asks until `probe` gives something; a UserError naming `what` after 30 s. */
async function eventually<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const end = realClock.now() + WAIT_MS;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (realClock.now() > end) throw new UserError(`gave up waiting for ${what} after ${WAIT_MS / 1000} s`);
    await realClock.sleep(POLL_MS);
  }
}

function clientPod(urls: readonly string[]): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'client', namespace: 'default', labels: { app: 'client' } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'client', image: 'portico/client', args: ['--until', String(REPLICAS), ...urls] }],
    },
  };
}

async function removeClient(client: Client): Promise<void> {
  const ref = { namespace: 'default', name: 'client' };
  const options = { gracePeriodSeconds: 0 };
  await client.delete(pods, ref, options).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
  await eventually('the client Pod of an earlier run to go', () =>
    client.get(pods, ref).then(
      () => undefined,
      (error: unknown) => (isNotFound(error) ? true : Promise.reject(error as Error)),
    ),
  );
}

/** Runs a Pod that calls every URL until each of the replicas has answered, and returns what it printed. */
async function callFromPod(client: Client, urls: readonly string[]): Promise<string> {
  await removeClient(client);
  await client.create(pods, clientPod(urls));
  const ended = await eventually('the client Pod to end', async () => {
    const pod = await client.get(pods, { namespace: 'default', name: 'client' });
    return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' ? pod : undefined;
  });
  const path = '/api/v1/namespaces/default/pods/client/log';
  const response = await client.transport.request({ method: 'GET', path });
  const log = (await readText(response.body)).trimEnd();
  if (ended.status?.phase !== 'Succeeded') throw new UserError(`the client Pod failed:\n${log}`);
  return log;
}

/** Applies the example, calls it by name and by virtual IP until every replica has answered, and says who did. */
async function prove(cluster: Cluster): Promise<void> {
  const client = createClient(await transportFromKubeconfig(readFileSync(cluster.kubeconfig, 'utf8')));
  try {
    say(`\nkubectl apply -f examples/my-service.yaml`);
    for (const applied of await applyFile(client, EXAMPLE)) say(`  ${applied}`);
    await eventually(`${REPLICAS} ready Pods`, async () => {
      const { status } = await client.get(deployments, { namespace: 'default', name: 'my-app' });
      return (status?.availableReplicas ?? 0) >= REPLICAS ? true : undefined;
    });
    const { spec } = await client.get(services, { namespace: 'default', name: 'my-service' });
    say(`my-service has the virtual IP ${spec.clusterIP}; a client Pod calls it:`);
    const log = await callFromPod(client, [
      'http://my-service/hostname',
      `http://${spec.clusterIP}/hostname`,
    ]);
    for (const line of log.split('\n')) say(`  ${line}`);
  } finally {
    client.transport.close();
  }
}

function whereToGoNext(cluster: Cluster): string {
  return `
All ${REPLICAS} Pods answered, by name and by virtual IP. Try, in another terminal:
  export KUBECONFIG=${cluster.kubeconfig}
  kubectl get services,endpointslices,pods -o wide
  kubectl scale deployment my-app --replicas=5
  dig @127.0.0.1 -p ${cluster.dnsPort} my-service.default.svc.cluster.local
  bin/portico shell -- sh        (a shell on node-1, inside the sandbox)
README.md says more. Ctrl-C stops the cluster.`;
}

/** `portico demo`: a cluster, the example, the proof; stays up unless `--exit`. */
export async function demo(flags: DemoFlags): Promise<void> {
  if (parseUpOptions(flags).network === 'none') {
    throw new UserError(
      'the demo shows virtual IPs, which --network none has not; use `portico up --network none`',
      { exitCode: 2 },
    );
  }
  const signal = interrupted();
  const cluster = await startOrStop(flags, signal);
  try {
    await prove(cluster);
    say(
      flags.exit === true
        ? `\nAll ${REPLICAS} Pods answered, by name and by virtual IP.`
        : whereToGoNext(cluster),
    );
    if (flags.exit !== true) await untilStopped(cluster, signal);
  } finally {
    await cluster.stop();
  }
}
