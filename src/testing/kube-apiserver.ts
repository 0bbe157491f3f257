import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPki, pkiFiles, type Pki } from '../apiserver/pki/pki.ts';
import { realClock } from '../base/clock.ts';
import { startEtcd } from './etcd-process.ts';

/** A kube-apiserver of Kubernetes with an etcd of its own, on loopback. */
export interface KubeApiserver {
  readonly dir: string;
  readonly port: number;
  readonly pki: Pki;
  /** Of kube-apiserver and etcd. */
  readonly pids: readonly number[];
  /** Ends both and removes what they wrote. */
  stop(): Promise<void>;
}

export interface KubeApiserverOptions {
  /** The program. */
  readonly path: string;
  /** Certificates that exist already; default: new ones. */
  readonly pkiDir?: string;
  /** Whether etcd waits for the disk. Default false. */
  readonly isDurable?: boolean;
  readonly flags?: readonly string[];
}

/** A first start writes all roles and reads its own objects back. */
const READY_MS = 120_000;

/** Starts both and waits for /readyz. Rejects with the end of the log when it does not become ready. */
export async function startKubeApiserver(options: KubeApiserverOptions): Promise<KubeApiserver> {
  const dir = mkdtempSync(join(tmpdir(), 'portico-kube-apiserver-'));
  const pkiDir = options.pkiDir ?? dir;
  const apiServerHosts = ['127.0.0.1', 'localhost'];
  const pki = await createPki({ dir: pkiDir, nodes: [], apiServerHosts, clock: realClock });
  const etcd = await startEtcd({ isDurable: options.isDurable ?? false });
  const port = await freePort();
  const flags = flagsOf(pkiDir, { port, etcd: etcd.servers, certs: join(dir, 'own') });
  const child = spawn(options.path, [...flags, ...(options.flags ?? [])], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
  const ended = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await etcd.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  for (const end = performance.now() + READY_MS; ; await sleep(100)) {
    if (await isReady(port, pki)) break;
    if (child.exitCode === null && performance.now() < end) continue;
    await stop();
    throw new Error(`${options.path} did not become ready: ${log.slice(-2000)}`);
  }
  const pids = [child.pid ?? 0, ...etcd.members.map(({ pid }) => pid ?? 0)];
  return { dir, port, pki, pids, stop };
}

interface Where {
  readonly port: number;
  readonly etcd: readonly string[];
  readonly certs: string;
}

function flagsOf(pkiDir: string, { port, etcd, certs }: Where): readonly string[] {
  const { ca, serving, serviceAccount } = pkiFiles(pkiDir);
  return [
    `--etcd-servers=${etcd.join(',')}`,
    '--bind-address=127.0.0.1',
    // Endpoints may not be on loopback; nobody calls this one.
    '--advertise-address=192.0.2.1',
    `--secure-port=${port}`,
    `--cert-dir=${certs}`,
    `--tls-cert-file=${serving}.crt`,
    `--tls-private-key-file=${serving}.key`,
    `--client-ca-file=${ca}.crt`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${serviceAccount}.pub`,
    `--service-account-signing-key-file=${serviceAccount}.key`,
    '--service-cluster-ip-range=10.96.0.0/12',
    '--authorization-mode=Node,RBAC',
  ];
}

function isReady(port: number, { caCert, admin }: Pki): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/readyz', ca: caCert, ...admin, agent: false };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .once('error', () => resolve(false))
      .end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
