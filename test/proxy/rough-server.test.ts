import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { canaryService, createCanary, slicesWith, VIPS } from './canary.ts';
import type { Callers, Canary } from './canary.ts';
import { awaitMode } from './harms.ts';
import { createProxyLab, writeStatus } from './proxy-lab.ts';
import type { Program, ProxyLab } from './proxy-lab.ts';
import type { Order } from './rough-server.probe.ts';
import { families } from './stage.ts';

inSandbox(import.meta.filename);

const PORT = 8080;
/** Of each caller. */
const PER_SECOND = 10;
const LAG_MS = 1500;

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1' },
  status: {
    addresses: families.map((family) => ({ type: 'InternalIP', address: labAddresses[family].node })),
  },
};

/** What is told of objects, in events that come beside the true ones; `of` is what they are watched as. */
const lies: readonly { readonly of: string; readonly line: string }[] = (() => {
  const told = (of: string, type: string, object: object) => ({ of, line: JSON.stringify({ type, object }) });
  const metadata = (name: unknown, labels = {}) => ({
    ...{ name, namespace: 'default', uid: 'a', resourceVersion: 'untrue', labels },
    creationTimestamp: '2099-01-01T00:00:00Z',
  });
  const service = (name: unknown, spec: unknown): object => ({
    ...{ kind: 'Service', apiVersion: 'v1', metadata: metadata(name), spec },
  });
  const port = { name: '', port: 80, protocol: 'TCP', targetPort: podPort };
  const bad = { type: 'ClusterIP', clusterIP: '10.96.9.9', clusterIPs: ['10.96.9.9'] };
  const endpoints = (...addresses: readonly unknown[]): object[] => [
    { addresses, conditions: { ready: true }, nodeName: 'node-1' },
  ];
  const slice = (
    name: string,
    addresses: readonly unknown[],
    { of = 'places', number = podPort }: { readonly of?: string; readonly number?: unknown } = {},
  ): object => ({
    ...{ kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', addressType: 'IPv4' },
    metadata: metadata(name, { 'kubernetes.io/service-name': of }),
    endpoints: endpoints(...addresses),
    ports: [{ name: '', protocol: 'TCP', port: number }],
  });
  return [
    // A younger one at the canary's addresses.
    told(
      '/services',
      'ADDED',
      service('thief', { ...bad, ports: [port], clusterIP: VIPS.IPv4, clusterIPs: [VIPS.IPv4] }),
    ),
    told('/services', 'ADDED', service('none', null)),
    told(
      '/services',
      'ADDED',
      service('numbers', {
        ...bad,
        ports: [
          { ...port, port: 99_999 },
          { ...port, port: -1, name: 'b' },
        ],
      }),
    ),
    told(
      '/services',
      'ADDED',
      service('words', { ...bad, clusterIP: 'here; drop', clusterIPs: ['here; drop'], ports: [port] }),
    ),
    told('/services', 'ADDED', service('"; flush ruleset #', { ...bad, ports: [port] })),
    told('/services', 'MODIFIED', service('never-added', { ...bad, ports: 'many' })),
    told('/services', 'DELETED', service('never-there', {})),
    told('/services', 'ADDED', service('places', { ...bad, ports: [port] })),
    told('/endpointslices', 'ADDED', slice('places-1', ['127.0.0.1', '169.254.1.1', '224.0.0.1', '0.0.0.0'])),
    told('/endpointslices', 'ADDED', slice('places-2', [VIPS.IPv4, 'pod', 7, null])),
    told('/endpointslices', 'ADDED', slice('places-3', [labAddresses.IPv4.pod(2)], { number: 'eighty' })),
    told('/endpointslices', 'ADDED', { ...slice('places-4', []), endpoints: 'none', ports: null }),
    // Of the canary itself: what is no address, or leads back to it, counts for nothing.
    told('/endpointslices', 'ADDED', slice('web-false', ['127.0.0.1', VIPS.IPv4, 'pod'], { of: 'web' })),
  ];
})();

const expired = {
  type: 'ERROR',
  object: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410 },
};

