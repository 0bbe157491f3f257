import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Case, type Kubectl } from './kubectl-cases.ts';

const folder = join(import.meta.dirname, '..', '..', 'examples');
const IN_RANGE = /^10\.(9[6-9]|10\d|11[01])\.\d+\.\d+$/;

interface Service {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: {
    readonly type: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly ports: readonly Readonly<Record<string, unknown>>[];
    readonly sessionAffinity: string;
    readonly sessionAffinityConfig?: unknown;
    readonly externalName?: string;
  };
}

const apply = (kubectl: Kubectl, name: string): Promise<string> =>
  kubectl.ok(`apply -f ${join(folder, `${name}.yaml`)}`);
const read = (kubectl: Kubectl, name: string): Promise<Service> => kubectl.json<Service>(`service ${name}`);

/** The row of a table, its cells divided at two blanks. */
async function row(kubectl: Kubectl, line: string): Promise<readonly string[]> {
  const [, cells = ''] = (await kubectl.ok(`get ${line}`)).split('\n');
  return cells.split(/\s{2,}/);
}

/** `describe` in order, without its padding. */
const facts = async (kubectl: Kubectl, line: string): Promise<string> =>
  (await kubectl.ok(`describe ${line}`)).replaceAll(/ {2,}/g, ' ');

const applied: Readonly<Record<string, { readonly says: string; readonly see: Case }>> = {
  'my-service': {
    says: 'service/my-service created\ndeployment.apps/my-app created',
    see: async (kubectl) => {
      const { spec } = await read(kubectl, 'my-service');
      assert.equal(spec.type, 'ClusterIP');
      assert.match(spec.clusterIP ?? '', IN_RANGE);
      assert.deepEqual(spec.clusterIPs, [spec.clusterIP]);
      assert.deepEqual(spec.ports, [{ port: 80, protocol: 'TCP', targetPort: 9376 }]);
      const [name, type, ip, external, ports, , selector] = await row(kubectl, 'service my-service -o wide');
      assert.deepEqual(
        [name, type, ip, external, ports, selector],
        ['my-service', 'ClusterIP', spec.clusterIP, '<none>', '80/TCP', 'app=MyApp'],
      );
      const text = await facts(kubectl, 'service my-service');
      assert.match(text, /Selector: app=MyApp\nType: ClusterIP\n/);
      assert.match(text, /Port: <unset> 80\/TCP\nTargetPort: 9376\/TCP\n/);
      assert.match(await facts(kubectl, 'deployment my-app'), /Replicas: 3 desired \| 3 updated \| 3 total/);
    },
  },
  'multi-port': {
    says: 'service/multi-port created',
    see: async (kubectl) => {
      assert.equal((await row(kubectl, 'service multi-port'))[4], '80/TCP,443/TCP');
      const each = '{range .spec.ports[*]}{.name}={.port}:{.targetPort} {end}';
      assert.equal(
        await kubectl.ok(`get service multi-port -o 'jsonpath=${each}'`),
        'http=80:9376 https=443:9377',
      );
      assert.match(
        await facts(kubectl, 'service multi-port'),
        /Port: http 80\/TCP\nTargetPort: 9376\/TCP\n.*Port: https 443\/TCP\nTargetPort: 9377\/TCP/s,
      );
    },
  },
  'without-selector': {
    says: 'service/without-selector created\nendpoints/without-selector created',
    see: async (kubectl) => {
      assert.deepEqual((await row(kubectl, 'endpoints without-selector')).slice(0, 2), [
        'without-selector',
        '192.0.2.42:9376',
      ]);
      const slice = await eventually('the mirrored slice', async () => {
        const cells = await row(kubectl, 'endpointslices -l kubernetes.io/service-name=without-selector');
        return cells.length > 1 ? cells : undefined;
      });
      assert.deepEqual(slice.slice(1, 4), ['IPv4', '9376', '192.0.2.42']);
      assert.match(await facts(kubectl, 'service without-selector'), /Endpoints: 192\.0\.2\.42:9376\n/);
      assert.match(await facts(kubectl, 'endpoints without-selector'), /Addresses: 192\.0\.2\.42\n/);
      assert.match(
        await facts(kubectl, `endpointslice ${slice[0]}`),
        /managed-by=endpointslicemirroring-controller\.k8s\.io.*Addresses: 192\.0\.2\.42\n.*Ready: true/s,
      );
    },
  },
  'node-port': {
    says: 'service/node-port created',
    see: async (kubectl) => {
      assert.equal((await row(kubectl, 'service node-port'))[4], '80:30007/TCP');
      assert.match(
        await facts(kubectl, 'service node-port'),
        /Type: NodePort\n.*NodePort: <unset> 30007\/TCP\n.*External Traffic Policy: Cluster/s,
      );
    },
  },
  headless: {
    says: 'service/headless created',
    see: async (kubectl) => {
      assert.equal((await row(kubectl, 'service headless'))[2], 'None');
      assert.match(await facts(kubectl, 'service headless'), /IP: None\nIPs: None\n/);
    },
  },
  'external-name': {
    says: 'service/external-name created',
    see: async (kubectl) => {
      const cells = await row(kubectl, 'service external-name');
      assert.deepEqual(cells.slice(1, 5), ['ExternalName', '<none>', 'my.database.example.com', '<none>']);
      assert.equal((await read(kubectl, 'external-name')).spec.clusterIP, undefined);
      assert.match(
        await facts(kubectl, 'service external-name'),
        /External Name: my\.database\.example\.com/,
      );
      assert.equal(await kubectl.ok('get endpoints external-name --ignore-not-found -o name'), '');
    },
  },
  'chosen-cluster-ip': {
    says: 'service/chosen-cluster-ip created',
    see: async (kubectl) => {
      const template = "-o 'jsonpath={.spec.clusterIP} {.spec.clusterIPs[0]}'";
      assert.equal(await kubectl.ok(`get service chosen-cluster-ip ${template}`), '10.96.0.77 10.96.0.77');
    },
  },
  'session-affinity': {
    says: 'service/session-affinity created',
    see: async (kubectl) => {
      const { spec } = await read(kubectl, 'session-affinity');
      assert.equal(spec.sessionAffinity, 'ClientIP');
      assert.deepEqual(spec.sessionAffinityConfig, { clientIP: { timeoutSeconds: 60 } });
      assert.match(await facts(kubectl, 'service session-affinity'), /Session Affinity: ClientIP\n/);
    },
  },
  'client-pod': {
    says: 'pod/client created',
    see: async (kubectl) => {
      assert.match(await facts(kubectl, 'pod client'), /Image: portico\/client\n.*Args:\n --until\n 3\n/s);
      assert.equal((await row(kubectl, 'pod client'))[0], 'client');
    },
  },
};

