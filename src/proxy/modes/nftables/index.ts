import { withLocalhostRelay } from '../localhost-relay.ts';
import type { ModeModule } from '../mode.ts';
import { withHandles } from '../with-handles.ts';
import { createNftablesMode } from './nftables-mode.ts';
import { probeNftables } from './probe.ts';

export { createNftablesMode } from './nftables-mode.ts';
export type { NftablesModeOptions } from './nftables-mode.ts';
export { probeNftables } from './probe.ts';
export type { ProbeResult } from './probe.ts';

export const mode: ModeModule = {
  probe: async ({ family, netnsPath }) => {
    const { openNft } = await import('../../../kernel/nft/open-nft.ts');
    const nft = openNft({ netnsPath });
    try {
      return await probeNftables(nft, family);
    } finally {
      nft.close();
    }
  },
  open: async ({ family, clock, logger, serviceCIDRs, netnsPath, observer }) => {
    const { openNft } = await import('../../../kernel/nft/open-nft.ts');
    const { openConntrack } = await import('../../../kernel/conntrack/open-conntrack.ts');
    const kernel = { nft: openNft({ netnsPath }), conntrack: openConntrack({ netnsPath }) };
    const made = createNftablesMode({
      family,
      ...kernel,
      logger,
      serviceCIDRs,
      ...(observer && {
        onRefused: observer.onRefused,
        watched: { clock, onReconciled: observer.onReconciled },
      }),
    });
    // Listeners are the thread's, wherever its rules are.
    const relayed = netnsPath === undefined ? withLocalhostRelay(made, { family, clock, logger }) : made;
    return withHandles(relayed, kernel.nft, kernel.conntrack);
  },
};
