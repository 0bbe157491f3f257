import { withLocalhostRelay } from '../localhost-relay.ts';
import type { ModeModule, ModeOptions } from '../mode.ts';
import { withHandles } from '../with-handles.ts';
import { createIpvsMode } from './ipvs-mode.ts';
import type { IpvsModeOptions } from './ipvs-mode.ts';
import { routesLocalhost } from './localhost.ts';
import { probeIpvs } from './probe.ts';

export { createIpvsMode } from './ipvs-mode.ts';
export type { IpvsModeOptions } from './ipvs-mode.ts';
export { probeIpvs } from './probe.ts';

async function openKernel({
  netnsPath,
}: Pick<ModeOptions, 'netnsPath'>): Promise<Pick<IpvsModeOptions, 'ipvs' | 'nft'>> {
  const where = netnsPath === undefined ? {} : { netnsPath };
  const { openIpvs } = await import('../../../kernel/ipvs/open-ipvs.ts');
  const { openNft } = await import('../../../kernel/nft/open-nft.ts');
  return { ipvs: openIpvs(where), nft: openNft(where) };
}

export const mode: ModeModule = {
  probe: async (options) => {
    const kernel = await openKernel(options);
    try {
      return await probeIpvs(kernel, options.family, options.settings?.ipvs?.scheduler);
    } finally {
      kernel.ipvs.close();
      kernel.nft.close();
    }
  },
  open: async ({ family, clock, logger, serviceCIDRs, netnsPath, settings, observer }) => {
    const { release } = await import('node:os');
    const { openNetworkStack } = await import('../../../kernel/route/network-stack.ts');
    const { openConntrack } = await import('../../../kernel/conntrack/open-conntrack.ts');
    const { withStaleFlowsEnded } = await import('../../conntrack/reconciled-mode.ts');
    const conntrack = openConntrack(netnsPath === undefined ? {} : { netnsPath });
    const stack = openNetworkStack(netnsPath);
    const kernel = await openKernel({ netnsPath });
    const ipvs = createIpvsMode({
      family,
      conntrack,
      ...kernel,
      stack,
      logger,
      serviceCIDRs,
      kernelRelease: release(),
      ...(settings?.ipvs && { settings: settings.ipvs }),
    });
    const whole = withStaleFlowsEnded(ipvs, {
      family,
      conntrack,
      logger,
      ...(observer && { watched: { clock, onReconciled: observer.onReconciled } }),
    });
    const handles = [conntrack, stack, kernel.ipvs, kernel.nft];
    if (netnsPath !== undefined) return withHandles(whole, ...handles);
    // Of IPv4 the mode's own table does it where route_localnet may be set. Listeners are the thread's, wherever its rules are.
    const isRouted = (): boolean => family === 'IPv4' && routesLocalhost(stack);
    return withHandles(withLocalhostRelay(whole, { family, clock, logger, isRouted }), ...handles);
  },
};
