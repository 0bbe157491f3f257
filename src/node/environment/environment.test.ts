import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container } from '../../api/core/v1/container.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import { ConfigError, containerEnvironment, type References } from './container-environment.ts';
import { fqdnOf, hostnameOf, hostsFile, resolvConf } from './dns.ts';
import { expand } from './expand.ts';
import { resourceValue } from './field-ref.ts';
import { parseQuantity } from './quantity.ts';
import { serviceEnvironment } from './service-environment.ts';

const service = (name: string, namespace: string, spec: Service['spec']): Service => ({
  metadata: { name, namespace },
  spec,
});
const redis = service('redis-master', 'default', {
  clusterIP: '10.0.0.11',
  ports: [{ port: 6379, protocol: 'TCP' }],
});
const kubernetes = service('kubernetes', 'default', {
  clusterIP: '10.96.0.1',
  ports: [{ name: 'https', port: 443, protocol: 'TCP' }],
});
const kubernetesVariables = {
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
  KUBERNETES_SERVICE_PORT: '443',
  KUBERNETES_SERVICE_PORT_HTTPS: '443',
  KUBERNETES_PORT: 'tcp://10.96.0.1:443',
  KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
  KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
  KUBERNETES_PORT_443_TCP_PORT: '443',
  KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
};

describe('service variables', () => {
  it('are those of the documentation for redis-master', () => {
    assert.deepEqual(serviceEnvironment([redis], 'default'), {
      REDIS_MASTER_SERVICE_HOST: '10.0.0.11',
      REDIS_MASTER_SERVICE_PORT: '6379',
      REDIS_MASTER_PORT: 'tcp://10.0.0.11:6379',
      REDIS_MASTER_PORT_6379_TCP: 'tcp://10.0.0.11:6379',
      REDIS_MASTER_PORT_6379_TCP_PROTO: 'tcp',
      REDIS_MASTER_PORT_6379_TCP_PORT: '6379',
      REDIS_MASTER_PORT_6379_TCP_ADDR: '10.0.0.11',
    });
  });
  it('of other namespaces are left out, but for the API server', () => {
    assert.deepEqual(serviceEnvironment([redis, kubernetes], 'other'), kubernetesVariables);
  });
  it('shrink to the API server without service links', () => {
    const options = { enableServiceLinks: false };
    assert.deepEqual(serviceEnvironment([redis, kubernetes], 'default', options), kubernetesVariables);
  });
  it('prefer a Service of the own namespace to the master service of the same name', () => {
    const own = service('kubernetes', 'other', { clusterIP: '10.0.0.9', ports: [{ port: 1 }] });
    for (const order of [
      [own, kubernetes],
      [kubernetes, own],
    ]) {
      assert.equal(serviceEnvironment(order, 'other')['KUBERNETES_SERVICE_HOST'], '10.0.0.9');
    }
  });
  it('need a virtual IP', () => {
    const headless = service('headless', 'default', { clusterIP: 'None', ports: [{ port: 1 }] });
    const external = service('external', 'default', { type: 'ExternalName', externalName: 'example.com' });
    assert.deepEqual(serviceEnvironment([headless, external], 'default'), {});
  });
  it('name every port, and the first one twice; IPv6 hosts stand in brackets in URLs', () => {
    const ports = [
      { name: 'my-http', port: 80, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ] as const;
    const found = serviceEnvironment([service('a', 'default', { clusterIP: 'fd00::1', ports })], 'default');
    assert.equal(found['A_SERVICE_PORT'], '80');
    assert.equal(found['A_SERVICE_PORT_MY_HTTP'], '80');
    assert.equal(found['A_SERVICE_PORT_DNS'], '53');
    assert.equal(found['A_PORT'], 'tcp://[fd00::1]:80');
    assert.equal(found['A_PORT_53_UDP'], 'udp://[fd00::1]:53');
    assert.equal(found['A_PORT_53_UDP_ADDR'], 'fd00::1');
  });
});

describe('expansion', () => {
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    'a variable': ['x$(A)y', 'x1y'],
    'an unknown variable stays': ['$(B)', '$(B)'],
    'two dollars are one': ['$$(A)', '$(A)'],
    'a lone dollar stays': ['$A $ $', '$A $ $'],
    'an open bracket stays': ['$(A', '$(A'],
  };
  for (const [name, [text, expected]] of Object.entries(cases)) {
    it(name, () =>
      assert.equal(
        expand(text, (n) => (n === 'A' ? '1' : undefined)),
        expected,
      ),
    );
  }
});

