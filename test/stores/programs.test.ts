import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { startEtcd } from '../../src/testing/etcd-process.ts';
import { eventually, freePort, runProgram } from '../../src/testing/test-cluster.ts';
import { kubeconfigOf, startApiserver, startProgram, untilLogged } from './programs.ts';
import type { ApiserverPlace, Program } from './programs.ts';

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web, ports: [{ containerPort: 80 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`;

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'portico-programs-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function ending(t: TestContext, program: Program): Program {
  t.after(async () => {
    program.signal('SIGKILL');
    await program.ended;
  });
  return program;
}

const kubectlFor = (place: ApiserverPlace) => async (line: string, input?: string) => {
  const args = line.split(' ');
  const outcome = await runProgram(['kubectl', '--kubeconfig', kubeconfigOf(place), ...args], {
    ...(input === undefined ? {} : { input }),
    timeoutMs: 30_000,
  });
  assert.equal(outcome.code, 0, outcome.stderr);
  return outcome.stdout.trim();
};

type Kubectl = ReturnType<typeof kubectlFor>;

const holderOf = (kubectl: Kubectl): Promise<string> =>
  kubectl('-n kube-system get lease kube-controller-manager -o jsonpath={.spec.holderIdentity}');

/** Short, so that a test need not wait for the usual 15 s. */
const QUICK_ELECTION = [
  '--leader-elect-lease-duration=4s',
  '--leader-elect-renew-deadline=3s',
  '--leader-elect-retry-period=500ms',
];

async function startManager(t: TestContext, place: ApiserverPlace): Promise<Program> {
  const port = await freePort();
  const flags = ['--kubeconfig', kubeconfigOf(place), `--secure-port=${port}`, '--bind-address=127.0.0.1'];
  return ending(t, startProgram('controller-manager', [...flags, ...QUICK_ELECTION]));
}

/** An API server, a leader and a standby; real kubectl; the leader is killed, then everything is stopped. */
async function wholeStory(t: TestContext, place: ApiserverPlace, flags: readonly string[]): Promise<void> {
  const server = ending(t, await startApiserver(place, flags));
  const kubectl = kubectlFor(place);
  const first = await startManager(t, place);
  await untilLogged(first, 'became the leader');
  const leader = await holderOf(kubectl);
  const second = await startManager(t, place);
  await kubectl('apply -f -', DEPLOYMENT);
  const pods = async (n: number): Promise<true | undefined> => {
    const names = await kubectl('get pods -l app=web -o name');
    return names.split('\n').length === n ? true : undefined;
  };
  const slices = await eventually('the endpoints of the Deployment', async () => {
    const types = await kubectl(
      'get endpointslices -l kubernetes.io/service-name=web -o jsonpath={.items[*].addressType}',
    );
    return types === '' ? undefined : types;
  });
  assert.equal(slices, 'IPv4');
  await eventually('two Pods', () => pods(2));
  assert.ok(!second.log().includes('became the leader'));
  first.signal('SIGKILL');
  await untilLogged(second, 'became the leader');
  assert.notEqual(await holderOf(kubectl), leader);
  await kubectl('scale deployment web --replicas=3');
  await eventually('a third Pod', () => pods(3));
  second.signal('SIGTERM');
  assert.equal(await second.ended, 0, second.log());
  assert.equal(await holderOf(kubectl), '', 'the lease was not given back');
  server.signal('SIGTERM');
  assert.equal(await server.ended, 0, server.log());
}

describe('programs of their own', { timeout: 400_000 }, () => {
  it('serve kubectl from SQLite; the standby of two controller managers takes over', async (t) => {
    const place = { dir: scratch(t), port: await freePort() };
    await wholeStory(t, place, [`--data-dir=${place.dir}`, '--service-cluster-ip-range=10.97.0.0/16']);
    const again = ending(
      t,
      await startApiserver(place, [`--data-dir=${place.dir}`, '--service-cluster-ip-range=10.97.0.0/16']),
    );
    assert.match(await kubectlFor(place)('get svc'), /10\.97\.0\.1 .*\n.*web/);
    again.signal('SIGTERM');
    assert.equal(await again.ended, 0, again.log());
  });

  it('let each controller act as its own service account, with the rights of its role', async (t) => {
    const place = { dir: scratch(t), port: await freePort() };
    const tokens = join(place.dir, 'tokens.csv');
    writeFileSync(tokens, 'secret-of-the-manager,system:kube-controller-manager,1\n');
    const server = ending(
      t,
      await startApiserver(place, [
        `--data-dir=${place.dir}`,
        '--authorization-mode=Node,RBAC',
        `--token-auth-file=${tokens}`,
      ]),
    );
    const kubectl = kubectlFor(place);
    const kubeconfig = join(place.dir, 'manager.kubeconfig');
    const { clusters } = JSON.parse(await kubectl('config view --raw -o json')) as {
      clusters: readonly { readonly name: string }[];
    };
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters,
        users: [{ name: 'manager', user: { token: 'secret-of-the-manager' } }],
        contexts: [{ name: 'c', context: { cluster: clusters[0]?.name, user: 'manager' } }],
        'current-context': 'c',
      }),
    );
    const manager = ending(
      t,
      startProgram('controller-manager', [
        `--kubeconfig=${kubeconfig}`,
        '--secure-port=0',
        '--use-service-account-credentials',
      ]),
    );
    await untilLogged(manager, 'became the leader');
    await kubectl('create -f -', '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}');
    const ready = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}';
    await kubectl(`patch node n --subresource=status --type=merge -p ${ready}`);
    await kubectl('apply -f -', DEPLOYMENT);
    await eventually('two Pods on the node', async () => {
      const text = await kubectl('get pods -l app=web -o jsonpath={.items[*].spec.nodeName}');
      return text === 'n n' ? true : undefined;
    });
    const writers = await kubectl(
      'get deployment,replicaset,pod -l app=web -o jsonpath={.items[*].metadata.managedFields[*].manager}',
    );
    assert.match(writers, /portico-controller-manager/);
    const accounts = await kubectl('-n kube-system get serviceaccounts -o name');
    for (const name of [
      'deployment-controller',
      'replicaset-controller',
      'endpointslice-controller',
      'kube-scheduler',
    ]) {
      assert.match(accounts, new RegExp(`serviceaccount/${name}$`, 'm'));
    }
    assert.doesNotMatch(manager.log(), /forbidden/);
    manager.signal('SIGTERM');
    assert.equal(await manager.ended, 0, manager.log());
    server.signal('SIGTERM');
    assert.equal(await server.ended, 0, server.log());
  });

  it('serve kubectl from etcd, two servers as one', async (t) => {
    const etcd = await startEtcd();
    t.after(() => etcd.stop());
    const place = { dir: scratch(t), port: await freePort() };
    const flags = [`--etcd-servers=${etcd.servers.join(',')}`];
    const other = { ...place, port: await freePort() };
    const second = ending(t, await startApiserver(other, flags));
    await kubectlFor(other)('create configmap before');
    const told = wholeStory(t, place, flags);
    await told;
    assert.match(await kubectlFor(other)('get configmaps,services'), /configmap\/before[\s\S]*service\/web/);
    second.signal('SIGTERM');
    assert.equal(await second.ended, 0, second.log());
  });
});
