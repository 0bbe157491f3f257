import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createNamedNetns, deleteNamedNamespace, withNetns } from '../kernel/netns/named-netns.ts';
import type { NetworkObject } from '../kernel/route/model.ts';
import { ensureSysctl, openNetworkStack } from '../kernel/route/network-stack.ts';
import { endChild } from './processes.ts';
import type { Probe } from './proof-peer.ts';
import { plan } from './proxy-fixtures.ts';
import { elsewherePod } from './random-proxy-state.ts';
import { sandboxFolder } from './sandbox.ts';

const families = ['IPv4', 'IPv6'] as const;
const peer = join(import.meta.dirname, 'proof-peer.ts');
const bits = { IPv4: 32, IPv6: 128 } as const;
const all = { IPv4: '0.0.0.0/0', IPv6: '::/0' } as const;
/** The number of the node's own address on every link, which masquerading takes. */
const GATEWAY = 200;
/** The Pods that random clusters have as endpoints where they have few; links of those of another node are not named veth. */
export const PODS = [1, 2, 3, 4, 5, 6] as const;

/**
 * The machines of random clusters, at the addresses of the test plan: a node, Pods with odd numbers on it and with even numbers on another,
 * one more Pod of each as a client, and a machine outside; every one a network namespace with a link to the node. Needs `inSandbox`.
 */
export interface ProofNetwork {
  /** Path of the network namespace of `node`, `outside`, `elsewhere`, `pod99` or one of PODS, as `pod1`. */
  netns(name: string): string;
  /** The name of the machine that has an address. */
  placeOf(ip: string): string;
  /** Once nothing runs there any more. */
  close(): void;
}

/** A ProofNetwork with programs in it: servers at all endpoints, and a prober on each machine. */
export interface ProofLab {
  /** Path of the node's network namespace. */
  readonly nodeNetns: string;
  /** Makes all calls of one source address at once, those of different ones too; answers in the same order. */
  probe(probes: readonly Probe[]): Promise<string[]>;
  close(): Promise<void>;
}

interface Machine {
  readonly name: string;
  readonly link: string;
  readonly ip: Readonly<Record<'IPv4' | 'IPv6', string>>;
}

const pod = (n: number): Machine => ({
  name: `pod${n}`,
  link: n % 2 === 1 ? `veth${n}` : `fab${n}`,
  ip: { IPv4: plan.IPv4.pod(n), IPv6: plan.IPv6.pod(n) },
});
const outside: Machine = {
  name: 'outside',
  link: 'eth0',
  ip: { IPv4: plan.IPv4.outside, IPv6: plan.IPv6.outside },
};
const machines: readonly Machine[] = [
  ...PODS.map(pod),
  pod(99),
  { name: 'elsewhere', link: 'fab77', ip: elsewherePod },
  outside,
];

function ensure(netns: string, objects: readonly NetworkObject[]): void {
  const stack = openNetworkStack(netns);
  for (const object of objects) stack.ensure(object);
  stack.close();
}

function connect(nodeNetns: string, netns: string, { link, ip }: Machine): void {
  const gateway = (f: 'IPv4' | 'IPv6'): string => plan[f].pod(GATEWAY);
  const create = { type: 'veth', peer: { name: 'eth0', netnsPath: netns } } as const;
  ensure(nodeNetns, [
    { kind: 'link', name: link, isUp: true, create },
    ...families.flatMap((f): NetworkObject[] => [
      { kind: 'address', link, address: `${gateway(f)}/${bits[f]}` },
      { kind: 'route', to: `${ip[f]}/${bits[f]}`, link },
    ]),
  ]);
  ensure(netns, [
    { kind: 'link', name: 'lo', isUp: true },
    { kind: 'link', name: 'eth0', isUp: true },
    ...families.flatMap((f): NetworkObject[] => [
      { kind: 'address', link: 'eth0', address: `${ip[f]}/${bits[f]}` },
      { kind: 'route', to: all[f], via: gateway(f), link: 'eth0', isOnLink: true },
    ]),
  ]);
}

