import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createNamedNetns, deleteNamedNamespace, withNetns } from '../kernel/netns/named-netns.ts';
import type { NetworkObject } from '../kernel/route/model.ts';
import { ensureSysctl, openNetworkStack } from '../kernel/route/network-stack.ts';
import { addresses } from './addresses.ts';
import { endChild } from './processes.ts';
import type { PeerCall, PhoneAnswer, PhoneLine } from './packet-peer.ts';
import { sandboxFolder } from './sandbox.ts';

/** Addresses of the lab in both families; Pods and the outside client are numbered or named as in PacketLab. */
export const labAddresses = {
  IPv4: {
    node: addresses.node(1),
    outside: '172.18.0.100',
    pod: (n: number): string => addresses.pod(1, n + 1),
    gateway: addresses.pod(1, 1),
    clusterIp: '10.96.1.1',
    podCIDR: addresses.clusterCIDR,
    services: addresses.serviceCIDR,
    host: 32,
    fabric: 16,
    all: '0.0.0.0/0',
  },
  IPv6: {
    node: 'fd00:172:18::2',
    outside: 'fd00:172:18::100',
    pod: (n: number): string => `fd00:10:244::${n + 1}`,
    gateway: 'fd00:10:244::1',
    clusterIp: 'fd00:10:96::1',
    podCIDR: 'fd00:10:244::/64',
    services: 'fd00:10:96::/112',
    host: 128,
    fabric: 64,
    all: '::/0',
  },
} as const;

const families = ['IPv4', 'IPv6'] as const;
export const podPort = 9376;
const peer = join(import.meta.dirname, 'packet-peer.ts');

/**
 * One node with Pods behind routed veths, and a machine outside beside it, as network namespaces of this process. Needs `inSandbox`.
 * Places are `node`, `outside` and `pod1`, `pod2` …
 */
