import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import type { Mode } from './harms.ts';
import { bothProtocols, families, nodePortOf, outerIp, service, slices, vip } from './stage.ts';
import type { EndpointNote, Expectation, Family, Stage } from './stage.ts';

export interface CaseOf extends Stage {
  readonly mode: Mode;
  /** Free for this case alone: of addresses, and of node ports. */
  readonly n: number;
}

/** What one capability is tried with; each has Services of its own, so that all of them may run at once. */
export type CapabilityCase = (on: CaseOf) => Promise<void>;

type At = (typeof labAddresses)[Family];
const each = (make: (family: Family, at: At) => readonly Expectation[]): Expectation[] =>
  families.flatMap((family) => make(family, labAddresses[family]));

/** Of TCP and of UDP. */
const both = (expectation: Expectation): Expectation[] =>
  (['TCP', 'UDP'] as const).map((protocol) => ({ ...expectation, protocol }));

const elsewhere = (pod: number, more: Partial<EndpointNote> = {}): EndpointNote => ({
  pod,
  node: 'node-2',
  ...more,
});

/** The address that a Pod sees of a client that the mode does not hide; userspace hides all. */
const kept = ({ mode }: CaseOf, family: Family, client: string): string =>
  mode === 'userspace' ? labAddresses[family].gateway : client;

/** At a port that no Service has: as with kube-proxy, nftables alone refuses it at once. */
const otherPort = ({ mode }: CaseOf): Expectation['by'] => (mode === 'nftables' ? 'refused' : 'nobody');

const comesAndGoes: CapabilityCase = async (on) => {
  const { n } = on;
  const name = 'comes';
  const spec = { type: 'NodePort', ports: bothProtocols().slice(0, 1) };
  const withPort = (port: number): ReturnType<typeof service> =>
    service(name, n, {
      spec: { ...spec, ports: [{ name: 'tcp', port, targetPort: podPort, nodePort: nodePortOf(n) }] },
    });
  const by = (port: number, pods: readonly number[]): Expectation[] =>
    each((family, at) => [
      { from: 'pod1', to: vip(family, n), port, by: pods, seen: kept(on, family, at.pod(1)) },
      { from: 'node', to: vip(family, n), port, by: pods },
      { from: 'outside', to: at.node, port: nodePortOf(n), by: pods, seen: at.gateway },
    ]);
  await on.put(withPort(80), slices(name, [2]));
  await on.expect(...by(80, [2]));
  await on.put(slices(name, [1, 3]));
  await on.expect(...by(80, [1, 3]).filter(({ from }) => from !== 'pod1'));
  await on.put(slices(name, [3]), withPort(81));
  await on.expect(...by(81, [3]));
  await on.expect(...each((family) => [{ from: 'pod1', to: vip(family, n), by: otherPort(on) }]));
  for (const family of families) {
    const url = `http://${family === 'IPv4' ? vip(family, n) : `[${vip(family, n)}]`}:81/`;
    // Pods answer without a head; curl is the judge of another hand.
    assert.match(await on.lab.run('curl', ['-sS', '-g', '--http0.9', url]), /^pod3 /);
  }
  await on.remove(withPort(81), slices(name, []));
  await on.expect(
    ...each((family, at) => [
      { from: 'pod1', to: vip(family, n), port: 81, by: 'nobody' },
      { from: 'outside', to: at.node, port: nodePortOf(n), by: 'refused' },
    ]),
  );
};

const hairpin: CapabilityCase = async (on) => {
  await on.put(service('hairpin', on.n), slices('hairpin', [1]));
  await on.expect(...each((family) => both({ from: 'pod1', to: vip(family, on.n), by: [1] })));
};

const nobody: CapabilityCase = async (on) => {
  const { n } = on;
  const spec = {
    type: 'NodePort',
    ports: bothProtocols(nodePortOf(n)),
    externalIPs: families.map((family) => outerIp(family, n)),
  };
  const all = (by: Expectation['by']): Expectation[] =>
    each((family, at) => [
      ...both({ from: 'pod1', to: vip(family, n), by }),
      ...both({ from: 'node', to: vip(family, n), by }),
      ...both({ from: 'outside', to: at.node, port: nodePortOf(n), by }),
      ...both({ from: 'outside', to: outerIp(family, n), by }),
    ]);
  await on.put(service('empty', n, { spec }), slices('empty', []));
  await on.expect(...all('refused'));
  await on.put(slices('empty', [2]));
  await on.expect(...all([2]));
  await on.put(slices('empty', []));
  await on.expect(...all('refused'));
};

