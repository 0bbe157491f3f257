import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';
import type { ModeOptions } from '../../proxy/modes/mode.ts';
import { loadMode, modesOfOurNames } from '../../proxy/modes/registry.ts';
import type { ProxyMode } from '../../proxy/state/model.ts';
import type { NodeProcessConfig } from '../up/messages.ts';

interface ModeDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Without a network of its own a node's Services are listeners on loopback addresses. */
async function onLoopback(deps: ModeDeps): Promise<ProxyMode> {
  const { createUserspaceMode } = await import('../../proxy/modes/userspace/userspace-mode.ts');
  const { createLoopbackCapture } = await import('../../proxy/modes/userspace/loopback-capture.ts');
  const { withLocalAddresses } = await import('./local-addresses.ts');
  return withLocalAddresses(createUserspaceMode({ ...deps, capture: createLoopbackCapture('IPv4') }), deps);
}

/**
 * The mode the node was asked for. Rejects with what the kernel lacks. On the machine's own network what modes of our own names left is
 * taken away first: a cluster that was killed may have left them. What looks like kube-proxy's may be at work: it is left for
 * `portico proxy --cleanup`. Elsewhere modules of the other modes are never loaded.
 */
export async function createProxyMode(config: NodeProcessConfig, deps: ModeDeps): Promise<ProxyMode> {
  const { name, network, nodeIP, proxyMode, serviceCIDR } = config;
  if (network === 'none') return onLoopback(deps);
  const options: ModeOptions = { ...deps, family: 'IPv4', nodeIP, serviceCIDRs: [serviceCIDR] };
  if (network === 'host') {
    for (const other of modesOfOurNames.filter((mode) => mode !== proxyMode)) {
      const mode = await loadMode(other);
      if (!(await mode.probe(options)).isUsable) continue;
      const old = await mode.open(options);
      await old.cleanup();
      old.release?.();
    }
  }
  const mode = await loadMode(proxyMode);
  const probe = await mode.probe(options);
  if (!probe.isUsable) throw new Error(`${name}: --proxy-mode ${proxyMode}: ${probe.reason}`);
  return mode.open(options);
}
