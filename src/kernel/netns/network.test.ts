import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inSandbox, sandboxFolder } from '../../testing/sandbox.ts';
import { mount } from '../libc/mounts.ts';
import { openPidfd, readable } from '../libc/processes.ts';
import { SystemError } from '../libc/system-error.ts';
import { openNetlink } from '../netlink/netlink-socket.ts';
import { beginBatch, endBatch, nfgenmsg, NFNL_SUBSYS_NFTABLES, nfnetlinkType } from '../netlink/nfnetlink.ts';
import { NETLINK_NETFILTER, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST } from '../netlink/protocol.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import type { NetworkObject } from '../route/model.ts';
import { openNetworkStack } from '../route/network-stack.ts';
import {
  createNamedIpc,
  createNamedNetns,
  createNamedUts,
  deleteNamedNetns,
  withNetns,
} from './named-netns.ts';

inSandbox(import.meta.filename);

const root = sandboxFolder('portico-kernel-');
/** What a server in the namespace says it was reached by, over a connection from here. */
async function answerFrom(netnsPath: string, host: string): Promise<string> {
  const server = createServer((socket) => socket.end(socket.localAddress ?? ''));
  withNetns(netnsPath, () => server.listen(9000));
  const client = connect(9000, host);
  let text = '';
  for await (const chunk of client) text += String(chunk);
  server.close();
  return text.replace('::ffff:', '');
}

const path = (name: string): string => join(root, name);

describe('network namespaces', () => {
  it('live at a path without a process, with lo up, and end when deleted', () => {
    const before = readlinkSync('/proc/thread-self/ns/net');
    createNamedNetns(path('a'));
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), before);
    const inside = withNetns(path('a'), () => readlinkSync('/proc/thread-self/ns/net'));
    assert.notEqual(inside, before);
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), before);
    const stack = openNetworkStack(path('a'));
    assert.deepEqual(
      stack.links().map((l) => [l.name, l.isUp]),
      [['lo', true]],
    );
    stack.close();
    assert.equal(deleteNamedNetns(path('a')), true);
    assert.equal(existsSync(path('a')), false);
    assert.equal(deleteNamedNetns(path('a')), false);
  });

  it('are left again after an error', () => {
    createNamedNetns(path('b'));
    const before = readlinkSync('/proc/thread-self/ns/net');
    assert.throws(() =>
      withNetns(path('b'), () => {
        throw new Error('inside');
      }),
    );
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), before);
    deleteNamedNetns(path('b'));
    assert.throws(() => withNetns(path('b'), () => 0), /ENOENT/);
  });

  it('have UTS and IPC companions', () => {
    createNamedUts(path('uts'), 'pod-one');
    createNamedIpc(path('ipc'));
    const name = execFileSync('nsenter', [`--uts=${path('uts')}`, `--ipc=${path('ipc')}`, 'hostname'], {
      encoding: 'utf8',
    });
    assert.equal(name.trim(), 'pod-one');
    deleteNamedNetns(path('uts'));
    deleteNamedNetns(path('ipc'));
  });
});

