import { openConntrack } from '../../../kernel/conntrack/open-conntrack.ts';
import { openNft } from '../../../kernel/nft/open-nft.ts';
import type { ModeModule } from '../mode.ts';
import { probeNftables } from '../nftables/probe.ts';
import { withHandles } from '../with-handles.ts';
import { createNetfilterCapture } from './netfilter-capture.ts';
import { createUserspaceMode } from './userspace-mode.ts';

export const mode: ModeModule = {
  /** The traffic is brought to the process by nf_tables. */
  probe: async ({ family, netnsPath }) => {
    const nft = openNft({ netnsPath });
    try {
      const result = await probeNftables(nft, family);
      if (result.isUsable) return result;
      return { ...result, reason: result.reason.replace('The nftables mode', 'The userspace mode') };
    } finally {
      nft.close();
    }
  },
  open: async ({ family, clock, logger, nodeIP, netnsPath, observer }) => {
    if (nodeIP === undefined) throw new Error(`the userspace mode needs the node's own ${family} address`);
    const kernel = { nft: openNft({ netnsPath }), conntrack: openConntrack({ netnsPath }) };
    const capture = createNetfilterCapture({
      family,
      ...kernel,
      address: nodeIP,
      ...(observer && { watched: { clock, onReconciled: observer.onReconciled } }),
    });
    return withHandles(createUserspaceMode({ clock, logger, capture }), kernel.nft, kernel.conntrack);
  },
};
