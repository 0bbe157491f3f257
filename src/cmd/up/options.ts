import { isAbsolute, resolve } from 'node:path';
import { modeNames } from '../../proxy/modes/registry.ts';
import type { ModeName } from '../../proxy/modes/registry.ts';
import type { NetworkMode } from './messages.ts';
import { UserError } from './user-error.ts';

/** What `portico up` was asked for, checked. */
export interface UpOptions {
  /** undefined = a temporary folder, forgotten at the end. */
  readonly dataDir: string | undefined;
  readonly writeKubeconfig: string | undefined;
  readonly nodes: number;
  readonly network: NetworkMode;
  /** Port of the API on the host's loopback; isFixed = the user chose it. */
  readonly apiPort: { readonly port: number; readonly isFixed: boolean };
  readonly dnsPort: { readonly port: number; readonly isFixed: boolean };
  readonly proxyMode: ModeName;
  readonly logLevel: string;
}

/** The flags as the command line gives them. */
export interface UpFlags {
  readonly dataDir?: string;
  readonly writeKubeconfig?: string;
  readonly nodes?: string;
  readonly network?: string;
  readonly apiPort?: string;
  readonly dnsPort?: string;
  readonly proxyMode?: string;
  readonly logLevel?: string;
}

const NETWORKS: readonly NetworkMode[] = ['sandbox', 'host', 'none'];
const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'];
const DEFAULT_API_PORT = 6443;
const DEFAULT_DNS_PORT = 10053;
/** One third octet of the cluster's Pod addresses for each node. */
const MAX_NODES = 200;

function whole(flag: string, text: string, range: readonly [number, number]): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < range[0] || value > range[1]) {
    throw new UserError(`${flag} ${text}: must be a whole number from ${range[0]} to ${range[1]}`, {
      exitCode: 2,
    });
  }
  return value;
}

function oneOf<T extends string>(flag: string, text: string, values: readonly T[]): T {
  const found = values.find((v) => v === text);
  if (found === undefined)
    throw new UserError(`${flag} ${text}: must be one of ${values.join(', ')}`, { exitCode: 2 });
  return found;
}

/** Checks the flags; throws a UserError (exit code 2) that names the flag and the mend. */
export function parseUpOptions(flags: UpFlags): UpOptions {
  const network = oneOf('--network', flags.network ?? 'sandbox', NETWORKS);
  const nodes = whole('--nodes', flags.nodes ?? (network === 'sandbox' ? '3' : '1'), [1, MAX_NODES]);
  if (network !== 'sandbox' && nodes > 1) {
    throw new UserError(
      `--nodes ${nodes}: --network ${network} has one node, this machine; use --network sandbox for more`,
      { exitCode: 2 },
    );
  }
  const proxyMode = oneOf(
    '--proxy-mode',
    flags.proxyMode ?? (network === 'none' ? 'userspace' : 'nftables'),
    modeNames,
  );
  if (network === 'none' && proxyMode !== 'userspace') {
    throw new UserError(
      `--proxy-mode ${proxyMode}: --network none programs no kernel; leave the flag out, or use --network sandbox`,
      { exitCode: 2 },
    );
  }
  const path = (p: string | undefined): string | undefined =>
    p === undefined || isAbsolute(p) ? p : resolve(p);
  return {
    dataDir: path(flags.dataDir),
    writeKubeconfig: path(flags.writeKubeconfig),
    nodes,
    network,
    apiPort: {
      port: whole('--api-port', flags.apiPort ?? String(DEFAULT_API_PORT), [1, 65535]),
      isFixed: flags.apiPort !== undefined,
    },
    dnsPort: {
      port: whole('--dns-port', flags.dnsPort ?? String(DEFAULT_DNS_PORT), [1, 65535]),
      isFixed: flags.dnsPort !== undefined,
    },
    proxyMode,
    logLevel: oneOf('--log-level', flags.logLevel ?? 'info', LEVELS),
  };
}