describe('a proxy whose API server is not well, while a Service is called', () => {
  let lab: ProxyLab;
  let canary: Canary;
  let server: Program;
  let proxy: Program;
  let callers: Callers;
  const order = async (what: Order): Promise<void> => {
    const from = server.output().length;
    server.tell(JSON.stringify(what));
    await server.says('done', from);
  };
  const startProxy = (): Program =>
    lab.startProxy(
      `--master=http://127.0.0.1:${PORT}`,
      '--proxy-mode=nftables',
      `--nodeport-addresses=${families.map((family) => labAddresses[family].all).join()}`,
      `--cluster-cidr=${families.map((family) => labAddresses[family].podCIDR).join()}`,
    );
  const follow = async (...pods: readonly number[]): Promise<void> => {
    await canary.setMembers({ ready: pods });
    await callers.meet(...pods);
  };

  before(async () => {
    lab = createProxyLab(3);
    canary = createCanary(lab);
    await Promise.all([2, 3].map((n) => canary.startPod(n)));
    await lab.startApi('--service-cluster-ip-range=10.96.0.0/12,fd00:10:96::/108');
    await lab.apply(node);
    await writeStatus(lab, node);
    const objects = [canaryService, ...slicesWith('web', { ready: [2, 3] })];
    await canary.write(...objects.map((object) => ({ do: 'put', object }) as const));
    server = lab.startProbe('rough-server.probe.ts', lab.kubeconfig, String(PORT));
    await server.says('ready');
    proxy = startProxy();
    await awaitMode({ lab, proxy }, 'nftables');
    await canary.isServed();
    callers = canary.call({ perSecond: PER_SECOND });
    await callers.meet(2, 3);
  });
  after(async () => {
    await canary.close();
    await lab.close();
  });

  it('follows it when everything comes late, a list of a new start too', async () => {
    await order({ do: 'lag', ms: LAG_MS });
    await follow(2);
    await proxy.kill('SIGKILL');
    await canary.setMembers({ ready: [2, 3] });
    proxy = startProxy();
    await callers.meet(2, 3);
    await order({ do: 'lag', ms: 0 });
  });

  it('follows it when watches end again and again', async () => {
    for (const pods of [[2], [3], [2, 3]] as const) {
      await order({ do: 'end' });
      await canary.setMembers({ ready: pods });
      await order({ do: 'end' });
      await callers.meet(...pods);
    }
  });

  it('learns what it was not told as soon as its history has expired', async () => {
    await order({ do: 'bookmarks-only' });
    await canary.setMembers({ ready: [2] });
    await order({ do: 'say', of: 'watch=true', line: JSON.stringify(expired) });
    await callers.meet(2);
    await follow(2, 3);
  });

  it('follows it after refusals of all kinds', async () => {
    for (const status of [500, 503, 429, 401, 403, 404, 410]) {
      await order({ do: 'refuse', n: 2, status });
      await order({ do: 'end' });
    }
    await follow(3);
    await follow(2, 3);
  });

  it('is not misled by lies about others, nor by such as concern the Service itself', async () => {
    for (const lie of lies) await order({ do: 'say', ...lie });
    await follow(2);
    const { failures } = callers.report();
    assert.deepEqual(failures, {});
    // Neither events, nor anything like it: the watches break.
    for (const line of ['', '{', 'null', '{"type":"ADDED"}', '{"type":"DANCED","object":{"metadata":{}}}'])
      await order({ do: 'say', of: 'watch=true', line });
    await follow(2, 3);
  });

  it('failed no call', async () => {
    const { n, failures, notes } = await callers.stop();
    assert.deepEqual(failures, {}, `of ${n}\n${notes.join('\n')}\n${proxy.output().slice(-3000)}`);
    assert.match(proxy.output(), /ignored/);
  });
});
