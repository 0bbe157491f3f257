import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { mount } from '../../src/kernel/libc/mounts.ts';
import { createNamedNetns, deleteNamedNetns, withNetns } from '../../src/kernel/netns/named-netns.ts';
import { ensureSysctl, openNetworkStack } from '../../src/kernel/route/network-stack.ts';
import { EPOLL_IN, calls } from '../../src/kernel/streams/calls.ts';
import { openListener } from '../../src/kernel/streams/listener.ts';
import { pin } from '../../src/kernel/streams/pinned.ts';
import { openPoller } from '../../src/kernel/streams/poller.ts';
import { socketAddress } from '../../src/kernel/streams/socket-address.ts';
import { resetOnClose } from '../../src/kernel/streams/socket-options.ts';

export const HOST_IP = '10.8.0.1';
export const NODE_IP = '10.8.0.2';
export const POD_CIDR = '10.128.0.0/9';
export const POD_PORT = 8080;
/** Nobody listens on it. */
export const CLOSED_PORT = 8082;
/** A connection that is not answered by then is given up. */
const GIVE_UP_MS = 200;

/** Every address of the Pods, and of the Services, is this namespace's own; only the Pods' port answers, with one byte. */
export async function prepareHost(): Promise<ChildProcess> {
  // The lock of iptables, and whatever else programs leave there, is not the machine's.
  mount({ target: '/run', type: 'tmpfs' });
  const stack = openNetworkStack();
  stack.ensure({ kind: 'link', name: 'lo', isUp: true });
  for (const address of ['127.0.0.1/8', '10.128.0.1/9', '10.96.0.1/12']) {
    stack.ensure({ kind: 'address', link: 'lo', address });
  }
  stack.close();
  const child = spawn(process.execPath, [import.meta.filename, 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

function serve(): never {
  const poller = openPoller();
  const listener = openListener('0.0.0.0', POD_PORT);
  const byte = pin(1);
  poller.add(listener.fd, EPOLL_IN, 0);
  process.stdout.write('ready\n');
  for (;;) {
    poller.wait(-1, () => {
      for (let fd = listener.accept(); fd >= 0; fd = listener.accept()) {
        calls.send(fd, byte.address, 1);
        calls.close(fd);
      }
    });
  }
}

/** A node of its own for one proxy: a network namespace behind a veth, and calls made there. */
export interface Place {
  readonly netns: string;
  /** Whether a Pod answers through the address now. */
  isAnswered(ip: string, port?: number): boolean;
  close(): void;
}

export function createPlace(folder: string, name: string): Place {
  const netns = join(folder, name);
  createNamedNetns(netns);
  const stack = openNetworkStack();
  stack.ensure({
    kind: 'link',
    name: 'node',
    isUp: true,
    create: { type: 'veth', peer: { name: 'eth0', netnsPath: netns } },
  });
  stack.ensure({ kind: 'address', link: 'node', address: `${HOST_IP}/24` });
  stack.close();
  const inside = openNetworkStack(netns);
  inside.ensure({ kind: 'link', name: 'eth0', isUp: true });
  inside.ensure({ kind: 'address', link: 'eth0', address: `${NODE_IP}/24` });
  inside.ensure({ kind: 'route', to: '0.0.0.0/0', via: HOST_IP });
  inside.close();
  withNetns(netns, () => ensureSysctl('net.ipv4.ip_forward', '1'));
  const poller = openPoller();
  const buffer = pin(8);
  return {
    netns,
    isAnswered: (ip, port = 80) => {
      const target = socketAddress(ip, port);
      const fd = withNetns(netns, () => calls.socket(target.domain));
      calls.connect(fd, target.address, target.length);
      poller.add(fd, EPOLL_IN, 0);
      poller.wait(GIVE_UP_MS, () => undefined);
      const n = calls.recv(fd, buffer.address, 1);
      resetOnClose(fd);
      calls.close(fd);
      return n === 1;
    },
    close: () => {
      poller.close();
      const own = openNetworkStack();
      own.remove({ kind: 'link', name: 'node' });
      own.close();
      deleteNamedNetns(netns);
    },
  };
}

if (process.argv[1] === import.meta.filename && process.argv[2] === 'serve') serve();