const pod: Pod = {
  metadata: {
    name: 'web-0',
    namespace: 'shop',
    uid: 'u1',
    labels: { app: 'web', b: 'c' },
    annotations: { note: 'x' },
  },
  spec: { nodeName: 'node-1', serviceAccountName: 'robot', containers: [] },
};
const references: References = {
  configMap: async (_, name) =>
    name === 'settings' ? { metadata: { name }, data: { color: 'blue' } } : undefined,
  secret: async (_, name) =>
    name === 'keys' ? { metadata: { name }, data: { token: 'c2VjcmV0' } } : undefined,
};
const environmentOf = (container: Partial<Container>): Promise<Readonly<Record<string, string>>> =>
  containerEnvironment({
    pod,
    container: { name: 'c', ...container },
    facts: { podIP: '10.244.0.9', hostIP: '172.18.0.2' },
    services: { REDIS_SERVICE_HOST: '10.0.0.11' },
    references,
  });
const field = (
  name: string,
  fieldPath: string,
): { name: string; valueFrom: { fieldRef: { fieldPath: string } } } => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
});

describe('the environment of a container', () => {
  it('has Services, envFrom and env in this order, each able to use what came before', async () => {
    const found = await environmentOf({
      envFrom: [{ configMapRef: { name: 'settings' } }, { prefix: 'K_', secretRef: { name: 'keys' } }],
      env: [
        { name: 'A', value: '$(REDIS_SERVICE_HOST)/$(color)/$(LATER)' },
        { name: 'LATER', value: 'x$(A)' },
        { name: 'color', value: 'red' },
        { name: 'EMPTY' },
      ],
    });
    assert.deepEqual(found, {
      REDIS_SERVICE_HOST: '10.0.0.11',
      color: 'red',
      K_token: 'secret',
      A: '10.0.0.11/blue/$(LATER)',
      LATER: 'x10.0.0.11/blue/$(LATER)',
      EMPTY: '',
    });
  });
  it('knows the downward fields', async () => {
    const paths = {
      'metadata.name': 'web-0',
      'metadata.namespace': 'shop',
      'metadata.uid': 'u1',
      "metadata.labels['app']": 'web',
      "metadata.annotations['note']": 'x',
      "metadata.labels['none']": '',
      'metadata.labels': 'app="web"\nb="c"',
      'metadata.annotations': 'note="x"',
      'spec.nodeName': 'node-1',
      'spec.serviceAccountName': 'robot',
      'status.podIP': '10.244.0.9',
      'status.podIPs': '10.244.0.9',
      'status.hostIP': '172.18.0.2',
    };
    const { REDIS_SERVICE_HOST: _, ...found } = await environmentOf({
      env: Object.keys(paths).map((path) => field(path, path)),
    });
    assert.deepEqual(found, paths);
  });
  it('takes keys of ConfigMaps and Secrets, and resources', async () => {
    const found = await environmentOf({
      resources: { limits: { memory: '64Mi' }, requests: { cpu: '250m' } },
      env: [
        { name: 'C', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
        { name: 'S', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
        { name: 'M', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        { name: 'R', valueFrom: { resourceFieldRef: { resource: 'requests.cpu' } } },
        { name: 'GONE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'none', optional: true } } },
        { name: 'GONE2', valueFrom: { secretKeyRef: { name: 'none', key: 'none', optional: true } } },
      ],
    });
    const { REDIS_SERVICE_HOST: _, ...own } = found;
    assert.deepEqual(own, { C: 'blue', S: 'secret', M: '64', R: '1' });
  });
  const missing: Readonly<Record<string, readonly [Partial<Container>, string]>> = {
    'a ConfigMap': [{ envFrom: [{ configMapRef: { name: 'none' } }] }, 'configmap "none" not found'],
    'a Secret': [{ envFrom: [{ secretRef: { name: 'none' } }] }, 'secret "none" not found'],
    'a key': [
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'none' } } }] },
      "couldn't find key none in ConfigMap shop/settings",
    ],
    'a field': [{ env: [field('A', 'spec.none')] }, 'unsupported fieldPath: spec.none (of A)'],
    'a resource': [
      { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.none' } } }] },
      'unsupported container resource: limits.none (of A)',
    ],
  };
  for (const [what, [container, message]] of Object.entries(missing)) {
    it(`says so when ${what} is missing`, () =>
      assert.rejects(environmentOf(container), new ConfigError(message)));
  }
});

