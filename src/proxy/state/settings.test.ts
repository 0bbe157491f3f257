import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { serviceFixture, sliceFixture } from './fixtures.ts';
import type { ServicePort } from './model.ts';
import { createProxyStateTracker } from './proxy-state-tracker.ts';
import type { ProxyStateTracker, ServiceProblem } from './proxy-state-tracker.ts';

const node = { name: 'node-1', podCIDRs: ['10.244.0.0/16'], nodePortAddresses: [] };
const ID = 'default/web:http/TCP';

interface Given {
  readonly annotations?: Record<string, string>;
  readonly ports?: { name: string; port: number; protocol?: string; nodePort?: number }[];
  readonly slices?: readonly EndpointSlice[];
}

function decided({ annotations = {}, ports, slices = [] }: Given): {
  port: ServicePort | undefined;
  problems: readonly string[];
} {
  const tracker = createProxyStateTracker({ family: 'IPv4', node });
  for (const slice of slices) tracker.setSlice(`default/${slice.metadata.name}`, slice);
  tracker.setService('default/web', serviceFixture('web', ports ? { ports } : {}, { annotations }));
  const { state, problems } = tracker.take();
  return { port: state.services.get(ID), problems: problems.map(({ message }) => message) };
}

describe('weights', () => {
  const endpoints = [
    { ip: '10.244.0.1', pod: 'web-0' },
    { ip: '10.244.0.2', pod: 'web-1' },
  ];
  const cases: Record<string, { service?: string; slice?: Record<string, string>; weights: string }> = {
    'nothing said is 1': { weights: '1 1' },
    'by Pod and by address': { service: '{"web-0": 3, "10.244.0.2": 5}', weights: '3 5' },
    'an address beats the Pod’s name': { service: '{"web-0": 3, "10.244.0.1": 4}', weights: '4 1' },
    'of the slice': { slice: { 'portico.dev/weight': '7' }, weights: '7 7' },
    'of the slice as Cilium has it': { slice: { 'service.cilium.io/weight': '8' }, weights: '8 8' },
    'our own before Cilium’s': {
      slice: { 'service.cilium.io/weight': '8', 'portico.dev/weight': '7' },
      weights: '7 7',
    },
    'the Service beats the slice': {
      service: '{"web-0": 2}',
      slice: { 'service.cilium.io/weight': '8' },
      weights: '2 8',
    },
    '0 drains': { service: '{"web-0": 0}', weights: '- 1' },
    '0 of the slice drains all but those the Service names': {
      service: '{"web-0": 2}',
      slice: { 'service.cilium.io/weight': '0' },
      weights: '2 -',
    },
  };
  for (const [name, { service, slice, weights }] of Object.entries(cases)) {
    it(name, () => {
      const { port, problems } = decided({
        ...(service === undefined ? {} : { annotations: { 'portico.dev/weights': service } }),
        slices: [sliceFixture('a', 'web', { endpoints, ...(slice ? { annotations: slice } : {}) })],
      });
      const found = new Map(port?.frontends[0]?.endpoints.map(({ ip, weight = 1 }) => [ip, weight]));
      assert.equal(endpoints.map(({ ip }) => found.get(ip) ?? '-').join(' '), weights);
      assert.deepEqual(problems, []);
    });
  }

  it('contradicting slices: the greater one counts, so that draining needs all of them', () => {
    const of = (n: string): Record<string, string> => ({ 'portico.dev/weight': n });
    const slices = [
      sliceFixture('a', 'web', { endpoints, annotations: of('0') }),
      sliceFixture('b', 'web', { endpoints: ['10.244.0.1'], annotations: of('4') }),
    ];
    assert.deepEqual(decided({ slices }).port?.frontends[0]?.endpoints, [
      { ip: '10.244.0.1', port: 9376, isLocal: false, weight: 4 },
    ]);
  });
});

describe('port ranges', () => {
  const ports = [
    { name: 'http', port: 8000, nodePort: 30007 },
    { name: 'admin', port: 9000 },
    { name: 'dns', port: 8053, protocol: 'UDP' },
  ];
  it('take the place of the port at every address, not of the node port', () => {
    const { port, problems } = decided({
      ports,
      annotations: { 'portico.dev/port-ranges': 'http=7000-8999' },
    });
    assert.deepEqual(
      port?.frontends.map(({ frontend }) => frontend),
      [
        { kind: 'clusterIP', ip: '10.96.0.10', port: 7000, endPort: 8999 },
        { kind: 'nodePort', port: 30007 },
      ],
    );
    assert.deepEqual(problems, []);
  });
});