function prepareNode(): void {
  ensureSysctl('net.ipv4.ip_forward', '1');
  ensureSysctl('net.ipv6.conf.all.forwarding', '1');
  ensureSysctl('net.ipv4.conf.all.send_redirects', '0');
  ensureSysctl('net.ipv4.conf.default.send_redirects', '0');
  ensureSysctl('net.ipv4.conf.all.route_localnet', '1');
  // Every refusal is to be seen, however many there are at once.
  ensureSysctl('net.ipv4.icmp_ratelimit', '0');
  ensureSysctl('net.ipv6.icmp.ratelimit', '0');
}

class Prober {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(netns: string) {
    this.process = withNetns(netns, () =>
      spawn(process.execPath, [peer, 'probe'], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const { stdout } = this.process;
    if (stdout === null) throw new Error('the prober has no output');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async make(probes: readonly Probe[]): Promise<string[]> {
    this.process.stdin?.write(`${JSON.stringify(probes)}\n`);
    const { value } = (await this.#lines.next()) as { value?: string };
    if (value === undefined) throw new Error('a prober has ended');
    return JSON.parse(value) as string[];
  }
}

const names = ['node', ...machines.map(({ name }) => name)];

export function createProofNetwork(): ProofNetwork {
  const root = sandboxFolder('portico-proof-');
  const netns = (name: string): string => join(root, name);
  for (const name of names) {
    createNamedNetns(netns(name));
    withNetns(netns(name), () => {
      ensureSysctl('net.ipv6.conf.all.accept_dad', '0');
      ensureSysctl('net.ipv6.conf.default.accept_dad', '0');
    });
  }
  withNetns(netns('node'), prepareNode);
  for (const machine of machines) connect(netns('node'), netns(machine.name), machine);
  ensure(netns('node'), [
    { kind: 'link', name: 'lo', isUp: true },
    ...families.flatMap((f): NetworkObject[] => [
      { kind: 'address', link: 'lo', address: `${plan[f].node}/${bits[f]}` },
      { kind: 'route', to: all[f], via: plan[f].outside, link: 'eth0', isOnLink: true },
    ]),
  ]);
  return {
    netns,
    placeOf: (source) => machines.find(({ ip }) => ip.IPv4 === source || ip.IPv6 === source)?.name ?? 'node',
    close: () => {
      for (const name of names) deleteNamedNamespace(netns(name));
    },
  };
}

/** `ports`: those that endpoints answer on. */
export async function createProofLab(ports: readonly number[]): Promise<ProofLab> {
  const network = createProofNetwork();
  const netns = (name: string): string => network.netns(name);
  const servers = await Promise.all(
    PODS.map(async (n) => {
      const child = withNetns(netns(`pod${n}`), () =>
        spawn(process.execPath, [peer, 'serve', `pod${n}`, ...ports.map(String)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        }),
      );
      if (child.stdout !== null) await once(child.stdout, 'data');
      return child;
    }),
  );
  const probers = new Map(names.map((name) => [name, new Prober(netns(name))]));
  return {
    nodeNetns: netns('node'),
    probe: async (probes) => {
      const answers = new Map<Probe, string>();
      const byPlace = Map.groupBy(probes, ({ source }) => network.placeOf(source));
      await Promise.all(
        [...byPlace].map(async ([place, list]) => {
          const found = (await probers.get(place)?.make(list)) ?? [];
          for (const [i, each] of list.entries()) answers.set(each, found[i] ?? 'nothing');
        }),
      );
      return probes.map((each) => answers.get(each) ?? 'nothing');
    },
    close: async () => {
      const children = [...servers, ...[...probers.values()].map((prober) => prober.process)];
      await Promise.all(children.map(endChild));
      network.close();
    },
  };
}
