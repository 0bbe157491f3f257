import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createFakeConntrack } from '../../kernel/conntrack/fake-conntrack.ts';
import type { Flow, FlowProtocol } from '../../kernel/conntrack/model.ts';
import type { ProxyEndpoint, ProxyState, ServicePort } from '../state/model.ts';
import { withStaleFlowsEnded } from './reconciled-mode.ts';

const VIP = '10.96.0.10';
const NODE = '172.18.0.2';
const to = (...hosts: readonly number[]): ProxyEndpoint[] =>
  hosts.map((n) => ({ ip: `10.244.0.${n}`, port: 5353, isLocal: true }));

function port(endpoints: readonly ProxyEndpoint[], protocol: 'UDP' | 'SCTP' | 'TCP' = 'UDP'): ServicePort {
  const decision = { endpoints, whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
  return {
    id: `default/dns:/${protocol}`,
    namespace: 'default',
    name: 'dns',
    portName: '',
    protocol,
    affinitySeconds: 0,
    frontends: [
      { frontend: { kind: 'clusterIP', ip: VIP, port: 53 }, ...decision },
      { frontend: { kind: 'nodePort', port: 30_053 }, ...decision },
      { frontend: { kind: 'clusterIP', ip: '10.96.0.11', port: 1000, endPort: 1010 }, ...decision },
    ],
  };
}

let nextId = 1;
/** From 10.244.0.9:4000 to `destination`, answered by `served` (default: itself). */
const flow = (destination: string, served = destination, protocol: FlowProtocol = 'UDP'): Flow => {
  const split = (text: string): [string, number] => [text.split(':')[0] ?? '', Number(text.split(':')[1])];
  const [[dst, dport], [src, sport]] = [split(destination), split(served)];
  return {
    family: 'IPv4',
    protocol,
    original: { source: '10.244.0.9', sourcePort: 4000, destination: dst, destinationPort: dport },
    reply: { source: src, sourcePort: sport, destination: '10.244.0.9', destinationPort: 4000 },
    id: nextId++,
  };
};

const [A, B] = ['10.244.0.1:5353', '10.244.0.2:5353'];

interface Case {
  /** What is true before the flows begin; undefined: the process has just started. */
  readonly before?: readonly ServicePort[];
  readonly after: readonly ServicePort[];
  readonly flows: Readonly<Record<string, Flow>>;
  /** Names of the flows that end. */
  readonly end: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'the first endpoint comes: who spoke into the void speaks to it': {
    before: [port([])],
    after: [port(to(1))],
    flows: { void: flow(`${VIP}:53`), atNodePort: flow(`${NODE}:30053`), other: flow('1.1.1.1:53') },
    end: ['void', 'atNodePort'],
  },
  'the last endpoint goes: nobody stays with it': {
    before: [port(to(1))],
    after: [port([])],
    flows: { old: flow(`${VIP}:53`, A), atNodePort: flow(`${NODE}:30053`, A), other: flow('1.1.1.1:53') },
    end: ['old', 'atNodePort'],
  },
  'an endpoint is replaced: its clients move, others stay': {
    before: [port(to(1, 2))],
    after: [port(to(2, 3))],
    flows: { old: flow(`${VIP}:53`, A), stays: flow(`${VIP}:53`, B) },
    end: ['old'],
  },
  'an endpoint more: nobody moves': {
    before: [port(to(1))],
    after: [port(to(1, 2))],
    flows: { stays: flow(`${VIP}:53`, A) },
    end: [],
  },
  'the Service goes: nobody stays': {
    before: [port(to(1))],
    after: [],
    flows: { old: flow(`${VIP}:53`, A), another: flow(`${VIP}:54`, A) },
    end: ['old'],
  },
  'a range: the endpoint is met at the port the packet came for': {
    before: [port(to(1, 2))],
    after: [port(to(2))],
    flows: {
      old: flow('10.96.0.11:1005', '10.244.0.1:1005'),
      stays: flow('10.96.0.11:1005', '10.244.0.2:1005'),
      outside: flow('10.96.0.11:1011', '10.244.0.1:1011'),
    },
    end: ['old'],
  },
  'a restart: what went wrong meanwhile is mended, the rest is let alone': {
    after: [port(to(2))],
    flows: { old: flow(`${VIP}:53`, A), stays: flow(`${VIP}:53`, B), void: flow(`${VIP}:53`) },
    end: ['old', 'void'],
  },
  'SCTP as UDP': {
    before: [port(to(1), 'SCTP')],
    after: [port(to(2), 'SCTP')],
    flows: { old: flow(`${VIP}:53`, A, 'SCTP'), udp: flow(`${VIP}:53`, A) },
    end: ['old'],
  },
  'TCP never': {
    before: [port(to(1), 'TCP')],
    after: [port(to(2), 'TCP')],
    flows: { stays: flow(`${VIP}:53`, A, 'TCP') },
    end: [],
  },
  'the same number of another program on the node is not ours': {
    before: [port(to(1))],
    after: [port([])],
    flows: { theirs: flow('8.8.8.8:30053') },
    end: [],
  },
};

const stateOf = (ports: readonly ServicePort[]): ProxyState => ({
  family: 'IPv4',
  node: { name: 'node-1', podCIDRs: [], nodePortAddresses: [] },
  services: new Map(ports.map((each) => [each.id, each])),
});

describe('stale flows', () => {
  for (const [what, { before, after, flows, end }] of Object.entries(cases)) {
    it(what, async () => {
      const conntrack = createFakeConntrack();
      const inner = { sync: () => Promise.resolve(), cleanup: () => Promise.resolve() };
      const mode = withStaleFlowsEnded(inner, { family: 'IPv4', conntrack, logger: silentLogger });
      if (before !== undefined) await mode.sync(stateOf(before));
      conntrack.flows.push(...Object.values(flows));
      const changed = new Set([...(before ?? []), ...after].map(({ id }) => id));
      await mode.sync(stateOf(after), before === undefined ? undefined : changed);
      const left = Object.entries(flows).filter(([, each]) => conntrack.flows.includes(each));
      const kept = Object.keys(flows).filter((name) => !end.includes(name));
      assert.deepEqual(
        left.map(([name]) => name),
        kept,
      );
    });
  }

  it('to a cluster IP on the number of another Service’s node port are that Service’s own', async () => {
    const conntrack = createFakeConntrack();
    const inner = { sync: () => Promise.resolve(), cleanup: () => Promise.resolve() };
    const mode = withStaleFlowsEnded(inner, { family: 'IPv4', conntrack, logger: silentLogger });
    const decision = { endpoints: to(7), whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
    const frontend = { kind: 'clusterIP', ip: '10.96.0.99', port: 30_053 } as const;
    const other = { ...port([]), id: 'default/other:/UDP', frontends: [{ frontend, ...decision }] };
    await mode.sync(stateOf([port(to(1, 2)), other]));
    const own = flow('10.96.0.99:30053', '10.244.0.7:5353');
    conntrack.flows.push(own, flow(`${NODE}:30053`, B));
    await mode.sync(stateOf([port(to(1)), other]), new Set(['default/dns:/UDP']));
    assert.deepEqual(conntrack.flows, [own]);
  });

  it('wait for a sync that fails, and are then ended for all that came together', async () => {
    const conntrack = createFakeConntrack();
    let isFailing = false;
    const inner = {
      sync: () => (isFailing ? Promise.reject(new Error('no')) : Promise.resolve()),
      cleanup: () => Promise.resolve(),
    };
    const mode = withStaleFlowsEnded(inner, { family: 'IPv4', conntrack, logger: silentLogger });
    await mode.sync(stateOf([port(to(1))]));
    conntrack.flows.push(flow(`${VIP}:53`, A));
    isFailing = true;
    await assert.rejects(mode.sync(stateOf([port([])]), new Set(['default/dns:/UDP'])));
    assert.equal(conntrack.flows.length, 1);
    isFailing = false;
    await mode.sync(stateOf([port([])]), new Set(['default/dns:/UDP']));
    assert.equal(conntrack.flows.length, 0);
  });

  it('are counted, with the time it took, where there were frontends to look for', async () => {
    const conntrack = createFakeConntrack();
    const reports: unknown[] = [];
    const inner = { sync: () => Promise.resolve(), cleanup: () => Promise.resolve() };
    const watched = { clock: fakeClock(), onReconciled: (report: unknown) => void reports.push(report) };
    const mode = withStaleFlowsEnded(inner, { family: 'IPv4', conntrack, logger: silentLogger, watched });
    await mode.sync(stateOf([port(to(1), 'TCP')]));
    assert.deepEqual(reports, []);
    await mode.sync(stateOf([port(to(1))]), new Set(['default/dns:/UDP']));
    conntrack.flows.push(flow(`${VIP}:53`, A));
    await mode.sync(stateOf([port(to(2))]), new Set(['default/dns:/UDP']));
    assert.deepEqual(reports, [
      { nEnded: 0, durationMs: 0 },
      { nEnded: 1, durationMs: 0 },
    ]);
  });
});
