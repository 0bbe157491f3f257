import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl } from '../kubectl/kubectl-cases.ts';
import { service } from '../kubectl/manifests.ts';
import { dig, said } from './dig.ts';

const shellPod = (name: string, script: string, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'host', command: ['sh', '-c', script] }],
    ...spec,
  },
});

const started = (kubectl: Kubectl, name: string): Promise<string> =>
  kubectl.ok(`wait --for=condition=Ready pod/${name} --timeout=25s`);

/** What a command prints in a Pod. */
async function inPod(kubectl: Kubectl, pod: string, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await kubectl.cluster.shell(argv, { pod: `${kubectl.namespace}/${pod}` });
  assert.equal(code, 0, `${argv.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** The addresses that the Pod's own resolver (getent, so libc) finds for a name. */
const resolved = (kubectl: Kubectl, pod: string, name: string): Promise<readonly string[]> =>
  eventually(`${name} in ${pod}`, async () => {
    const where = { pod: `${kubectl.namespace}/${pod}` };
    const { code, stdout } = await kubectl.cluster.shell(['getent', 'ahostsv4', name], where);
    if (code !== 0) return undefined;
    return [
      ...new Set(
        stdout
          .trim()
          .split('\n')
          .map((line) => line.split(/\s+/)[0] ?? ''),
      ),
    ].sort();
  });

/** The environment a finished Pod printed. */
async function environmentOf(kubectl: Kubectl, pod: string): Promise<Readonly<Record<string, string>>> {
  await kubectl.ok(`wait --for=jsonpath={.status.phase}=Succeeded pod/${pod} --timeout=25s`);
  const lines = (await kubectl.ok(`logs ${pod}`)).split('\n');
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

const starting = (
  environment: Readonly<Record<string, string>>,
  prefix: string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith(prefix)));

kubectlCases('names and variables inside Pods', {
  'a Pod finds Services by short, longer and full name': async (kubectl) => {
    await kubectl.ok('create -f -', [
      service('my-service', { clusterIP: '10.96.60.1' }),
      shellPod('p', 'sleep 600'),
    ]);
    await started(kubectl, 'p');
    const names = ['my-service', `my-service.${kubectl.namespace}`, `my-service.${kubectl.namespace}.svc`];
    for (const name of [...names, `${names[2]}.cluster.local`, `${names[2]}.cluster.local.`]) {
      assert.deepEqual(await resolved(kubectl, 'p', name), ['10.96.60.1'], name);
    }
    assert.deepEqual(await resolved(kubectl, 'p', 'kubernetes.default'), ['10.96.0.1']);
    const { code } = await kubectl.cluster.shell(['getent', 'hosts', 'kubernetes'], {
      pod: `${kubectl.namespace}/p`,
    });
    assert.equal(code, 2, 'a short name is of the own namespace only');
  },
  'resolv.conf has the server, the search path and ndots:5': async (kubectl) => {
    await kubectl.ok('create -f -', shellPod('p', 'sleep 600'));
    await started(kubectl, 'p');
    assert.deepEqual((await inPod(kubectl, 'p', ['cat', '/etc/resolv.conf'])).split('\n'), [
      `search ${kubectl.namespace}.svc.cluster.local svc.cluster.local cluster.local`,
      'nameserver 10.96.0.10',
      'options ndots:5',
    ]);
  },
  'a Pod may have a resolver of its own making': async (kubectl) => {
    const dnsConfig = {
      nameservers: ['192.0.2.53'],
      searches: ['example.com'],
      options: [{ name: 'ndots', value: '2' }],
    };
    await kubectl.ok('create -f -', shellPod('p', 'sleep 600', { dnsPolicy: 'None', dnsConfig }));
    await started(kubectl, 'p');
    assert.equal(
      await inPod(kubectl, 'p', ['cat', '/etc/resolv.conf']),
      'search example.com\nnameserver 192.0.2.53\noptions ndots:2',
    );
  },
  'headless: the names of the Pods lead to the Pods, host name and all': async (kubectl) => {
    await kubectl.ok('create -f -', [
      service('group', { clusterIP: 'None', selector: { app: 'a' }, ports: [{ name: 'x', port: 80 }] }),
      shellPod('a', 'sleep 600', { hostname: 'alpha', subdomain: 'group' }),
    ]);
    await started(kubectl, 'a');
    const ip = await kubectl.ok('get pod a -o jsonpath={.status.podIP}');
    assert.match(ip, /^10\.244\.0\.\d+$/);
    assert.deepEqual(await resolved(kubectl, 'a', 'group'), [ip]);
    assert.deepEqual(await resolved(kubectl, 'a', 'alpha.group'), [ip]);
    assert.equal(await inPod(kubectl, 'a', ['hostname']), 'alpha');
    assert.match(
      await inPod(kubectl, 'a', ['cat', '/etc/hosts']),
      new RegExp(`^${ip}\\s+alpha\\.group\\.`, 'm'),
    );
    const back = await dig(kubectl.cluster, `-x ${ip}`);
    assert.deepEqual(said(back.answer), [`PTR alpha.group.${kubectl.namespace}.svc.cluster.local.`]);
    await kubectl.ok('delete pod a');
    await eventually('the Pod gone from its name', async () => {
      const { answer } = await dig(kubectl.cluster, `group.${kubectl.namespace}.svc.cluster.local`);
      return answer.length === 0 ? true : undefined;
    });
  },
  'the seven variables of redis-master': async (kubectl) => {
    await kubectl.ok(
      'create -f -',
      service('redis-master', { clusterIP: '10.96.0.11', ports: [{ port: 6379 }] }),
    );
    await kubectl.ok('create -f -', shellPod('p', 'env'));
    assert.deepEqual(starting(await environmentOf(kubectl, 'p'), 'REDIS_MASTER'), {
      REDIS_MASTER_SERVICE_HOST: '10.96.0.11',
      REDIS_MASTER_SERVICE_PORT: '6379',
      REDIS_MASTER_PORT: 'tcp://10.96.0.11:6379',
      REDIS_MASTER_PORT_6379_TCP: 'tcp://10.96.0.11:6379',
      REDIS_MASTER_PORT_6379_TCP_PROTO: 'tcp',
      REDIS_MASTER_PORT_6379_TCP_PORT: '6379',
      REDIS_MASTER_PORT_6379_TCP_ADDR: '10.96.0.11',
    });
  },
  'named ports, other namespaces, and Services without a virtual IP': async (kubectl) => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'dns-udp', port: 53, protocol: 'UDP' },
    ];
    await kubectl.ok('create -f -', [
      service('two', { clusterIP: '10.96.60.2', ports }),
      service('headless', { clusterIP: 'None' }),
      service('elsewhere', { type: 'ExternalName', externalName: 'a.example.com', ports: [] }),
      shellPod('p', 'env'),
      shellPod('none', 'env', { enableServiceLinks: false }),
    ]);
    const environment = await environmentOf(kubectl, 'p');
    const { TWO_SERVICE_PORT, TWO_SERVICE_PORT_HTTP, TWO_SERVICE_PORT_DNS_UDP, TWO_PORT_53_UDP } =
      environment;
    assert.deepEqual(
      [TWO_SERVICE_PORT, TWO_SERVICE_PORT_HTTP, TWO_SERVICE_PORT_DNS_UDP, TWO_PORT_53_UDP],
      ['80', '80', '53', 'udp://10.96.60.2:53'],
    );
    assert.deepEqual(starting(environment, 'HEADLESS'), {});
    assert.deepEqual(starting(environment, 'ELSEWHERE'), {});
    assert.deepEqual(starting(environment, 'KUBE_DNS'), {});
    assert.equal(environment.KUBERNETES_SERVICE_HOST, '10.96.0.1');
    const without = await environmentOf(kubectl, 'none');
    assert.deepEqual(starting(without, 'TWO_'), {});
    assert.equal(without.KUBERNETES_SERVICE_HOST, '10.96.0.1');
  },
  'a Service that came after the Pod is not among its variables, but has a name': async (kubectl) => {
    await kubectl.ok(
      'create -f -',
      shellPod('early', 'until getent hosts late; do sleep 0.2; done >/dev/null; env'),
    );
    await started(kubectl, 'early');
    await kubectl.ok('create -f -', service('late', { clusterIP: '10.96.60.3' }));
    await kubectl.ok('create -f -', shellPod('later', 'env'));
    assert.deepEqual(starting(await environmentOf(kubectl, 'early'), 'LATE_'), {});
    assert.equal((await environmentOf(kubectl, 'later')).LATE_SERVICE_HOST, '10.96.60.3');
  },
});