describe('faulty annotations are ignored, and said so', () => {
  const ports = [
    { name: 'http', port: 8000 },
    { name: 'admin', port: 9000 },
  ];
  const cases: Record<string, { annotations: Record<string, string>; problem: string }> = {
    'weights that are no object': {
      annotations: { 'portico.dev/weights': '[1]' },
      problem: 'annotation portico.dev/weights is ignored: "[1]" is no JSON object of numbers',
    },
    'weights that are no JSON': {
      annotations: { 'portico.dev/weights': 'web-0=1' },
      problem: 'annotation portico.dev/weights is ignored: "web-0=1" is no JSON object of numbers',
    },
    'a negative weight': {
      annotations: { 'portico.dev/weights': '{"web-0": -1}' },
      problem:
        'annotation portico.dev/weights is ignored: the weight of "web-0" is no whole number from 0 to 65535',
    },
    'an unknown balancing': {
      annotations: { 'portico.dev/balancing': 'fair' },
      problem:
        'annotation portico.dev/balancing is ignored: "fair" is none of random, round-robin, least-connections, p2c',
    },
    'a reversed range': {
      annotations: { 'portico.dev/port-ranges': 'http=9000-8000' },
      problem:
        'annotation portico.dev/port-ranges is ignored: "http=9000-8000" is not of the form NAME=FIRST-LAST',
    },
    'a range twice': {
      annotations: { 'portico.dev/port-ranges': 'http=8000-8001,http=8000-8002' },
      problem: 'annotation portico.dev/port-ranges is ignored: it names the port "http" twice',
    },
    'a range of a port that is not there': {
      annotations: { 'portico.dev/port-ranges': 'sip=8000-8001' },
      problem: 'annotation portico.dev/port-ranges names the port "sip", which is not there',
    },
    'a range beside its port': {
      annotations: { 'portico.dev/port-ranges': 'http=8001-8999' },
      problem: 'the range 8001-8999 of the port "http" is ignored: its number 8000 lies outside',
    },
    'a range over another port of the Service': {
      annotations: { 'portico.dev/port-ranges': 'http=8000-9999' },
      problem:
        'the range 8000-9999 of the port "http" is ignored: it covers the port 9000 of the same Service',
    },
  };
  for (const [name, { annotations, problem }] of Object.entries(cases)) {
    it(name, () => {
      const { port, problems } = decided({ annotations, ports });
      assert.deepEqual(problems, [problem]);
      assert.deepEqual(port?.frontends[0]?.frontend, { kind: 'clusterIP', ip: '10.96.0.10', port: 8000 });
      assert.equal(port.balancing, undefined);
    });
  }

  it('a slice’s weight', () => {
    const slices = [
      sliceFixture('a', 'web', { endpoints: ['10.244.0.1'], annotations: { 'portico.dev/weight': '-1' } }),
    ];
    const { port, problems } = decided({ slices });
    assert.equal(port?.frontends[0]?.endpoints.length, 1);
    assert.deepEqual(problems, [
      'EndpointSlice a: annotation portico.dev/weight is ignored: "-1" is no number from 0 to 65535',
    ]);
  });

  it('a right one is carried to the mode', () => {
    const { port } = decided({ annotations: { 'portico.dev/balancing': 'p2c' } });
    assert.equal(port?.balancing, 'p2c');
  });
});

describe('endpoints at addresses that cannot be', () => {
  for (const ip of ['127.0.0.1', '169.254.1.1', '224.0.0.1', '0.0.0.0', '10.96.0.10']) {
    it(`${ip} is ignored and the others are used`, () => {
      const slices = [sliceFixture('a', 'web', { endpoints: [ip, '10.244.0.1'] })];
      const { port, problems } = decided({ slices });
      assert.deepEqual(
        port?.frontends[0]?.endpoints.map((e) => e.ip),
        ['10.244.0.1'],
      );
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', new RegExp(`^endpoint ${ip} is ignored: its address is `));
    });
  }

  it('many are named in part', () => {
    const endpoints = Array.from({ length: 9 }, (_, i) => `127.0.0.${i + 1}`);
    const { problems } = decided({ slices: [sliceFixture('a', 'web', { endpoints })] });
    assert.match(problems[0] ?? '', /^endpoint 127.0.0.1, .*127.0.0.5 and 4 more is ignored: /);
  });
});

describe('problems are told once', () => {
  const bad = serviceFixture('web', {}, { annotations: { 'portico.dev/balancing': 'fair' } });
  const next = (tracker: ProxyStateTracker): readonly ServiceProblem[] => tracker.take().problems;
  it('and again when they come again', () => {
    const tracker = createProxyStateTracker({ family: 'IPv4', node });
    tracker.setService('default/web', bad);
    assert.deepEqual(
      next(tracker).map(({ service }) => service),
      ['default/web'],
    );
    tracker.setSlice('default/a', sliceFixture('a', 'web', { endpoints: ['10.244.0.1'] }));
    assert.deepEqual(next(tracker), []);
    tracker.setService('default/web', serviceFixture('web'));
    assert.deepEqual(next(tracker), []);
    tracker.setService('default/web', bad);
    assert.equal(next(tracker).length, 1);
  });
});

describe('ranges that several Services want', () => {
  const annotations = { 'portico.dev/port-ranges': 'http=8000-8999' };
  const externalIPs = ['192.0.2.1'];
  const old = { created: '2026-01-01T00:00:00Z' };
  const young = { created: '2026-02-01T00:00:00Z' };
  const range = (created: { created: string }): ReturnType<typeof serviceFixture> =>
    serviceFixture(
      'range',
      { clusterIPs: ['10.96.0.1'], externalIPs, ports: [{ name: 'http', port: 8000 }] },
      { annotations, ...created },
    );
  const single = (created: { created: string }): ReturnType<typeof serviceFixture> =>
    serviceFixture(
      'single',
      { clusterIPs: ['10.96.0.2'], externalIPs, ports: [{ name: 'http', port: 8443 }] },
      created,
    );
  const holders = (tracker: ProxyStateTracker): string[] =>
    [...tracker.take().state.services.values()]
      .filter(({ frontends }) => frontends.some(({ frontend }) => frontend.kind === 'externalIP'))
      .map(({ name }) => name);

  it('go to the older one whole, and to the other when it goes, whoever came first', () => {
    for (const [a, b, winner, loser] of [
      [range(old), single(young), 'range', 'single'],
      [single(old), range(young), 'single', 'range'],
    ] as const) {
      for (const order of [
        [a, b],
        [b, a],
      ]) {
        const tracker = createProxyStateTracker({ family: 'IPv4', node });
        for (const service of order) {
          tracker.setService(`default/${service.metadata.name}`, service);
          tracker.take();
        }
        assert.deepEqual(holders(tracker), [winner]);
        tracker.setService(`default/${winner}`, undefined);
        assert.deepEqual(holders(tracker), [loser]);
      }
    }
  });
});
