import { memoryLogger } from '../base/logger.ts';
import { createFakeConntrack } from '../kernel/conntrack/fake-conntrack.ts';
import type { Conntrack } from '../kernel/conntrack/model.ts';
import { createFakeNft } from '../kernel/nft/fake-nft.ts';
import type { NftKernel } from '../kernel/nft/nft-kernel.ts';
import type { ProxyMode, ProxyState, ServicePort } from '../proxy/state/model.ts';
import { clusterIp, endpoints, plan, proxyState, servicePort } from './proxy-fixtures.ts';
import { createNftablesMode } from '../proxy/modes/nftables/nftables-mode.ts';

/** A fake kernel, and modes on it one process after the other; IPv4. */
export interface Rig {
  readonly nft: ReturnType<typeof createFakeNft>;
  readonly conntrack: ReturnType<typeof createFakeConntrack>;
  readonly logger: ReturnType<typeof memoryLogger>;
  /** A mode of a new process on the same kernel. */
  start(options?: { kernel?: NftKernel; conntrack?: Conntrack; serviceCIDRs?: readonly string[] }): ProxyMode;
  /** Keys of a set of the table, sorted; empty when there is no such set. */
  elements(set: string): string[];
}

export function createRig(): Rig {
  const nft = createFakeNft();
  const conntrack = createFakeConntrack();
  const logger = memoryLogger();
  return {
    nft,
    conntrack,
    logger,
    start: (options = {}) =>
      createNftablesMode({
        family: 'IPv4',
        nft: options.kernel ?? nft,
        conntrack: options.conntrack ?? conntrack,
        logger,
        ...(options.serviceCIDRs ? { serviceCIDRs: options.serviceCIDRs } : {}),
      }),
    elements: (set) => [...(nft.ruleset.get('ip portico')?.sets.get(set)?.elements.keys() ?? [])].sort(),
  };
}

/** `default/web`, TCP port 80 of the first cluster IP. */
export const web = (hosts: readonly number[], more: Partial<ServicePort> = {}): ServicePort =>
  servicePort('web', [clusterIp([plan.IPv4.cluster(1), 80], endpoints('IPv4', ...hosts))], more);
export const stateOf = (...ports: readonly ServicePort[]): ProxyState => proxyState('IPv4', ports);