export interface PacketLab {
  /** Path of a place's network namespace. */
  netns(place: string): string;
  /** Calls from a place; answers are `SERVER CLIENT-ADDRESS`, an errno's name or `timeout`. */
  call(place: string, what: PeerCall): Promise<string[]>;
  /** As `call`, from a process of that place that stays: many at once cost little. */
  ask(place: string, what: PeerCall): Promise<string[]>;
  /** Answers TCP and UDP as `place` from there, on these ports (default: `podPort`); resolves when it listens. */
  serve(place: string, ...ports: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

function start(netns: string, args: readonly string[]): ChildProcess {
  return withNetns(netns, () =>
    spawn(process.execPath, [peer, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
}

function ensure(netns: string, objects: readonly NetworkObject[]): void {
  const stack = openNetworkStack(netns);
  for (const object of objects) stack.ensure(object);
  stack.close();
}

function connectOutside(netns: (place: string) => string): void {
  ensure(netns('node'), [
    {
      kind: 'link',
      name: 'eth0',
      isUp: true,
      create: { type: 'veth', peer: { name: 'eth0', netnsPath: netns('outside') } },
    },
    ...families.map(
      (f) =>
        ({
          kind: 'address',
          link: 'eth0',
          address: `${labAddresses[f].node}/${labAddresses[f].fabric}`,
        }) as const,
    ),
  ]);
  ensure(netns('outside'), [
    { kind: 'link', name: 'eth0', isUp: true },
    ...families.flatMap((f) => {
      const { outside, fabric, podCIDR, services, node } = labAddresses[f];
      return [
        { kind: 'address', link: 'eth0', address: `${outside}/${fabric}` },
        { kind: 'route', to: podCIDR, via: node },
        { kind: 'route', to: services, via: node },
      ] as const;
    }),
  ]);
  ensure(
    netns('node'),
    families.map((f) => ({ kind: 'route', to: labAddresses[f].all, via: labAddresses[f].outside })),
  );
}

function connectPod(netns: (place: string) => string, n: number): void {
  const link = `veth${n}`;
  ensure(netns('node'), [
    {
      kind: 'link',
      name: link,
      isUp: true,
      create: { type: 'veth', peer: { name: 'eth0', netnsPath: netns(`pod${n}`) } },
    },
    ...families.flatMap((f) => {
      const { gateway, host, pod } = labAddresses[f];
      return [
        { kind: 'address', link, address: `${gateway}/${host}` },
        { kind: 'route', to: `${pod(n)}/${host}`, link },
      ] as const;
    }),
  ]);
  ensure(netns(`pod${n}`), [
    { kind: 'link', name: 'eth0', isUp: true },
    ...families.flatMap((f) => {
      const { gateway, host, pod, all } = labAddresses[f];
      return [
        { kind: 'address', link: 'eth0', address: `${pod(n)}/${host}` },
        { kind: 'route', to: all, via: gateway, link: 'eth0', isOnLink: true },
      ] as const;
    }),
  ]);
}

async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (data) => (text += String(data)));
  await once(child, 'close');
  return text;
}

type Phone = (what: PeerCall) => Promise<string[]>;

function createPhone(child: ChildProcess): Phone {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('a caller has no input or output');
  const waiting = new Map<number, PromiseWithResolvers<string[]>>();
  let nCalls = 0;
  createInterface({ input: stdout }).on('line', (line) => {
    const { id, answers } = JSON.parse(line) as PhoneAnswer;
    waiting.get(id)?.resolve(answers);
    waiting.delete(id);
  });
  child.once('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('a caller has ended'));
  });
  stdin.on('error', () => undefined);
  return (call) => {
    const answer = Promise.withResolvers<string[]>();
    const id = ++nCalls;
    waiting.set(id, answer);
    stdin.write(`${JSON.stringify({ id, call } satisfies PhoneLine)}\n`);
    return answer.promise;
  };
}

export function createPacketLab(nPods: number): PacketLab {
  const root = sandboxFolder('portico-lab-');
  const places = ['node', 'outside', ...Array.from({ length: nPods }, (_, i) => `pod${i + 1}`)];
  const netns = (place: string): string => join(root, place);
  for (const place of places) {
    createNamedNetns(netns(place));
    withNetns(netns(place), () => {
      ensureSysctl('net.ipv6.conf.all.accept_dad', '0');
      ensureSysctl('net.ipv6.conf.default.accept_dad', '0');
    });
  }
  withNetns(netns('node'), () => {
    ensureSysctl('net.ipv4.ip_forward', '1');
    ensureSysctl('net.ipv6.conf.all.forwarding', '1');
    /** The way to a virtual IP leads back to the client outside: redirects would use up the ICMP errors it may get. */
    ensureSysctl('net.ipv4.conf.all.send_redirects', '0');
    ensureSysctl('net.ipv4.conf.default.send_redirects', '0');
  });
  connectOutside(netns);
  for (let n = 1; n <= nPods; n++) connectPod(netns, n);
  const children: ChildProcess[] = [];
  const phones = new Map<string, Phone>();
  const phoneOf = (place: string): Phone => {
    const known = phones.get(place);
    if (known !== undefined) return known;
    const child = withNetns(netns(place), () =>
      spawn(process.execPath, [peer, 'phone'], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    children.push(child);
    const phone = createPhone(child);
    phones.set(place, phone);
    return phone;
  };
  return {
    netns,
    call: async (place, what) => {
      const text = await output(start(netns(place), ['call', JSON.stringify(what)]));
      return JSON.parse(text) as string[];
    },
    ask: (place, what) => phoneOf(place)(what),
    serve: async (place, ...ports) => {
      const numbers = (ports.length > 0 ? ports : [podPort]).map(String);
      const child = start(netns(place), ['serve', place, ...numbers]);
      children.push(child);
      if (child.stdout !== null) await once(child.stdout, 'data');
    },
    close: async () => {
      await Promise.all(children.map(endChild));
      for (const place of places) deleteNamedNamespace(netns(place));
    },
  };
}
