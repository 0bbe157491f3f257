import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { createProxyLab, writeProxyConfig, writeStatus } from './proxy-lab.ts';
import type { Program, ProxyLab } from './proxy-lab.ts';

inSandbox(import.meta.filename);

const at = labAddresses.IPv4;
const VIP = '10.96.1.1';
const manifest = join(import.meta.dirname, '..', '..', 'docs', 'manifests', 'service-proxy.yaml');
const HEALTH_PORT = 31_999;
const OLD_PORT = 8080;

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'a' } },
  status: { addresses: [{ type: 'InternalIP', address: at.node }] },
};

const service = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80, targetPort: podPort }], ...spec },
});

const slice = (name: string, ...pods: readonly number[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: '', port: podPort, protocol: 'TCP' }],
  endpoints: pods.map((n) => ({ addresses: [at.pod(n)], nodeName: 'node-1', conditions: { ready: true } })),
});

describe('portico proxy, a program on a node', () => {
  let lab: ProxyLab;
  let api: Program;
  let proxy: Program;
  const tcp = { protocol: 'TCP', host: VIP, port: 80 } as const;
  const get = (path: string, address: string): Promise<string> =>
    lab.run('curl', ['-sS', '-i', `http://${address}${path}`]);
  const eventually = async (what: string, isTrue: () => Promise<boolean>): Promise<void> => {
    const end = Date.now() + 90_000;
    while (!(await isTrue())) {
      assert.ok(Date.now() < end, `not in time: ${what}\n${proxy.output()}`);
      await sleep(100);
    }
  };
  const answersFrom = (pod: number) => async () =>
    (await lab.packets.call('pod1', { ...tcp, n: 5, timeoutMs: 5000 })).every((answer) =>
      answer.startsWith(`pod${pod} `),
    );

  before(async () => {
    lab = createProxyLab(3);
    await Promise.all([1, 2, 3].map((n) => lab.packets.serve(`pod${n}`)));
    api = await lab.startApi();
    await lab.apply(node);
    await writeStatus(lab, node);
    await lab.apply(service('web', { clusterIP: VIP }), slice('web', 2));
    const config = writeProxyConfig(lab, { mode: '', perServiceMetrics: true });
    proxy = lab.startProxy(`--config=${config}`, '-v=4');
  });
  after(() => lab.close());

  it('serves what kubectl applies', async () => {
    await eventually('the first Service', answersFrom(2));
    await lab.apply(slice('web', 3));
    await eventually('the other endpoint', answersFrom(3));
  });

  it('answers for its health, its mode, its configuration and its figures', async () => {
    const health = await get('/healthz', '127.0.0.1:10256');
    assert.match(health, /^HTTP\/1.1 200 OK/);
    assert.match(health, /content-type: application\/json/i);
    assert.match(health, /x-content-type-options: nosniff/i);
    assert.match(
      health,
      /\{"lastUpdated":"[-0-9]+T[:0-9.]+Z","currentTime":"[^"]+","nodeEligible":true,"healthy":true,"status":\{"IPv4":\{"lastUpdated":"[^"]+","healthy":true\}/,
    );
    assert.match(
      await get('/livez', `${at.node}:10256`),
      /^HTTP\/1.1 200 OK[^]*Z","healthy":true,"status":\{/,
    );
    assert.match(await get('/proxyMode', '127.0.0.1:10249'), /\r\n\r\nnftables$/);
    assert.match(await get('/configz', '127.0.0.1:10249'), /"kubeproxy.config.k8s.io":\{"apiVersion"/);
    assert.match(await get('/healthz', '127.0.0.1:10249'), /\r\n\r\nok$/);
    const indicators = await get('/metrics/slis', '127.0.0.1:10249');
    assert.match(
      indicators,
      /^kubernetes_healthchecks_total\{name="ping",status="success",type="healthz"\} 1$/m,
    );
    assert.match(indicators, /^kubernetes_healthcheck\{name="ping",type="healthz"\} 1$/m);
    const why = await get('/explain/default/web', '127.0.0.1:10249');
    assert.match(
      why,
      /^HTTP\/1.1 200 OK[^]*IPv4:\ncluster IP .* for everybody: served: .*\n {2}\S+:\d+ .*is used$/m,
    );
    assert.match(await get('/explain/default/nobody', '127.0.0.1:10249'), /^HTTP\/1.1 404/);
    const metrics = await get('/metrics', '127.0.0.1:10249');
    for (const line of [
      /^kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} [1-9]/m,
      /^kubeproxy_sync_proxy_rules_service_changes_total [1-9]/m,
      /^kubeproxy_proxy_healthz_total\{code="200"\} 1$/m,
      /^rest_client_requests_total\{.*method="GET".*\} [1-9]/m,
      /^kubernetes_build_info\{/m,
      /^portico_service_connections_total\{namespace="default",name="web",port="",protocol="TCP",ip_family="IPv4"\} [1-9]/m,
      /^portico_service_bytes_total\{namespace="default",name="web",.*direction="to_client".*\} [1-9]/m,
    ]) {
      assert.match(metrics, line);
    }
  });

  it('answers load balancers on the health check port of a Service, with the endpoints of this node', async () => {
    await lab.apply(
      service('lb', {
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: HEALTH_PORT,
      }),
      slice('lb', 1, 2),
    );
    const ask = (): Promise<string> => get('/', `${at.node}:${HEALTH_PORT}`).catch(() => '');
    await eventually('the health check port', async () => (await ask()).includes('"localEndpoints": 2'));
    const text = await ask();
    assert.match(text, /^HTTP\/1.1 200 OK/);
    assert.match(text, /x-load-balancing-endpoint-weight: 2/i);
    assert.ok(
      text.endsWith(
        '{\n\t"service": {\n\t\t"namespace": "default",\n\t\t"name": "lb"\n\t},\n\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}',
      ),
      text,
    );
    await lab.apply(slice('lb'));
    await eventually('no endpoints', async () => (await ask()).startsWith('HTTP/1.1 503'));
  });

  it('tells load balancers to look elsewhere while the Node is about to go, and stays alive', async () => {
    const taint = ['--kubeconfig', lab.kubeconfig, 'taint', 'node', 'node-1'];
    await lab.run('kubectl', [...taint, 'ToBeDeletedByClusterAutoscaler=1:NoSchedule']);
    await eventually('503', async () =>
      /^HTTP\/1.1 503[^]*"nodeEligible":false,"healthy":true/.test(await get('/healthz', '127.0.0.1:10256')),
    );
    assert.match(await get('/livez', '127.0.0.1:10256'), /^HTTP\/1.1 200/);
    await lab.run('kubectl', [...taint, 'ToBeDeletedByClusterAutoscaler-']);
    await eventually('200', async () =>
      (await get('/healthz', '127.0.0.1:10256')).startsWith('HTTP/1.1 200'),
    );
  });

  it('keeps traffic as it was while the API server is gone, and learns what it missed', async () => {
    await api.kill('SIGKILL');
    assert.ok(await answersFrom(3)());
    await proxy.kill('SIGKILL');
    assert.ok(await answersFrom(3)(), 'without a proxy too');
    proxy = lab.startProxy(`--config=${writeProxyConfig(lab, { mode: '' })}`);
    await sleep(500);
    assert.ok(await answersFrom(3)(), 'a proxy that knows nothing changes nothing');
    api = await lab.startApi();
    await lab.apply(slice('web', 2));
    await eventually('the change', answersFrom(2));
    const tables = await lab.run('nft', ['list', 'tables']);
    assert.doesNotMatch(tables, /portico-counters/, 'a proxy that does not count takes the counters away');
  });

  it('tells the log and the Service what it ignores', async () => {
    await lab.apply(service('loop', { clusterIP: '10.96.1.9' }), {
      ...slice('loop', 1),
      endpoints: [{ addresses: [VIP], conditions: { ready: true } }],
    });
    const events = (): Promise<string> =>
      lab.run('kubectl', ['--kubeconfig', lab.kubeconfig, 'get', 'events', '-o', 'wide']);
    await eventually('the Event', async () =>
      /Warning +IgnoredByServiceProxy +service\/loop/.test(await events()),
    );
    assert.match(proxy.output(), /ignored: endpoint 10.96.1.1/);
  });

  it('is allowed to do all this by the role that kube-proxy has, and its manifest is valid', async () => {
    const can = ['--kubeconfig', lab.kubeconfig, '--as=system:kube-proxy', 'auth', 'can-i'];
    for (const [verb, resource] of [
      ['list', 'services'],
      ['watch', 'endpointslices.discovery.k8s.io'],
      ['watch', 'nodes'],
      ['create', 'events'],
      ['patch', 'events'],
    ] as const) {
      assert.match(
        await lab.run('kubectl', [...can, verb, resource]),
        /^(Warning.*\n\n)?yes\n$/,
        `${verb} ${resource}`,
      );
    }
    const apply = ['--kubeconfig', lab.kubeconfig, 'apply', '--dry-run=server', '-f', manifest];
    assert.match(await lab.run('kubectl', apply), /daemonset.apps\/portico-proxy created \(server dry run\)/);
  });

  it('ends at SIGTERM, leaves its rules, and takes them away when asked', async () => {
    await proxy.kill('SIGTERM');
    assert.equal(await proxy.ended, 0);
    assert.ok(await answersFrom(2)());
    const cleanup = lab.startProxy('--cleanup');
    assert.equal(await cleanup.ended, 0, cleanup.output());
    assert.doesNotMatch(await lab.run('nft', ['list', 'ruleset']), /portico|KUBE-/);
  });

  it('does not say that nothing is left when it may not look', async () => {
    const powerless = ['--bounding-set=-all', '--inh-caps=-all'];
    const program = [process.execPath, join(import.meta.dirname, '../../bin/portico'), 'proxy', '--cleanup'];
    await assert.rejects(
      lab.run('setpriv', [...powerless, ...program]),
      /--cleanup: nothing could be looked at/,
    );
  });

  it('serves what a server has that knows EndpointSlices in v1beta1 only', async () => {
    const old = lab.startProbe('old-server.probe.ts', lab.kubeconfig, String(OLD_PORT));
    await old.says('ready');
    const access = [`--master=http://127.0.0.1:${OLD_PORT}`, '--proxy-mode=nftables'];
    const ofOld = lab.startProxy(...access, `--cluster-cidr=${at.podCIDR}`);
    await eventually('the endpoint it had', answersFrom(2));
    await lab.apply(slice('web', 1));
    await eventually('the change', answersFrom(1));
    assert.match(old.output(), /discovery.k8s.io\/v1beta1\/endpointslices\?.*watch=/);
    assert.doesNotMatch(old.output(), /discovery.k8s.io\/v1\//);
    await ofOld.kill('SIGTERM');
    await old.kill('SIGKILL');
  });

  it('says in one line what is wrong with its configuration', async () => {
    const wrong = lab.startProxy(`--config=${writeProxyConfig(lab, { mode: 'magic', oomScoreAdj: 5000 })}`);
    assert.equal(await wrong.ended, 2);
    assert.match(wrong.output(), /^portico: .*config.conf: \[KubeProxyConfiguration.*\n$/);
    const unknown = lab.startProxy('--no-such-flag');
    assert.equal(await unknown.ended, 2);
    const version = lab.startProxy('--version', '--config=/nowhere');
    assert.equal(await version.ended, 0);
    assert.match(version.output(), /^portico \d+\.\d+\.\d+ /);
  });
});
