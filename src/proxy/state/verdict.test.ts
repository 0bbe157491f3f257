import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  clusterIp,
  endpoints,
  nodePort,
  plan,
  proxyState,
  servicePort,
} from '../../testing/proxy-fixtures.ts';
import { arbitraryProxyState, attemptsOf } from '../../testing/random-proxy-state.ts';
import type { FrontendDecision, ProxyNode, ServicePort } from './model.ts';
import { verdictInWords, verdictOf } from './verdict.ts';
import type { Attempt } from './verdict.ts';

const { pod, cluster, external, node, outside, nodeCIDR } = plan.IPv4;
const two = endpoints('IPv4', 1, 2);

const clients = {
  pod: { kind: 'pod-here', source: pod(99) },
  far: { kind: 'pod-elsewhere', source: '10.244.1.7' },
  node: { kind: 'node', source: node },
  outside: { kind: 'outside', source: outside },
  endpoint: { kind: 'pod-here', source: pod(1) },
  loopback: { kind: 'node', source: '127.0.0.1' },
} as const;

interface Row {
  readonly decision: FrontendDecision;
  readonly node?: Partial<ProxyNode>;
  readonly port?: Partial<ServicePort>;
  readonly at?: Partial<Attempt>;
  /** What each kind of client gets; `pod 1` is `POD 9376`, `!` = masqueraded. */
  readonly clients: Partial<Record<keyof typeof clients, string>>;
}

const local: FrontendDecision = {
  frontend: { kind: 'loadBalancerIP', ip: external(1), port: 80 },
  endpoints: endpoints('IPv4', 1),
  whenEmpty: 'drop',
  masquerade: 'never',
  fromCluster: { endpoints: two, whenEmpty: 'reject', masquerade: 'off-cluster' },
};
const vip = clusterIp([cluster(1), 80], two);
const atNode = { ip: node, isLocal: true, port: 30007 };

const table: Record<string, Row> = {
  'a cluster IP keeps the source of Pods, and rewrites that of others and of the endpoint itself': {
    decision: vip,
    clients: { pod: '1 2', far: '1 2', node: '1! 2!', outside: '1! 2!', endpoint: '1! 2' },
  },
  'nobody is known to be outside when nobody knows where Pods are': {
    decision: vip,
    node: { podCIDRs: ['fd00::/64'] },
    clients: { pod: '1 2', node: '1 2', outside: '1 2' },
  },
  'Pods are told by their link alone where links are configured': {
    decision: vip,
    node: { podLinks: { prefix: 'veth' } },
    clients: { pod: '1 2', far: '1! 2!', node: '1! 2!' },
  },
  'policy Local: the short way for Pods and the node, the endpoints here for others': {
    decision: local,
    clients: { pod: '1 2', far: '1 2', node: '1! 2!', outside: '1', endpoint: '1! 2' },
  },
  'policy Local with nobody here: the others are dropped': {
    decision: { ...local, endpoints: [] },
    clients: { pod: '1 2', outside: 'dropped' },
  },
  'nobody anywhere: refused': {
    decision: { ...vip, endpoints: [] },
    clients: { pod: 'refused', node: 'refused', outside: 'refused' },
  },
  'source ranges drop everybody else, also Pods, also where nobody would answer': {
    decision: { ...local, endpoints: [], allowedSources: ['203.0.113.0/24'] },
    clients: { pod: 'dropped', node: 'dropped', outside: 'dropped' },
  },
  'source ranges let in who is inside': {
    decision: { ...local, allowedSources: ['203.0.113.0/24', '10.244.0.0/24'] },
    clients: { pod: '1 2', far: 'dropped', outside: '1' },
  },
  'another port of a cluster IP is nobody’s': {
    decision: vip,
    at: { port: 81 },
    clients: { pod: 'untouched' },
  },
  'another protocol too': { decision: vip, at: { protocol: 'UDP' }, clients: { pod: 'untouched' } },
  'a node port answers on every address of the node': {
    decision: nodePort(30007, two),
    at: atNode,
    clients: { pod: '1! 2!', outside: '1! 2!' },
  },
  'but on no other address': {
    decision: nodePort(30007, two),
    at: { ...atNode, isLocal: false },
    clients: { outside: 'untouched' },
  },
  'nor on those outside of the configured blocks': {
    decision: nodePort(30007, two),
    at: atNode,
    node: { nodePortAddresses: ['198.51.100.0/24'] },
    clients: { outside: 'untouched' },
  },
  'a node port on loopback, where it is wanted, for the node itself': {
    decision: nodePort(30007, two),
    at: { ...atNode, ip: '127.0.0.1' },
    node: { hasLocalhostNodePorts: true },
    clients: { loopback: '1! 2!', outside: 'untouched' },
  },
  'not where it is not wanted': {
    decision: nodePort(30007, two),
    at: { ...atNode, ip: '127.0.0.1' },
    clients: { loopback: 'untouched' },
  },
  'nor where the blocks leave loopback out': {
    decision: nodePort(30007, two),
    at: { ...atNode, ip: '127.0.0.1' },
    node: { hasLocalhostNodePorts: true, nodePortAddresses: [nodeCIDR] },
    clients: { loopback: 'untouched' },
  },
  'a remembered endpoint is the only way': {
    decision: vip,
    port: { affinitySeconds: 60 },
    at: { remembered: { ip: pod(2), port: 9376 } },
    clients: { pod: '2', outside: '2!' },
  },
  'one that is gone is forgotten': {
    decision: vip,
    port: { affinitySeconds: 60 },
    at: { remembered: { ip: pod(3), port: 9376 } },
    clients: { pod: '1 2' },
  },
};

