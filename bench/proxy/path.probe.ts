/**
 * connect() to a server in another network namespace, directly and through a virtual IP, by turns.
 * `{mode, services, connects, rounds, from}` -> ratios. The rules are loaded in the node's namespace, which both ways lead through,
 * and the Service is the last of them. `serve` is the server's process.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createNamedNetns, withNetns } from '../../src/kernel/netns/named-netns.ts';
import { openNetworkStack } from '../../src/kernel/route/network-stack.ts';
import { EPOLL_IN, EPOLL_OUT, calls } from '../../src/kernel/streams/calls.ts';
import { openListener } from '../../src/kernel/streams/listener.ts';
import { openPoller } from '../../src/kernel/streams/poller.ts';
import { socketAddress } from '../../src/kernel/streams/socket-address.ts';
import { resetOnClose } from '../../src/kernel/streams/socket-options.ts';
import { sandboxFolder } from '../../src/testing/sandbox.ts';
import { quantile } from '../figure.ts';
import { clusterIpOf, numberedService, openMode, serviceTo, stateOf } from './services.ts';

interface Question {
  readonly mode: string;
  readonly services: number;
  readonly connects: number;
  readonly rounds: number;
  /** A Pod of the node, whose packets the node forwards, or a program of the node itself. */
  readonly from: 'pod' | 'node';
}

const PORT = 8080;
/** The node's side of a pair of links, and the other one. The Pod's address is one of `node.podCIDRs`. */
const wires = {
  pod: { node: '10.255.0.1', peer: '10.255.0.2' },
  server: { node: '10.9.0.1', peer: '10.9.0.2' },
} as const;
const SERVER = wires.server.peer;

function serve(): never {
  const poller = openPoller();
  const listener = openListener(SERVER, PORT);
  poller.add(listener.fd, EPOLL_IN, 0);
  process.stdout.write('ready\n');
  for (;;) {
    poller.wait(-1, () => {
      for (let fd = listener.accept(); fd >= 0; fd = listener.accept()) calls.close(fd);
    });
  }
}

/** Microseconds of each connect(), one after the other. Throws when one fails. */
function connectTimes(host: string, port: number, n: number): number[] {
  const poller = openPoller();
  const target = socketAddress(host, port);
  const times: number[] = [];
  for (let i = 0; i < n; i++) {
    const fd = calls.socket(target.domain);
    let isOpen = false;
    const startedAt = performance.now();
    calls.connect(fd, target.address, target.length);
    poller.add(fd, EPOLL_OUT, 0);
    poller.wait(5000, () => (isOpen = true));
    times.push((performance.now() - startedAt) * 1000);
    if (!isOpen) throw new Error(`no connection to ${host} port ${port}`);
    resetOnClose(fd);
    calls.close(fd);
  }
  return times;
}

/** Joins a namespace with this one, which is its way to everywhere. */
function connect(name: keyof typeof wires, path: string): void {
  const wire = wires[name];
  const stack = openNetworkStack();
  stack.ensure({ kind: 'link', name: 'lo', isUp: true });
  const create = { type: 'veth', peer: { name: 'eth0', netnsPath: path } } as const;
  stack.ensure({ kind: 'link', name, isUp: true, create });
  stack.ensure({ kind: 'address', link: name, address: `${wire.node}/24` });
  stack.close();
  const other = openNetworkStack(path);
  other.ensure({ kind: 'link', name: 'eth0', isUp: true });
  other.ensure({ kind: 'address', link: 'eth0', address: `${wire.peer}/24` });
  other.ensure({ kind: 'route', to: '0.0.0.0/0', via: wire.node });
  other.close();
}

/** For virtual IPs, which the node's own programs find no other route for. */
function routeEverythingToServer(): void {
  const stack = openNetworkStack();
  stack.ensure({ kind: 'route', to: '0.0.0.0/0', via: SERVER });
  stack.close();
}

async function main({ mode: name, services: nServices, connects, rounds, from }: Question): Promise<void> {
  const folder = sandboxFolder('portico-bench-');
  const [server, pod] = [`${folder}/server`, `${folder}/pod`];
  createNamedNetns(server);
  createNamedNetns(pod);
  connect('server', server);
  connect('pod', pod);
  routeEverythingToServer();
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  const child = withNetns(server, () =>
    spawn(process.execPath, [import.meta.filename, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  await once(child.stdout, 'data');
  const ask = (host: string, port: number): number[] =>
    from === 'node'
      ? connectTimes(host, port, connects)
      : withNetns(pod, () => connectTimes(host, port, connects));
  const last = nServices - 1;
  const target = serviceTo(last, [{ ip: SERVER, port: PORT, isLocal: false }]);
  const all = Array.from({ length: nServices }, (_, n) => (n === last ? target : numberedService(n, 2)));
  const mode = await openMode(name, wires.pod.node);
  const direct: number[] = [];
  const through: number[] = [];
  ask(SERVER, PORT);
  await mode.sync(stateOf(new Map(all.map((port) => [port.id, port]))));
  ask(clusterIpOf(last), 80);
  for (let i = 0; i < rounds; i++) {
    direct.push(...ask(SERVER, PORT));
    through.push(...ask(clusterIpOf(last), 80));
  }
  const sum = (times: readonly number[]): number => times.reduce((a, b) => a + b, 0);
  const [p50, p99] = [0.5, 0.99].map((share) => [quantile(direct, share), quantile(through, share)] as const);
  child.kill('SIGKILL');
  process.stdout.write(
    JSON.stringify({
      connect_p50_ratio: (p50?.[1] ?? NaN) / (p50?.[0] ?? NaN),
      connect_p99_ratio: (p99?.[1] ?? NaN) / (p99?.[0] ?? NaN),
      connects_per_s_ratio: sum(direct) / sum(through),
      direct_p50: p50?.[0] ?? NaN,
      connect_p50: p50?.[1] ?? NaN,
    }),
  );
  process.exit(0);
}

if (process.argv[2] === 'serve') serve();
await main(JSON.parse(process.argv[2] ?? '') as Question);
