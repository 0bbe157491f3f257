import type { Logger } from '../../../base/logger.ts';
import type { NetworkStack } from '../../../kernel/route/model.ts';
import type { IpFamily } from '../../../net/ip.ts';

export interface SysctlOptions {
  readonly family: IpFamily;
  readonly hasStrictARP: boolean;
  /** `6.1.0-13-amd64` and the like. */
  readonly kernelRelease: string;
}

/** Since then a new connection with the ports of one that has just ended is scheduled anew without a second's wait (35dfb013149f). */
const reuseIsMendedIn = [5, 9] as const;

function isOlder(release: string, [major, minor]: readonly [number, number]): boolean {
  const [own = 0, ownMinor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return own < major || (own === major && ownMinor < minor);
}

/** The settings kube-proxy's ipvs mode makes, and why. */
export function sysctlsFor({
  family,
  hasStrictARP,
  kernelRelease,
}: SysctlOptions): readonly (readonly [string, string])[] {
  return [
    // Connection tracking sees translated packets, so that their source can be masqueraded.
    ['net.ipv4.vs.conntrack', '1'],
    ...(isOlder(kernelRelease, reuseIsMendedIn) ? [['net.ipv4.vs.conn_reuse_mode', '0'] as const] : []),
    // A UDP client whose endpoint is gone is sent to another one.
    ['net.ipv4.vs.expire_nodest_conn', '1'],
    // A client remembered at an endpoint that is ending is sent to another one.
    ['net.ipv4.vs.expire_quiescent_template', '1'],
    family === 'IPv4' ? ['net.ipv4.ip_forward', '1'] : ['net.ipv6.conf.all.forwarding', '1'],
    // Only the device that has an address answers for it: virtual addresses stay this machine's own affair.
    ...(hasStrictARP
      ? ([
          ['net.ipv4.conf.all.arp_ignore', '1'],
          ['net.ipv4.conf.all.arp_announce', '2'],
        ] as const)
      : []),
  ];
}

/** Sets what differs; a setting that cannot be made is a warning, as somebody may have made it otherwise. */
export function ensureSysctls(stack: NetworkStack, options: SysctlOptions, logger: Logger): void {
  for (const [name, value] of sysctlsFor(options)) {
    try {
      if (stack.sysctl(name, value)) logger.info('set a kernel setting', { name, value });
    } catch (err) {
      logger.warn('cannot set a kernel setting the ipvs mode relies on', { name, value, err });
    }
  }
}
