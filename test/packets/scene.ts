import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pods, type Pod } from '../../src/api/core/v1/pod.ts';
import { services } from '../../src/api/core/v1/service.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { transportFromKubeconfig } from '../../src/client/kubeconfig.ts';
import { readCluster } from '../../src/cmd/up/data-dir.ts';
import { enterSandbox } from '../../src/cmd/up/sandbox.ts';
import { eventually, startTestCluster, type TestCluster } from '../../src/testing/test-cluster.ts';
import { kubectlIn, type Kubectl } from '../kubectl/kubectl-cases.ts';
import type { Manifest } from '../kubectl/manifests.ts';
import { openPlace, type Place, type RunningLoad } from './place.ts';
import type { LoadReport, Target } from './prober.ts';

const PORTICO = join(import.meta.dirname, '..', '..', 'bin', 'portico');
/** How long Pods may take to be ready on a busy machine. */
const START_MS = 60_000;

/** Where calls come from: a node or a Pod by name, the fabric the nodes hang on, or the host's own network. */
export type Where = { readonly node: string } | { readonly pod: string } | 'fabric' | 'host';

/** One case's share of a cluster: a namespace of its own. */
export interface Scene {
  readonly cluster: TestCluster;
  readonly namespace: string;
  readonly kubectl: Kubectl;
  readonly client: Client;
  /** Applies the manifests, in order. */
  apply(...manifests: readonly Manifest[]): Promise<void>;
  /** Resolves with the Pods of `app: NAME` once they are so many and all ready. */
  ready(app: string, n: number): Promise<readonly Pod[]>;
  pod(name: string): Promise<Pod>;
  /** The Service's virtual IP and its first port. */
  target(service: string): Promise<Target>;
  /** Opens a client there; closed with the case. Pods are waited for. */
  at(where: Where): Promise<Place>;
}

export type PacketCase = (scene: Scene) => Promise<void>;

/** Runs each case of the table, one after the other, in a namespace of its own of one cluster (default: of three nodes). */
export function packetCases(
  title: string,
  cases: Readonly<Record<string, PacketCase>>,
  start: () => Promise<TestCluster> = startTestCluster,
): void {
  describe(title, () => {
    let cluster: TestCluster | undefined;
    let client: Client | undefined;
    before(async () => {
      cluster = await start();
      client = createClient(await transportFromKubeconfig(readFileSync(cluster.kubeconfig, 'utf8')));
    });
    after(async () => {
      client?.transport.close();
      await cluster?.stop();
    });
    Object.entries(cases).forEach(([sentence, run], index) => {
      it(sentence, async () => {
        assert.ok(cluster !== undefined && client !== undefined);
        const namespace = `case-${index}`;
        const places: Place[] = [];
        const kubectl = kubectlIn(cluster, namespace);
        await kubectl.ok(`create namespace ${namespace}`);
        try {
          await run(createScene({ cluster, client, namespace, kubectl }, places));
        } finally {
          await Promise.all(places.map((place) => place.close()));
          await kubectl.run(`delete namespace ${namespace} --wait=false`);
        }
      });
    });
  });
}

export const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

type Setting = Pick<Scene, 'cluster' | 'client' | 'namespace' | 'kubectl'>;

function createScene(setting: Setting, places: Place[]): Scene {
  const { cluster, client, namespace, kubectl } = setting;
  const listed = async (app: string): Promise<readonly Pod[]> =>
    (await client.list(pods, { namespace, labelSelector: `app=${app}` })).items;
  const command = (where: Where, program: readonly string[]): readonly string[] => {
    if (where === 'host') return program;
    if (where === 'fabric') {
      const sandbox = readCluster(cluster.root)?.sandbox;
      assert.ok(sandbox !== undefined);
      return enterSandbox(sandbox.pid, sandbox.hasUserNamespace, [program[0] ?? '', ...program.slice(1)]);
    }
    const flag = 'node' in where ? ['--node', where.node] : ['--pod', `${namespace}/${where.pod}`];
    return [PORTICO, 'shell', '--data-dir', cluster.root, ...flag, '--', ...program];
  };
  return {
    ...setting,
    apply: async (...manifests) => void (await kubectl.ok('apply -f -', manifests)),
    ready: (app, n) =>
      eventually(
        `${n} ready Pods of ${app} in ${namespace}`,
        async () => {
          const found = await listed(app);
          return found.length === n && found.every(isReady) ? found : undefined;
        },
        START_MS,
      ),
    pod: (name) => client.get(pods, { namespace, name }),
    target: async (name) => {
      const { spec } = await client.get(services, { namespace, name });
      return { host: spec.clusterIP ?? '', port: spec.ports?.[0]?.port ?? 0 };
    },
    at: async (where) => {
      if (typeof where === 'object' && 'pod' in where) {
        await eventually(
          `the Pod ${where.pod} to run`,
          async () => {
            const pod = await client.get(pods, { namespace, name: where.pod });
            return isReady(pod) ? pod : undefined;
          },
          START_MS,
        );
      }
      const place = openPlace((program) => command(where, program));
      places.push(place);
      return place;
    },
  };
}

