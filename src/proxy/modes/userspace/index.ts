import { openConntrack } from '../../../kernel/conntrack/open-conntrack.ts';
import { openNft } from '../../../kernel/nft/open-nft.ts';
import type { ModeModule } from '../mode.ts';
import { probeNftables } from '../nftables/probe.ts';
import { withHandles } from '../with-handles.ts';
import { createNetfilterCapture } from './netfilter-capture.ts';
import { createUserspaceMode } from './userspace-mode.ts';

const needsAddress = 'The userspace mode needs to know the node’s own address: give --bind-address.';

export const mode: ModeModule = {
  /** The traffic is brought by nf_tables to listeners on the node's own address. */
  probe: async ({ family, netnsPath, nodeIP }) => {
    if (nodeIP === undefined) return { isUsable: false, reason: needsAddress };
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
    if (nodeIP === undefined) throw new Error(needsAddress);
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
