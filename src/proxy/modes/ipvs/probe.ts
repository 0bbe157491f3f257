import { messageOf } from '../../../base/thrown.ts';
import { hasCode } from '../../../kernel/libc/system-error.ts';
import { schedulers } from '../../../kernel/ipvs/model.ts';
import type { Ipvs, Scheduler } from '../../../kernel/ipvs/model.ts';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ProbeResult } from '../mode.ts';
import { layoutCommands, layoutOf } from './layout.ts';
import { schedulerOf } from './scheduler.ts';

/** A mark of ours that no Service port gets: its virtual server is made and deleted to see whether the scheduler is there. */
const probeMark = 0x50000000;

/** Schedulers a change of weights or a Service's own wish may lead to. */
const alsoNeeded: Readonly<Partial<Record<Scheduler, readonly Scheduler[]>>> = { rr: ['wrr'], lc: ['wlc'] };

const unusable = (reason: string): ProbeResult => ({ isUsable: false, reason: `The ipvs mode ${reason}.` });
const rights =
  'needs CAP_NET_ADMIN of the machine itself: run it as root; the root of a user namespace may not use IPVS';

function refusal(error: unknown, missing: string): ProbeResult {
  const detail = messageOf(error);
  if (hasCode(error, 'EPERM', 'EACCES')) return unusable(`${rights} (${detail})`);
  if (hasCode(error, 'ENOENT')) return unusable(`needs ${missing} (${detail})`);
  return unusable(`cannot be used here (${detail})`);
}

async function probeScheduler(ipvs: Ipvs, family: IpFamily, scheduler: Scheduler): Promise<ProbeResult> {
  const key = { kind: 'mark', family, mark: probeMark } as const;
  try {
    await ipvs.apply([{ op: 'add-server', server: { key, scheduler, persistenceSeconds: 0 } }]);
    await ipvs.apply([{ op: 'delete-server', key }]);
    return { isUsable: true };
  } catch (error) {
    return refusal(error, `the scheduler ${scheduler}: load the kernel module ip_vs_${scheduler}`);
  }
}

/** Sends the whole table in one transaction under a name of its own whose last command fails on purpose. */
async function probeTable(nft: NftKernel, family: IpFamily): Promise<ProbeResult> {
  const layout = layoutOf(family, { prefix: 'probe' });
  const missing = 'portico-probe-end';
  try {
    await nft.apply({
      table: { ...layout.table, name: 'portico-ipvs-probe' },
      commands: [...layoutCommands(layout), { op: 'delete-chain', name: missing }],
    });
    return unusable('cannot be probed: the kernel accepted a false command');
  } catch (error) {
    if (error instanceof NftError && error.code === 'ENOENT' && error.message.includes(missing)) {
      return { isUsable: true };
    }
    return refusal(error, 'the kernel modules nf_tables, nft_chain_nat, nft_masq, nft_reject, nft_ct');
  }
}

/**
 * Whether this kernel and network namespace have IPVS, nf_tables and the schedulers that may be needed; `wanted` is `ipvs.scheduler` of the
 * configuration, '' and absent are its default. Leaves nothing behind.
 */
export async function probeIpvs(
  kernel: { readonly ipvs: Ipvs; readonly nft: NftKernel },
  family: IpFamily,
  wanted?: string,
): Promise<ProbeResult> {
  const scheduler = schedulerOf(wanted);
  if (scheduler === undefined) {
    return unusable(`knows no scheduler ${wanted}; there are ${schedulers.join(' ')}`);
  }
  try {
    await kernel.ipvs.version();
  } catch (error) {
    return refusal(error, 'IPVS in the kernel: load the kernel module ip_vs');
  }
  for (const each of [scheduler, ...(alsoNeeded[scheduler] ?? [])]) {
    const result = await probeScheduler(kernel.ipvs, family, each);
    if (!result.isUsable) return result;
  }
  return probeTable(kernel.nft, family);
}