const inside: CapabilityCase = async (on) => {
  const { n } = on;
  const by = (outcome: Expectation['by']): Promise<void> =>
    on.expect(
      ...each((family) => [
        { from: 'pod1', to: vip(family, n), by: outcome },
        { from: 'node', to: vip(family, n), by: outcome, protocol: 'UDP' },
      ]),
    );
  const local = service('inside', n, { spec: { internalTrafficPolicy: 'Local' } });
  await on.put(local, slices('inside', [2, elsewhere(3)]));
  await by([2]);
  await on.put(slices('inside', [elsewhere(3)]));
  await by('dropped');
  await on.put(service('inside', n));
  await by([3]);
};

const near: CapabilityCase = async (on) => {
  const by = (...pods: readonly number[]): Promise<void> =>
    on.expect(...each((family) => both({ from: 'pod1', to: vip(family, on.n), by: pods })));
  const zone = (pod: number, name: string): EndpointNote => ({ pod, zones: [name] });
  await on.put(
    service('near', on.n, { spec: { trafficDistribution: 'PreferClose' } }),
    slices('near', [zone(2, 'a'), zone(3, 'b')]),
  );
  await by(2);
  await on.put(slices('near', [zone(2, 'a'), zone(3, 'b'), 4]));
  await by(2, 3, 4);
  await on.put(slices('near', [zone(2, 'b'), zone(3, 'b')]));
  await by(2, 3);
  const both2 = (pod: number, name: string): EndpointNote => ({ pod, zones: ['a'], nodes: [name] });
  await on.put(slices('near', [both2(2, 'node-2'), both2(3, 'node-1')]));
  await by(3);
};

const ending: CapabilityCase = async (on) => {
  const { n } = on;
  const by = (...pods: readonly number[]): Promise<void> =>
    on.expect(...each((family) => both({ from: 'pod1', to: vip(family, n), by: pods })));
  const spec = { type: 'NodePort', externalTrafficPolicy: 'Local', ports: bothProtocols(nodePortOf(n)) };
  await on.put(service('ending', n, { spec }), slices('ending', [{ pod: 2, is: 'ending' }, 3]));
  await by(3);
  await on.put(
    slices('ending', [
      { pod: 2, is: 'ending' },
      { pod: 3, is: 'ending' },
    ]),
  );
  await by(2, 3);
  await on.put(
    slices('ending', [
      { pod: 2, is: 'gone' },
      { pod: 3, is: 'ending' },
    ]),
  );
  await by(3);
  // For each policy on its own: of this node only the one that ends is left, inside a ready one is there.
  await on.put(slices('ending', [{ pod: 2, is: 'ending' }, elsewhere(3)]));
  await by(3);
  await on.expect(
    ...each((family, at) =>
      both({
        from: 'outside',
        to: at.node,
        port: nodePortOf(n),
        by: [2],
        seen: kept(on, family, at.outside),
      }),
    ),
  );
  await on.put(slices('ending', [{ pod: 2, is: 'gone' }]));
  await on.expect(...each((family) => both({ from: 'pod1', to: vip(family, n), by: 'refused' })));
};

