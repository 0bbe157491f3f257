import { messageOf } from '../../../base/thrown.ts';
import { hasCode } from '../../../kernel/libc/system-error.ts';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { Command } from '../../../kernel/nft/model.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { demandChains } from './demand-chains.ts';
import { layoutCommands, layoutOf, rewriteCommands } from './layout.ts';
import { demandSet } from './sets.ts';
import type { Demand } from './sets.ts';

export type ProbeResult =
  | { readonly isUsable: true }
  /** One sentence with what is missing and how to mend it. */
  | { readonly isUsable: false; readonly reason: string };

const mends: Readonly<Record<string, string>> = {
  EPERM:
    'needs CAP_NET_ADMIN in this network namespace: run it as root or in a sandbox (user and network namespace)',
  EACCES:
    'needs CAP_NET_ADMIN in this network namespace: run it as root or in a sandbox (user and network namespace)',
  EPROTONOSUPPORT: 'needs netfilter netlink: load the kernel module nfnetlink',
  EAFNOSUPPORT: 'needs netlink sockets, which this kernel or its seccomp filter does not allow',
  EOPNOTSUPP:
    'needs the kernel modules nf_tables, nft_chain_nat, nft_numgen, nft_fib, nft_reject, nft_masq (Linux 5.6 or later)',
  EINVAL: 'needs nf_tables of Linux 5.6 or later',
};

const everyDemand: readonly Demand[] = [
  { kind: 'endpoints', n: 2 },
  { kind: 'node-port-endpoints', n: 2 },
  { kind: 'range-endpoints', n: 2 },
  { kind: 'affinity', n: 10_800 },
  { kind: 'affinity-ips', n: 10_800 },
];

/**
 * Whether this kernel and network namespace can hold the table: everything the mode uses is sent in one transaction under a name of its
 * own whose last command fails on purpose, so that nothing is ever applied.
 */
export async function probeNftables(nft: NftKernel, family: IpFamily): Promise<ProbeResult> {
  const layout = layoutOf(family);
  const sets = everyDemand.map((demand) => demandSet(layout.table.family, demand));
  const missing = 'portico-probe-end';
  const commands: Command[] = [
    ...layoutCommands(layout),
    ...sets.map((set): Command => ({ op: 'add-set', set })),
    ...demandChains(sets.map(({ name }) => name)).flatMap(rewriteCommands),
    { op: 'delete-chain', name: missing },
  ];
  try {
    await nft.apply({ table: { ...layout.table, name: 'portico-probe' }, commands });
    return {
      isUsable: false,
      reason: 'The nftables mode cannot be probed: the kernel accepted a false command.',
    };
  } catch (error) {
    if (error instanceof NftError && error.code === 'ENOENT' && error.message.includes(missing))
      return { isUsable: true };
    const code = Object.keys(mends).find((name) => hasCode(error, name));
    const detail = messageOf(error);
    const mend = code === undefined ? 'cannot be used here' : mends[code];
    return { isUsable: false, reason: `The nftables mode ${mend} (${detail}).` };
  }
}
