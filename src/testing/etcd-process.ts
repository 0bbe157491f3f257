import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real etcd of one or several members on loopback, in a temporary folder. */
export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  /** Client URLs of all members. */
  readonly servers: readonly string[];
  /** Ends every member and removes what they wrote. */
  stop(): Promise<void>;
}

export interface EtcdMember {
  readonly name: string;
  readonly url: string;
  /** Undefined while the member is down. */
  readonly pid: number | undefined;
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface EtcdOptions {
  readonly members?: number;
  /** Further flags for each member. */
  readonly args?: readonly string[];
  /** Of the client URLs (default http). */
  readonly scheme?: 'http' | 'https';
  /** Whether members wait for the disk, as they do unless told otherwise. Default false: what a test writes need not survive the machine. */
  readonly isDurable?: boolean;
}

/** Starts etcd and waits until it answers. Rejects with the mend when it is not installed. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const { members: n = 1, scheme = 'http' } = options;
  const directory = mkdtempSync(join(tmpdir(), 'portico-etcd-'));
  const ports = await freePorts(2 * n);
  const places = Array.from({ length: n }, (_, i) => ({
    name: `etcd-${i}`,
    url: `${scheme}://127.0.0.1:${ports[2 * i]}`,
    peerUrl: `http://127.0.0.1:${ports[2 * i + 1]}`,
  }));
  const cluster = places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  const members = places.map((place) =>
    createMember(place, [
      ['--name', place.name],
      ['--data-dir', join(directory, place.name)],
      ['--listen-client-urls', place.url],
      ['--advertise-client-urls', place.url],
      ['--listen-peer-urls', place.peerUrl],
      ['--initial-advertise-peer-urls', place.peerUrl],
      ['--initial-cluster', cluster],
      ['--initial-cluster-token', directory],
      ['--logger', 'zap'],
      ['--log-level', 'error'],
      ...(options.isDurable === true ? [] : [['--unsafe-no-fsync']]),
      options.args ?? [],
    ]),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { members, servers: places.map(({ url }) => url), stop };
}

interface Place {
  readonly name: string;
  readonly url: string;
}

function createMember({ name, url }: Place, args: readonly (readonly string[])[]): EtcdMember {
  let child: ChildProcess | undefined;
  let complaint = '';
  const kill = async (): Promise<void> => {
    const dying = child;
    child = undefined;
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
  };
  const start = async (): Promise<void> => {
    complaint = '';
    const started = spawn('etcd', args.flat(), { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    started.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    const failed = once(started, 'error').then(([error]: unknown[]) => {
      throw new Error(
        'this test needs a real etcd: install Debian’s etcd-server (apt-get install etcd-server)',
        { cause: error },
      );
    });
    const ended = once(started, 'exit').then(() => {
      throw new Error(`etcd ended: ${complaint}`);
    });
    await Promise.race([failed, ended, untilListening(Number(new URL(url).port), () => complaint)]);
    for (const race of [failed, ended]) race.catch(() => undefined);
  };
  return {
    name,
    url,
    get pid() {
      return child?.pid;
    },
    kill,
    start,
  };
}

/** A client port is opened when the member has joined its cluster; whether it can be asked is for the asker to see. */
async function untilListening(port: number, complaint: () => string): Promise<void> {
  const { connect } = await import('node:net');
  for (let i = 0; i < 300; i++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`etcd did not start to listen within 15 s: ${complaint()}`);
}

/** Ports that were free a moment ago, all different. */
async function freePorts(n: number): Promise<readonly number[]> {
  const servers = Array.from({ length: n }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as AddressInfo).port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