function words(verdicts: readonly string[]): string {
  const short = (word: string): string => {
    const n = /^10\.244\.0\.(\d+) 9376( masqueraded)?$/.exec(word);
    return n ? `${n[1]}${n[2] ? '!' : ''}` : word;
  };
  return verdicts.map(short).join(' ');
}

describe('what may happen to a connection', () => {
  for (const [sentence, { decision, node: how, port, at, clients: expected }] of Object.entries(table)) {
    it(sentence, () => {
      const state = proxyState('IPv4', [servicePort('web', [decision], port)], how);
      const ip = decision.frontend.kind === 'nodePort' ? node : decision.frontend.ip;
      for (const [name, wanted] of Object.entries(expected)) {
        const client = clients[name as keyof typeof clients];
        const attempt: Attempt = { client, protocol: 'TCP', ip, port: 80, isLocal: false, ...at };
        assert.equal(words(verdictInWords(verdictOf(state, attempt))), wanted, name);
      }
    });
  }

  it('a range keeps the port it was met at, and weights are carried along', () => {
    const range = { kind: 'clusterIP', ip: cluster(1), port: 8000, endPort: 8999 } as const;
    const weighted = [{ ...two[0], weight: 3 }, two[1]].filter((e) => e !== undefined);
    const decision = clusterIp([cluster(1), 8000], weighted as typeof two, { frontend: range });
    const state = proxyState('IPv4', [servicePort('web', [decision])]);
    const at = (port: number): Attempt => ({
      client: clients.pod,
      protocol: 'TCP',
      ip: cluster(1),
      port,
      isLocal: false,
    });
    const verdict = verdictOf(state, at(8123));
    assert.deepEqual(verdict.kind === 'to' && verdict.ways.map(({ port, weight }) => [port, weight]), [
      [8123, 3],
      [8123, 1],
    ]);
    assert.deepEqual(verdictOf(state, at(9000)), { kind: 'untouched', isClusterIp: true });
    assert.deepEqual(verdictOf(state, { ...at(8000), ip: cluster(2) }), {
      kind: 'untouched',
      isClusterIp: false,
    });
  });

  it('an address beats a node port of the same number on it', () => {
    const external80 = { ...local, frontend: { kind: 'externalIP', ip: node, port: 30007 } } as const;
    const ports = [servicePort('a', [nodePort(30007, endpoints('IPv4', 3))]), servicePort('b', [external80])];
    const attempt: Attempt = { client: clients.outside, protocol: 'TCP', ...atNode };
    assert.deepEqual(words(verdictInWords(verdictOf(proxyState('IPv4', ports), attempt))), '1');
  });
});

describe('random clusters', () => {
  for (const family of ['IPv4', 'IPv6'] as const) {
    it(`have everything that may happen, for every kind of client (${family})`, () => {
      const seen = new Set<string>();
      const states = fc.sample(arbitraryProxyState(family), { numRuns: 150, seed: 1 });
      for (const state of states) {
        for (const attempt of attemptsOf(state)) seen.add(`${attempt.client.kind} ${kindOf(state, attempt)}`);
      }
      const kinds = ['pod-here', 'pod-elsewhere', 'node', 'outside'];
      const all = kinds.flatMap((kind) =>
        ['to', 'refused', 'dropped', 'untouched'].map((v) => `${kind} ${v}`),
      );
      assert.deepEqual([...seen].sort(), all.sort());
    });
  }
});

const kindOf = (...of: Parameters<typeof verdictOf>): string => verdictOf(...of).kind;