describe('the network stack', () => {
  it('brings two namespaces together, and a second run changes nothing', async () => {
    createNamedNetns(path('pod'));
    const here = openNetworkStack();
    const pod = openNetworkStack(path('pod'));
    const mac = 'ee:ee:ee:ee:ee:ee';
    const plans: readonly [typeof here, readonly NetworkObject[]][] = [
      [
        here,
        [
          { kind: 'link', name: 'lo', isUp: true },
          { kind: 'link', name: 'br', create: { type: 'bridge' }, isUp: true, mtu: 1400 },
          {
            kind: 'link',
            name: 'port',
            create: { type: 'veth', peer: { name: 'port-peer' } },
            master: 'br',
            isUp: true,
          },
          {
            kind: 'link',
            name: 'veth1',
            create: {
              type: 'veth',
              peer: { name: 'eth0', netnsPath: path('pod'), mac: '02:00:00:00:00:02' },
            },
            mac,
            isUp: true,
          },
          { kind: 'address', link: 'br', address: '192.168.9.1/24' },
          { kind: 'address', link: 'br', address: 'fd00::1/64' },
          { kind: 'route', to: '10.9.0.2/32', link: 'veth1' },
          { kind: 'neighbour', link: 'veth1', ip: '10.9.0.2', mac: '02:00:00:00:00:02' },
          { kind: 'route', to: '10.77.0.0/16', via: '192.168.9.7' },
        ],
      ],
      [
        pod,
        [
          { kind: 'link', name: 'eth0', isUp: true },
          { kind: 'address', link: 'eth0', address: '10.9.0.2/32' },
          { kind: 'neighbour', link: 'eth0', ip: '169.254.1.1', mac },
          { kind: 'route', to: '0.0.0.0/0', via: '169.254.1.1', link: 'eth0', isOnLink: true },
        ],
      ],
    ];
    const run = (): boolean[] => plans.flatMap(([stack, plan]) => plan.map((object) => stack.ensure(object)));
    assert.deepEqual([...new Set(run().slice(1))], [true]);
    assert.deepEqual([...new Set(run())], [false]);
    assert.equal(await answerFrom(path('pod'), '10.9.0.2'), '10.9.0.2');
    assert.deepEqual(pod.list('route'), [
      { kind: 'route', to: '0.0.0.0/0', via: '169.254.1.1', link: 'eth0' },
    ]);
    const addresses = here.list('address');
    assert.ok(addresses.some((a) => a.kind === 'address' && a.link === 'br' && a.address === 'fd00::1/64'));
    const port = here.links().find((l) => l.name === 'port');
    assert.equal(port?.master, here.links().find((l) => l.name === 'br')?.index);
    assert.equal(here.links().find((l) => l.name === 'br')?.mtu, 1400);

    assert.equal(here.ensure({ kind: 'route', to: '10.77.0.0/16', via: '192.168.9.8' }), true);
    assert.equal(here.ensure({ kind: 'link', name: 'br', mtu: 1300 }), true);
    assert.equal(here.remove({ kind: 'route', to: '10.77.0.0/16' }), true);
    assert.equal(here.remove({ kind: 'route', to: '10.77.0.0/16' }), false);
    assert.equal(here.remove({ kind: 'neighbour', link: 'veth1', ip: '10.9.0.2', mac: '' }), true);
    assert.equal(here.remove({ kind: 'neighbour', link: 'veth1', ip: '10.9.0.2', mac: '' }), false);
    assert.equal(here.remove({ kind: 'address', link: 'br', address: '192.168.9.1/24' }), true);
    assert.equal(here.remove({ kind: 'address', link: 'br', address: '192.168.9.1/24' }), false);
    assert.equal(here.remove({ kind: 'link', name: 'veth1' }), true);
    assert.equal(here.remove({ kind: 'link', name: 'veth1' }), false);
    assert.deepEqual(
      pod.links().map((l) => l.name),
      ['lo'],
    );
    here.close();
    pod.close();
    deleteNamedNetns(path('pod'));
  });

  it('writes settings of its own namespace only', () => {
    createNamedNetns(path('c'));
    const stack = openNetworkStack(path('c'));
    assert.equal(stack.sysctl('net.ipv4.ip_forward', '1'), true);
    assert.equal(stack.sysctl('net.ipv4.ip_forward', '1'), false);
    assert.equal(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim(), '0');
    stack.close();
    deleteNamedNetns(path('c'));
  });

  it('says what the kernel refused', () => {
    const stack = openNetworkStack();
    assert.throws(
      () => stack.ensure({ kind: 'link', name: 'a-name-longer-than-fifteen', create: { type: 'bridge' } }),
      { name: 'SystemError', code: 'ERANGE', syscall: 'find link a-name-longer-than-fifteen' },
    );
    assert.throws(
      () => stack.ensure({ kind: 'address', link: 'lo', address: '10.0.0.1/33' }),
      /not an address/,
    );
    assert.throws(() => stack.ensure({ kind: 'route', to: '10.0.0.0', link: 'lo' }), /not a CIDR/);
    assert.throws(
      () => stack.ensure({ kind: 'route', to: '10.0.0.0/8', via: '10.300.0.1' }),
      /not an IP address/,
    );
    assert.throws(() => stack.ensure({ kind: 'link', name: 'none' }), /no network device none/);
    assert.throws(
      () => stack.ensure({ kind: 'neighbour', link: 'lo', ip: '10.0.0.1', mac: 'zz' }),
      /hardware address/,
    );
    stack.close();
  });
});

describe('a netlink batch', () => {
  it('is all or nothing and says which message failed', () => {
    const socket = openNetlink({ protocol: NETLINK_NETFILTER });
    const table = (writer: NetlinkWriter, message: number, name: string): NetlinkWriter =>
      nfgenmsg(
        writer.begin(nfnetlinkType(NFNL_SUBSYS_NFTABLES, message), NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE),
        2,
      ).attrString(1, name);
    const writer = new NetlinkWriter();
    table(beginBatch(writer, NFNL_SUBSYS_NFTABLES), 0, 'one');
    table(writer, 2, 'missing');
    const failed = socket.batch(endBatch(writer, NFNL_SUBSYS_NFTABLES).finish());
    assert.deepEqual(
      failed.failures.map(({ index, code }) => [index, code]),
      [[2, 'ENOENT']],
    );
    const get = (): Buffer =>
      nfgenmsg(writer.reset().begin(nfnetlinkType(NFNL_SUBSYS_NFTABLES, 1), 0), 2)
        .attrString(1, 'one')
        .finish();
    assert.throws(() => socket.request(get(), 'get table'), { code: 'ENOENT', message: /^get table/ });
    table(beginBatch(writer.reset(), NFNL_SUBSYS_NFTABLES), 0, 'one');
    const done = socket.batch(endBatch(writer, NFNL_SUBSYS_NFTABLES).finish());
    assert.deepEqual([done.failures, done.nAcknowledged, done.isTruncated], [[], 1, false]);
    assert.equal(socket.request(get()).length, 1);
    const tooBig = Buffer.alloc(socket.maxBatchBytes + 4096);
    tooBig.writeUInt32LE(tooBig.length);
    assert.throws(() => socket.batch(tooBig), { code: 'EMSGSIZE' });
    socket.close();
  });
});

describe('system calls', () => {
  it('name themselves and the error', () => {
    const refused = (): void => mount({ target: '/nowhere', type: 'tmpfs' });
    assert.throws(refused, (e) => e instanceof SystemError && e.code === 'ENOENT' && e.syscall === 'mount');
    assert.throws(() => openNetlink({ protocol: 99 }), { code: 'EPROTONOSUPPORT' });
  });

  it('tell when a process ended', async () => {
    const { spawn } = await import('node:child_process');
    const child = spawn('sleep', ['5']);
    const fd = openPidfd(child.pid ?? 0);
    assert.ok(fd !== undefined);
    assert.deepEqual(readable([fd]), []);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('exit', resolve));
    assert.deepEqual(readable([fd]), [fd]);
    assert.equal(openPidfd(999_999), undefined);
    closeSync(fd);
  });
});