/** Calls until exactly these names answer, and so many in a row: the proxy of that node knows them all, and no other. */
export function settled(place: Place, target: Target, names: readonly string[]): Promise<true> {
  return eventually(`${target.host} to be answered by ${names.join(' ')}`, async () => {
    const answers = await place.answers({ ...target, n: 12 * names.length, concurrency: 4, timeoutMs: 2000 });
    const seen = new Set(answers.map((a) => a.text ?? a.error ?? ''));
    return seen.size === names.length && names.every((name) => seen.has(name)) ? true : undefined;
  });
}

/** A node port that no program of this machine's loopback has. */
export async function freeNodePort(): Promise<number> {
  for (;;) {
    const port = 30_000 + Math.floor(Math.random() * 2768);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/**
 * The chi-square value that fair draws stay below in all but about one of 100 000 runs: the approximation of Wilson and
 * Hilferty, which errs to the generous side for few degrees of freedom.
 */
function chiSquareBound(degreesOfFreedom: number): number {
  const spread = 2 / (9 * degreesOfFreedom);
  return degreesOfFreedom * (1 - spread + 4.265 * Math.sqrt(spread)) ** 3;
}

/** Fails unless the answers are spread over these names as independent fair draws would be, or more evenly. */
export function assertBalanced(answers: readonly string[], names: readonly string[]): void {
  const counts = new Map(names.map((name) => [name, 0]));
  for (const answer of answers) {
    assert.ok(counts.has(answer), `answered by ${answer}, which is none of ${names.join(' ')}`);
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  const expected = answers.length / names.length;
  const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  assert.ok(
    chiSquare < chiSquareBound(names.length - 1),
    `${[...counts].join(' ')}: chi-square ${chiSquare}`,
  );
}

/** Fails, with how many requests met which error, unless every request of the load was answered. */
export function assertNoFailures({ nRequests, failures }: LoadReport): void {
  const counts = new Map<string, number>();
  for (const { error } of failures) counts.set(error, (counts.get(error) ?? 0) + 1);
  assert.deepEqual(Object.fromEntries(counts), {}, `${failures.length} of ${nRequests} requests failed`);
}

/** Resolves once so many more requests of each load were answered, and these names among all its answers. */
export async function answered(
  loads: readonly RunningLoad[],
  nMore: number,
  names: readonly string[] = [],
): Promise<void> {
  const count = ({ answers }: LoadReport): number =>
    Object.values(answers).reduce((sum, { n }) => sum + n, 0);
  await Promise.all(
    loads.map(async (load) => {
      const before = count(await load.soFar());
      await eventually(`${nMore} more answers to a load`, async () => {
        const report = await load.soFar();
        const isEnough = count(report) >= before + nMore && names.every((name) => name in report.answers);
        return isEnough || undefined;
      });
    }),
  );
}

/** Until a client sends a lost packet again. */
const RETRANSMISSION_MS = 900;

/**
 * Fails unless every call is refused once the proxy has heard that nobody serves, and at once: in the median not only after a packet
 * was sent again.
 */
export async function assertRefused(place: Place, target: Target): Promise<void> {
  await eventually('a refusal', async () => {
    const [answer] = await place.answers({ ...target, n: 1 });
    return answer?.error === 'ECONNREFUSED' ? true : undefined;
  });
  const n = 10;
  const answers = await place.answers({ ...target, n });
  const outcomes = new Set(answers.map(({ text, error }) => text ?? error));
  assert.deepEqual(
    [...outcomes],
    ['ECONNREFUSED'],
    `${target.protocol ?? 'HTTP'} ${target.host}:${target.port}`,
  );
  const times = answers.map(({ ms }) => ms).sort((x, y) => x - y);
  const median = times[Math.floor((n - 1) / 2)] ?? Infinity;
  assert.ok(median < RETRANSMISSION_MS, `refused only after ${times.join(' ')} ms`);
}

export const nameOf = (pod: Pod): string => pod.metadata.name;
