import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';
import type { ProxyMode } from '../../proxy/state/model.ts';
import type { NodeProcessConfig } from '../up/messages.ts';

interface ModeDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

async function nftables(config: NodeProcessConfig, { logger }: ModeDeps): Promise<ProxyMode> {
  const { createNftablesMode, probeNftables } = await import('../../proxy/modes/nftables/index.ts');
  const { openNft } = await import('../../kernel/nft/open-nft.ts');
  const { openConntrack } = await import('../../kernel/conntrack/open-conntrack.ts');
  const nft = openNft();
  const probe = await probeNftables(nft, 'IPv4');
  if (!probe.isUsable) throw new Error(`${config.name}: --proxy-mode nftables: ${probe.reason}`);
  const serviceCIDRs = [config.serviceCIDR];
  return createNftablesMode({ family: 'IPv4', nft, conntrack: openConntrack(), logger, serviceCIDRs });
}

async function userspace(config: NodeProcessConfig, deps: ModeDeps): Promise<ProxyMode> {
  const { createUserspaceMode } = await import('../../proxy/modes/userspace/userspace-mode.ts');
  if (config.network === 'none') {
    const { createLoopbackCapture } = await import('../../proxy/modes/userspace/loopback-capture.ts');
    const { withLocalAddresses } = await import('./local-addresses.ts');
    return withLocalAddresses(createUserspaceMode({ ...deps, capture: createLoopbackCapture('IPv4') }), deps);
  }
  const { createNetfilterCapture } = await import('../../proxy/modes/userspace/netfilter-capture.ts');
  const { openNft } = await import('../../kernel/nft/open-nft.ts');
  const { openConntrack } = await import('../../kernel/conntrack/open-conntrack.ts');
  const kernel = { nft: openNft(), conntrack: openConntrack() };
  const capture = createNetfilterCapture({ family: 'IPv4', ...kernel, address: config.nodeIP });
  return createUserspaceMode({ ...deps, capture });
}

/**
 * The mode the node was asked for. Rejects with what the kernel lacks. On the machine's own network the rules of the other mode are taken away
 * first: a cluster that was killed may have left them. Elsewhere modules of the other mode are never loaded.
 */
export async function createProxyMode(config: NodeProcessConfig, deps: ModeDeps): Promise<ProxyMode> {
  const [make, makeOther] = config.proxyMode === 'nftables' ? [nftables, userspace] : [userspace, nftables];
  if (config.network === 'host') await (await makeOther(config, deps)).cleanup();
  return make(config, deps);
}
