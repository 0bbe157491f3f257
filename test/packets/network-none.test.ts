import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { services } from '../../src/api/core/v1/service.ts';
import { descendantsOf } from '../../src/testing/processes.ts';
import { eventually, runProgram, type TestCluster } from '../../src/testing/test-cluster.ts';
import { ordinaryUser } from '../cli/ordinary-user.ts';
import { startPortico } from '../cli/running.ts';
import { echoDeployment, echoService } from './manifests.ts';
import type { Target } from './prober.ts';
import { assertRefused, nameOf, packetCases, settled, type PacketCase, type Scene } from './scene.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'my-service.yaml');
const LOOPBACK = /^127\.96\.\d+\.\d+$/;

/** `portico up --network none` by somebody without any privilege. */
async function startWithoutNetwork(): Promise<TestCluster> {
  const user = ordinaryUser();
  const portico = await startPortico(user, { argv: user.as([user.portico]), flags: ['--network', 'none'] });
  const kubeconfig = await portico.up;
  const env = { ...user.env, KUBECONFIG: kubeconfig };
  return {
    root: user.root,
    kubeconfig,
    apiPort: portico.apiPort,
    dnsPort: portico.dnsPort,
    pid: portico.pid,
    kubectl: (args, input) =>
      runProgram(user.as(['kubectl', ...args]), { env, ...(input === undefined ? {} : { input }) }),
    shell: (argv) => runProgram(user.as(argv), { env }),
    stop: async () => {
      portico.signal('SIGINT');
      const outcome = await portico.ended;
      user.remove();
      return outcome;
    },
  };
}

/** Where the Service answers: its cluster IP and port, or where the proxy says when this user may not listen there. */
async function localTarget(scene: Scene, name: string): Promise<Target> {
  const { metadata, spec } = await scene.client.get(services, { namespace: scene.namespace, name });
  const clusterIP = spec.clusterIP ?? '';
  assert.match(clusterIP, LOOPBACK);
  const said = metadata.annotations?.['portico.dev/local-address'];
  if (said === undefined) return { host: clusterIP, port: spec.ports?.[0]?.port ?? 0 };
  const [, host = '', port = ''] = /^80=([\d.]+):(\d+)$/.exec(said) ?? [];
  assert.equal(host, clusterIP, said);
  return { host, port: Number(port) };
}

const example: PacketCase = async (scene) => {
  await scene.kubectl.ok(`apply -f ${EXAMPLE}`);
  const names = (await scene.ready('MyApp', 3)).map(nameOf);
  const host = await scene.at('host');
  const unprivilegedFrom = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  const target = await eventually('the Service to say where it answers', async () => {
    const found = await localTarget(scene, 'my-service');
    return unprivilegedFrom <= 80 || found.port !== 80 ? found : undefined;
  });
  await settled(host, target, names);
  const answers = await host.texts({ ...target, n: 30 });
  for (const name of names) assert.equal(answers.filter((a) => a === name).length, 10, answers.join(' '));
  for (const { pid } of descendantsOf(scene.cluster.pid)) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    assert.match(status, /^Uid:\t[1-9]\d*\t[1-9]/m, `process ${pid} is no superuser’s`);
    assert.match(status, /^CapEff:\t0+$/m, `process ${pid} has no capability`);
  }
};

const ownPort: PacketCase = async (scene) => {
  const ports = (['TCP', 'UDP'] as const).map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 8080,
    targetPort: 9376,
  }));
  await scene.apply(echoService('web', { ports }), echoDeployment('web', 2, { args: ['--drain', '0'] }));
  const names = (await scene.ready('web', 2)).map(nameOf);
  const { host: clusterIP } = await scene.target('web');
  assert.match(clusterIP, LOOPBACK);
  const target = { host: clusterIP, port: 8080 };
  const host = await scene.at('host');
  await settled(host, target, names);
  const udp = await host.texts({ ...target, protocol: 'UDP', n: 10 });
  assert.deepEqual(new Set(udp.map((text) => text.split(' ')[0])), new Set(names));
  await scene.kubectl.ok('scale deployment web --replicas=0');
  await scene.ready('web', 0);
  await eventually('the listener to be closed', async () => {
    const [answer] = await host.answers(target);
    return answer?.error === 'ECONNREFUSED' ? true : undefined;
  });
  await assertRefused(host, target);
  await assertRefused(host, { ...target, protocol: 'UDP' });
  await scene.kubectl.ok('scale deployment web --replicas=1');
  await settled(host, target, (await scene.ready('web', 1)).map(nameOf));
};

packetCases(
  '--network none, for an ordinary user',
  {
    'serves the example on the loopback': example,
    'serves ports above 1024 on the cluster IP itself, over TCP and UDP, and refuses without endpoints':
      ownPort,
  },
  startWithoutNetwork,
);