const balanced: CapabilityCase = async (on) => {
  const { n } = on;
  const healthPort = nodePortOf(n) + 500;
  const spec = {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: healthPort,
    ports: bothProtocols(nodePortOf(n)),
  };
  const lb = service('balanced', n, { spec });
  const ingress = families.map((family) => ({ ip: outerIp(family, n) }));
  await on.put(lb, slices('balanced', [2, elsewhere(3)]));
  await on.putStatus({ ...lb, status: { loadBalancer: { ingress } } } as typeof lb);
  const from = (place: string, by: Expectation['by']): Expectation[] =>
    each((family, at) =>
      [[at.node, nodePortOf(n)] as const, [outerIp(family, n), 80] as const].map(([to, port]) => ({
        ...{ from: place, to, port, by },
        ...(typeof by !== 'string' && place === 'outside' && { seen: kept(on, family, at.outside) }),
      })),
    );
  await on.expect(...from('outside', [2]), ...from('pod1', [2, 3]), ...from('node', [2, 3]));
  const ask = (): Promise<string> =>
    on.lab
      .run('curl', ['-sS', '-i', `http://${labAddresses.IPv4.node}:${healthPort}/`])
      .catch((error: unknown) => String(error));
  await on.until('the balancer is told of one Pod', async () =>
    (await ask()).includes('"localEndpoints": 1'),
  );
  await on.put(slices('balanced', [elsewhere(3)]));
  await on.expect(...from('outside', 'dropped'), ...from('pod1', [3]));
  await on.until('the balancer is sent away', async () => (await ask()).startsWith('HTTP/1.1 503'));
  await on.put(slices('balanced', []));
  await on.expect(...from('outside', 'refused'));
};

const guarded: CapabilityCase = async (on) => {
  const { n } = on;
  const spec = {
    type: 'LoadBalancer',
    ports: bothProtocols(nodePortOf(n)),
    loadBalancerSourceRanges: families.map((f) => `${labAddresses[f].outside}/${labAddresses[f].host}`),
  };
  const lb = service('guarded', n, { spec });
  const ingress = families.map((family) => ({ ip: outerIp(family, n) }));
  await on.put(lb, slices('guarded', [2, 3]));
  await on.putStatus({ ...lb, status: { loadBalancer: { ingress } } } as typeof lb);
  await on.expect(
    ...each((family, at) => [
      ...both({ from: 'outside', to: outerIp(family, n), by: [2, 3], seen: at.gateway }),
      { from: 'pod1', to: outerIp(family, n), by: 'dropped' },
      { from: 'outside', to: at.node, port: nodePortOf(n), by: [2, 3] },
    ]),
  );
};

/** A resolver keeps its port: to the kernel all it asks is one flow. */
const flows: CapabilityCase = async (on) => {
  const { n } = on;
  const sourcePort = 40_000 + n;
  const by = (outcome: Expectation['by']): Promise<void> =>
    on.expect(
      ...each((family) => [{ from: 'pod1', to: vip(family, n), protocol: 'UDP', sourcePort, by: outcome }]),
    );
  const tracked = async (): Promise<string> =>
    (
      await Promise.all(
        ['ipv4', 'ipv6'].map((family) =>
          on.lab.run('conntrack', ['-L', '-f', family, '-p', 'udp', '--orig-port-src', String(sourcePort)]),
        ),
      )
    ).join('');
  await on.put(service('flows', n), slices('flows', []));
  await by('refused');
  await on.put(slices('flows', [2]));
  await by([2]);
  await on.put(slices('flows', [3]));
  await by([3]);
  for (const family of families)
    assert.ok(!(await tracked()).includes(`src=${labAddresses[family].pod(2)} `), 'a flow to who has gone');
  await on.put(slices('flows', []));
  await by('refused');
};

const sticky: CapabilityCase = async (on) => {
  const { n } = on;
  const affinity = (timeoutSeconds: number): object => ({
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds } },
  });
  await on.put(service('sticky', n, { spec: affinity(600) }), slices('sticky', [2, 3, 4]));
  await on.put(service('brief', n + 1, { spec: affinity(1) }), slices('brief', [2, 3, 4]));
  const ask = async (family: Family, number: number): Promise<string> =>
    (await on.lab.packets.ask('pod1', { protocol: 'TCP', host: vip(family, number), port: 80 }))[0] ?? '';
  const served = async (family: Family, number: number): Promise<string> => {
    let answer = '';
    await on.until('it is served', async () => (answer = await ask(family, number)).startsWith('pod'));
    return answer;
  };
  const first = await Promise.all(families.map((family) => served(family, n)));
  for (let i = 0; i < 10; i++)
    assert.deepEqual(await Promise.all(families.map((family) => ask(family, n))), first);
  await on.put(
    slices(
      'sticky',
      [2, 3, 4].filter((pod) => !first.join().includes(`pod${pod} `)),
    ),
  );
  await Promise.all(
    families.map(async (family, i) => {
      await on.until('it moves with its Pod’s end', async () => (await ask(family, n)) !== first[i]);
      // Of three Pods another one comes sooner or later, once the client is forgotten.
      const before = await served(family, n + 1);
      await on.until('it is forgotten', async () => {
        await sleep(1300);
        return (await served(family, n + 1)) !== before;
      });
    }),
  );
};

