import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { wrongFlag } from '../component/flags.ts';
import type { Flags } from '../component/flags.ts';
import type { ApiserverFlag } from './flags.ts';

/** Where the objects are kept. */
export type StoreChoice =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'etcd'; readonly servers: readonly string[] };

/** What the flags say, checked as far as that needs no file. */
export interface ApiserverOptions {
  readonly store: StoreChoice;
  readonly bindAddress: string;
  readonly securePort: number;
  readonly advertiseAddress: string;
  readonly certDir: string;
  readonly logLevel: string;
}

const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'];
/** As upstream's --cert-dir. */
const CERT_DIR = '/var/run/kubernetes';

/** Throws a UserError that names the flag and the mend. */
export function apiserverOptions(flags: Flags<ApiserverFlag>): ApiserverOptions {
  const dataDir = flags.text('data-dir');
  const bindAddress = ipOf(flags, 'bind-address') ?? '0.0.0.0';
  const logLevel = flags.text('log-level') ?? 'info';
  if (!LOG_LEVELS.includes(logLevel)) {
    throw wrongFlag(`--log-level=${logLevel}: must be one of ${LOG_LEVELS.join(', ')}`);
  }
  for (const [one, other] of PAIRS) {
    if ((flags.text(one) === undefined) !== (flags.text(other) === undefined)) {
      throw wrongFlag(`--${one} and --${other} belong together: give both or neither`);
    }
  }
  return {
    store: storeOf(flags, dataDir),
    bindAddress,
    securePort: flags.number('secure-port', [1, 65535]) ?? 6443,
    advertiseAddress: ipOf(flags, 'advertise-address') ?? ownAddress(bindAddress),
    certDir: resolve(flags.text('cert-dir') ?? (dataDir === undefined ? CERT_DIR : join(dataDir, 'pki'))),
    logLevel,
  };
}

const PAIRS = [
  ['tls-cert-file', 'tls-private-key-file'],
  ['etcd-certfile', 'etcd-keyfile'],
  ['etcd-user', 'etcd-password-file'],
  ['kubelet-client-certificate', 'kubelet-client-key'],
] as const;

function storeOf(flags: Flags<ApiserverFlag>, dataDir: string | undefined): StoreChoice {
  const servers = flags.list('etcd-servers');
  const wanted = flags.text('storage') ?? (servers.length > 0 ? 'etcd' : 'sqlite');
  if (!['sqlite', 'memory', 'etcd'].includes(wanted)) {
    throw wrongFlag(`--storage=${wanted}: must be sqlite, memory or etcd`);
  }
  if (wanted !== 'etcd' && servers.length > 0) {
    throw wrongFlag(`--storage=${wanted} and --etcd-servers exclude one another: leave one of them out`);
  }
  if (wanted === 'etcd') {
    if (servers.length === 0) throw wrongFlag('--storage=etcd needs --etcd-servers=https://HOST:2379');
    return { kind: 'etcd', servers };
  }
  if (wanted === 'memory') return { kind: 'memory' };
  if (dataDir === undefined) {
    throw wrongFlag(
      'nowhere to keep objects: give --data-dir=FOLDER, --etcd-servers=URL, or --storage=memory to forget them at the end',
    );
  }
  return { kind: 'sqlite', path: join(resolve(dataDir), 'store', 'portico.db') };
}

function ipOf(flags: Flags<ApiserverFlag>, name: 'bind-address' | 'advertise-address'): string | undefined {
  const text = flags.text(name);
  if (text !== undefined && isIP(text) === 0) throw wrongFlag(`--${name}=${text}: must be an IP address`);
  return text;
}

/** What others may reach this machine at, as far as it knows. */
function ownAddress(bindAddress: string): string {
  if (!['0.0.0.0', '::'].includes(bindAddress)) return bindAddress;
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outward = all.filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0);
  const found = outward.find(({ family }) => family === 'IPv4') ?? outward[0];
  return found?.address ?? '127.0.0.1';
}