describe('quantities', () => {
  const cases = {
    '1': 1_000_000_000n,
    '250m': 250_000_000n,
    '1Ki': 1_024_000_000_000n,
    '1.5': 1_500_000_000n,
  };
  const others = { '1e3': 1_000_000_000_000n, '0.5Mi': 524_288_000_000_000n, '1n': 1n, x: 0n };
  for (const [text, expected] of Object.entries({ ...cases, ...others })) {
    it(text, () => assert.equal(parseQuantity(text), expected));
  }
  it('say the machine where no limit is set, and nothing for what is no resource', () => {
    assert.ok(Number(resourceValue({ name: 'c' }, 'limits.cpu')) >= 1);
    assert.equal(resourceValue({ name: 'c' }, 'requests.cpu'), '0');
    assert.equal(resourceValue({ name: 'c' }, 'cpu'), undefined);
  });
});

describe('names inside a Pod', () => {
  const input = {
    clusterDNS: '10.96.0.10',
    clusterDomain: 'cluster.local',
    nodeResolvConf: '# own\nnameserver 192.0.2.1\nsearch example.org\noptions timeout:1\n',
  };
  const dnsPod = (spec: Partial<Pod['spec']>): Pod => ({ ...pod, spec: { containers: [], ...spec } });
  const cluster =
    'search shop.svc.cluster.local svc.cluster.local cluster.local example.org\nnameserver 10.96.0.10\noptions ndots:5\n';
  const node = 'search example.org\nnameserver 192.0.2.1\noptions timeout:1\n';
  const cases: Readonly<Record<string, readonly [Partial<Pod['spec']>, string]>> = {
    'ClusterFirst asks the cluster': [{ dnsPolicy: 'ClusterFirst' }, cluster],
    'no policy is ClusterFirst': [{}, cluster],
    'ClusterFirst on the host network asks the node': [{ hostNetwork: true }, node],
    'ClusterFirstWithHostNet asks the cluster': [
      { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
      cluster,
    ],
    'Default asks the node': [{ dnsPolicy: 'Default' }, node],
    'None has only its dnsConfig': [
      {
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['192.0.2.9'], searches: ['a.b'], options: [{ name: 'x' }] },
      },
      'search a.b\nnameserver 192.0.2.9\noptions x\n',
    ],
    'dnsConfig adds and overrides': [
      { dnsConfig: { nameservers: ['192.0.2.9'], options: [{ name: 'ndots', value: '2' }] } },
      cluster
        .replace('nameserver 10.96.0.10\n', 'nameserver 10.96.0.10\nnameserver 192.0.2.9\n')
        .replace('ndots:5', 'ndots:2'),
    ],
  };
  for (const [name, [spec, expected]] of Object.entries(cases)) {
    it(name, () => assert.equal(resolvConf(dnsPod(spec), input), expected));
  }
  it('without a cluster DNS the node is asked', () => {
    assert.equal(resolvConf(dnsPod({}), { ...input, clusterDNS: '' }), node);
  });
  it('stand in /etc/hosts with the aliases', () => {
    const named = dnsPod({
      hostname: 'box',
      subdomain: 'sub',
      hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }],
    });
    const fqdn = fqdnOf(named, 'cluster.local');
    assert.equal(fqdn, 'box.sub.shop.svc.cluster.local');
    const text = hostsFile(named, {
      podIP: '10.1.1.1',
      hostname: hostnameOf(named),
      ...(fqdn !== undefined && { fqdn }),
    });
    assert.match(text, /^127\.0\.0\.1\tlocalhost$/m);
    assert.match(text, /^10\.1\.1\.1\tbox\.sub\.shop\.svc\.cluster\.local\tbox$/m);
    assert.match(text, /^1\.2\.3\.4\ta\tb$/m);
    assert.equal(hostnameOf({ ...pod, metadata: { name: `${'a'.repeat(62)}-b` } }), 'a'.repeat(62));
  });
});