const weighted: CapabilityCase = async (on) => {
  const weights = JSON.stringify(
    Object.fromEntries(families.map((family) => [labAddresses[family].pod(2), 0])),
  );
  const by = (...pods: readonly number[]): Promise<void> =>
    on.expect(...each((family) => both({ from: 'pod1', to: vip(family, on.n), by: pods })));
  await on.put(service('weighted', on.n), slices('weighted', [2, 3]));
  await by(2, 3);
  await on.put(service('weighted', on.n, { annotations: { 'portico.dev/weights': weights } }));
  await by(3);
};

const range: CapabilityCase = async (on) => {
  const { n } = on;
  const annotations = { 'portico.dev/port-ranges': `tcp=${podPort}-${podPort + 2}` };
  const ports = [{ name: 'tcp', port: podPort, targetPort: podPort }];
  await on.put(service('range', n, { spec: { ports }, annotations }), slices('range', [2, 3]));
  const at = (port: number, by: Expectation['by']): Expectation[] =>
    each((family) => [{ from: 'pod1', to: vip(family, n), port, by }]);
  await on.expect(...at(podPort, [2, 3]), ...at(podPort + 1, [2, 3]), ...at(podPort + 3, otherPort(on)));
};

const stacks: CapabilityCase = async (on) => {
  const { n } = on;
  const single = (family: Family, number: number): object => ({
    clusterIP: vip(family, number),
    clusterIPs: [vip(family, number)],
    ipFamilyPolicy: 'SingleStack',
    ipFamilies: [family],
    type: 'NodePort',
    ports: bothProtocols(nodePortOf(number)),
  });
  const prefers = {
    ipFamilyPolicy: 'PreferDualStack',
    type: 'NodePort',
    ports: bothProtocols(nodePortOf(n)),
  };
  await on.put(
    ...[service('first', n, { spec: prefers }), ...slices('first', [2])],
    ...[service('second', n + 1, { spec: single('IPv6', n + 1) }), ...slices('second', [3])],
  );
  const whoIs = (family: Family, number: number, by: Expectation['by']): Expectation[] => [
    { from: 'pod1', to: vip(family, number), by: by === 'refused' ? 'nobody' : by },
    ...both({ from: 'outside', to: labAddresses[family].node, port: nodePortOf(number), by }),
  ];
  await on.expect(...whoIs('IPv4', n, [2]), ...whoIs('IPv6', n, [2]));
  await on.expect(...whoIs('IPv4', n + 1, 'refused'), ...whoIs('IPv6', n + 1, [3]));
  await on.put(service('first', n, { spec: single('IPv4', n) }));
  await on.expect(...whoIs('IPv4', n, [2]), ...whoIs('IPv6', n, 'refused'));
};

/** By sentence. */
export const capabilities: Readonly<Record<string, CapabilityCase>> = {
  'follows Services that come, change and go (C1 C7 C9)': comesAndGoes,
  'leads a Pod to itself (C12)': hairpin,
  'refuses at once without endpoints, at every address (C8 C14)': nobody,
  'keeps traffic of the cluster on its node under internalTrafficPolicy Local (C10)': inside,
  'prefers the endpoints that hints name, by zone and by node (C10)': near,
  'uses endpoints that end when there are no others, for each policy on its own (C11)': ending,
  'serves load balancers under policy Local, and tells them where endpoints are (C8 C9)': balanced,
  'lets in only the sources that may (C8)': guarded,
  'moves flows of UDP from nobody to somebody, to others, and to nobody (C13)': flows,
  'keeps a client with its Pod, until the Pod goes or the time is over (C6)': sticky,
  'gives nothing to endpoints of weight 0 (G6)': weighted,
  'serves a range of ports (G9)': range,
  'serves Services of one family and of two, and those that go from two to one': stacks,
};
