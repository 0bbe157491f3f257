import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What the machine needs to boot, and what the tests need of the kernel. Parts a kernel has built in are no modules. */
const wanted = [
  /** libcrc32c asks for it by its algorithm, which is no dependency. */
  'crc32c_generic',
  'virtio_mmio',
  '9pnet_virtio',
  '9p',
  'overlay',
  ...['ip_vs', 'rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'sed', 'nq', 'mh'].map((s) =>
    s === 'ip_vs' ? s : `ip_vs_${s}`,
  ),
  ...[
    'sctp',
    'nf_conntrack_netlink',
    'veth',
    'bridge',
    'dummy',
    'nf_tables',
    'nft_chain_nat',
    'nft_numgen',
    'nft_objref',
  ],
  ...['nft_hash', 'nft_masq', 'nft_nat', 'nft_redir', 'nft_fib_inet', 'nft_fib_ipv4', 'nft_fib_ipv6'],
  ...[
    'nft_reject_inet',
    'nft_reject_ipv4',
    'nft_reject_ipv6',
    'nft_ct',
    'nft_limit',
    'nft_log',
    'nft_compat',
  ],
  ...['iptable_nat', 'iptable_filter', 'ip6table_nat', 'ip6table_filter', 'xt_MASQUERADE', 'xt_comment'],
  ...[
    'xt_mark',
    'xt_conntrack',
    'xt_addrtype',
    'xt_statistic',
    'xt_recent',
    'xt_nat',
    'xt_tcpudp',
    'xt_sctp',
  ],
  ...['xt_multiport', 'xt_physdev', 'ipt_REJECT', 'ip6t_REJECT', 'xt_LOG', 'xt_limit'],
];

export interface KernelModule {
  /** File name, e.g. `ip_vs.ko`. */
  readonly name: string;
  readonly path: string;
}

/** Dashes and underscores are the same in names of modules. */
const moduleName = (path: string): string => basename(path).replace(/\.ko$/, '').replaceAll('-', '_');

/** All modules of an unpacked kernel package, by name. */
export function modulePaths(root: string): ReadonlyMap<string, string> {
  const paths = globSync('{lib,usr/lib}/modules/*/kernel/**/*.ko', { cwd: root });
  return new Map(paths.map((path) => [moduleName(path), join(root, path)]));
}

/** The names in its `depends=` line, as the module's own description has it. */
function dependencies(path: string): string[] {
  const data = readFileSync(path);
  const at = data.indexOf('\0depends=');
  if (at < 0) return [];
  const from = at + '\0depends='.length;
  const text = data.toString('latin1', from, data.indexOf(0, from));
  return text.split(',').filter((name) => name !== '');
}

/** The wanted modules and what they need, each after those it needs. */
export function modulesFor(paths: ReadonlyMap<string, string>): KernelModule[] {
  const found = new Map<string, KernelModule>();
  const add = (name: string): void => {
    const path = paths.get(name.replaceAll('-', '_'));
    if (path === undefined || found.has(name)) return;
    for (const needed of dependencies(path)) add(needed);
    found.set(name, { name: basename(path), path });
  };
  for (const name of wanted) add(name);
  return [...found.values()];
}