const examples = Object.entries(applied).map(([name, { says, see }]): [string, Case] => [
  `${name}: applied, seen, and applied again without a change`,
  async (kubectl) => {
    assert.equal(await apply(kubectl, name), says);
    await see(kubectl);
    const revisions = () =>
      kubectl.ok('get services,endpoints -o jsonpath={.items[*].metadata.resourceVersion}');
    const before = await revisions();
    // kubectl compares lists without merge keys whole, so Endpoints whose protocol was defaulted are sent again.
    const unchanged = says.replaceAll('created', 'unchanged');
    const again = (await apply(kubectl, name)).replace(/(endpoints\/\S+) configured/, '$1 unchanged');
    assert.equal(again, unchanged);
    assert.equal(await revisions(), before);
  },
]);

kubectlCases('kubectl and the examples', {
  'there is a case for every example': async () => {
    const files = readdirSync(folder).map((file) => file.replace(/\.yaml$/, ''));
    assert.deepEqual(files.sort(), Object.keys(applied).sort());
  },
  ...Object.fromEntries(examples),
  'all of them at once, as a folder': async (kubectl) => {
    const diff = await kubectl.run(`diff -f ${join(folder, 'multi-port.yaml')}`);
    assert.equal(diff.code, 1, 'diff ends with 1 when there is a difference');
    assert.match(diff.stdout, /^\+ {2}name: multi-port$/m);
    const said = await kubectl.ok(
      `apply -f ${join(folder, 'multi-port.yaml')} -f ${join(folder, 'headless.yaml')}`,
    );
    assert.equal(said, 'service/multi-port created\nservice/headless created');
    assert.equal((await kubectl.run(`diff -f ${join(folder, 'multi-port.yaml')}`)).code, 0);
  },
  'a changed manifest changes what it says and nothing else': async (kubectl) => {
    await apply(kubectl, 'multi-port');
    const before = await read(kubectl, 'multi-port');
    await kubectl.ok('label service multi-port kept=yes');
    const edited = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'multi-port' },
      spec: {
        selector: { app: 'Other' },
        ports: [
          { name: 'http', port: 80, targetPort: 'web' },
          { name: 'metrics', port: 9090 },
        ],
      },
    };
    assert.equal(await kubectl.ok('apply -f -', edited), 'service/multi-port configured');
    const { spec, metadata } = await kubectl.json<Service & { metadata: { labels: object } }>(
      'service multi-port',
    );
    assert.deepEqual(spec.ports, [
      { name: 'http', port: 80, protocol: 'TCP', targetPort: 'web' },
      { name: 'metrics', port: 9090, protocol: 'TCP', targetPort: 9090 },
    ]);
    assert.equal(spec.clusterIP, before.spec.clusterIP);
    assert.deepEqual(metadata.labels, { kept: 'yes' });
  },
  'a Service may become another type by apply, and gives back what it had': async (kubectl) => {
    const as = (spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec });
    const ports = [{ port: 80 }];
    await kubectl.ok('apply -f -', as({ type: 'NodePort', ports: [{ port: 80, nodePort: 30107 }] }));
    const { clusterIP = '' } = (await read(kubectl, 'a')).spec;
    await kubectl.ok('apply -f -', as({ type: 'ClusterIP', ports }));
    const plain = (await read(kubectl, 'a')).spec;
    assert.deepEqual(plain.ports, [{ port: 80, protocol: 'TCP', targetPort: 80 }]);
    assert.equal(plain.clusterIP, clusterIP);
    await kubectl.ok('create service nodeport b --tcp=80 --node-port=30107');
    await kubectl.ok('apply -f -', as({ type: 'ExternalName', externalName: 'a.example.com' }));
    const named = (await read(kubectl, 'a')).spec;
    assert.deepEqual(
      [named.type, named.clusterIP, named.externalName],
      ['ExternalName', undefined, 'a.example.com'],
    );
    await kubectl.ok('create -f -', {
      ...as({ clusterIP, ports }),
      metadata: { name: 'c' },
    });
  },
  'what was applied is written down, and another hand is warned about': async (kubectl) => {
    await kubectl.ok('create service clusterip a --tcp=80');
    const { stderr, code } = await kubectl.run('apply -f -', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a' },
      spec: { ports: [{ port: 80 }] },
    });
    assert.equal(code, 0);
    assert.match(
      stderr,
      /Warning: resource services\/a is missing the kubectl\.kubernetes\.io\/last-applied-configuration annotation/,
    );
    assert.match(await kubectl.ok('apply view-last-applied service a'), /- port: 80/);
  },
  'the objects of get can be applied again': async (kubectl) => {
    await apply(kubectl, 'multi-port');
    await apply(kubectl, 'headless');
    const yaml = await kubectl.ok('get service multi-port headless -o yaml');
    assert.match(yaml, /^kind: List$/m);
    const same = yaml.replaceAll(/^ +(resourceVersion|uid|creationTimestamp): .*\n/gm, '');
    assert.match(await kubectl.ok('apply -f -', same), /^service\/multi-port \w+\nservice\/headless \w+$/);
    const list = await kubectl.ok('get service multi-port headless -o json');
    await kubectl.ok('delete service --all');
    await kubectl.ok('create -f -', list.replaceAll(/"resourceVersion": "\d+",?/g, ''));
    assert.equal(await kubectl.ok('get services -o name'), 'service/headless\nservice/multi-port');
  },
});
