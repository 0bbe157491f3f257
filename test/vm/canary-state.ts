import type { Clock } from '../../src/base/clock.ts';
import type { Logger } from '../../src/base/logger.ts';
import { createModeSwitch } from '../../src/proxy/modes/mode-switch.ts';
import type { ModeSwitch } from '../../src/proxy/modes/mode-switch.ts';
import { loadMode } from '../../src/proxy/modes/registry.ts';
import type { ProxyState, ServicePort } from '../../src/proxy/state/model.ts';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../src/testing/proxy-fixtures.ts';
import { NODE_PORT, VIPS } from '../proxy/canary.ts';

export const families = ['IPv4', 'IPv6'] as const;
type Family = (typeof families)[number];

/** The modes of the kernel. */
export const kernelModes = ['ipvs', 'nftables', 'iptables'] as const;
type KernelMode = (typeof kernelModes)[number];

/** The Service that is called, with these Pods for endpoints. */
export function canaryPort(family: Family, pods: readonly number[]): ServicePort {
  const at = labAddresses[family];
  const to = pods.map((n) => ({ ip: at.pod(n), port: podPort, isLocal: true }));
  return servicePort('web', [clusterIp([VIPS[family], 80], to), nodePort(NODE_PORT, to)]);
}

/** One of the others. */
export function otherPort(family: Family, i: number): ServicePort {
  const ip = family === 'IPv4' ? `10.97.${i >> 8}.${i & 255}` : `fd00:10:97::${(i + 1).toString(16)}`;
  const to = [3, 4].map((n) => ({ ip: labAddresses[family].pod(n), port: podPort, isLocal: true }));
  return servicePort(`other-${i}`, [clusterIp([ip, 80], to)]);
}

export function canaryState(family: Family, services: ReadonlyMap<string, ServicePort>): ProxyState {
  const { podCIDR, node } = labAddresses[family];
  return { ...proxyState(family, [], { podCIDRs: [podCIDR], ip: node }), services };
}

/** The node's proxy, a mode for each family that can become another one. */
export function openModes({
  first,
  netnsPath,
  clock,
  logger,
}: {
  readonly first: KernelMode;
  readonly netnsPath: string;
  readonly clock: Clock;
  readonly logger: Logger;
}): Record<Family, ModeSwitch<KernelMode>> {
  const open = (family: Family): ModeSwitch<KernelMode> =>
    createModeSwitch<KernelMode>({
      first,
      names: kernelModes,
      open: async (name) =>
        (await loadMode(name)).open({
          family,
          clock,
          logger,
          netnsPath,
          serviceCIDRs: [],
          nodeIP: labAddresses[family].node,
        }),
      clock,
      logger,
    });
  return { IPv4: open('IPv4'), IPv6: open('IPv6') };
}
