import { isLoopback } from '../../../net/ip.ts';
import { parseIp } from '../../../net/ip.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Frontend } from '../../state/model.ts';
import type { Capture, ListenPlace } from './capture.ts';

/**
 * Listens on the virtual addresses themselves, which are loopback addresses then (a service CIDR such as 127.96.0.0/16):
 * needs no privilege. A cluster IP whose port is refused (below 1024) or taken gets a free port of the same address, or
 * of localhost where the machine has no such address (macOS knows 127.0.0.1 only). A node port is served on localhost.
 * Addresses from outside are served only when they are loopback addresses.
 */
export function createLoopbackCapture(family: IpFamily): Capture {
  return {
    leadsToOldListeners: false,
    // Whoever reaches a loopback address is the node itself, which goes the short way where there is one.
    places: (portal) =>
      portal.hasEndpoints && portal.hasShortWay !== true
        ? portal.frontends.flatMap((frontend) => placesOf(frontend, family))
        : [],
    apply: () => Promise.resolve(),
    cleanup: () => Promise.resolve(),
  };
}

function placesOf(frontend: Frontend, family: IpFamily): ListenPlace[] {
  const localhost = family === 'IPv4' ? '127.0.0.1' : '::1';
  const { port } = frontend;
  if (frontend.kind === 'nodePort') {
    return [{ name: `nodePort ${port}`, candidates: [{ host: localhost, port }] }];
  }
  const ip = parseIp(frontend.ip);
  const isHere = ip !== undefined && isLoopback(ip);
  const own = { host: frontend.ip, port };
  const name = `${frontend.kind} ${frontend.ip} ${port}`;
  if (frontend.kind !== 'clusterIP') return isHere ? [{ name, candidates: [own] }] : [];
  const elsewhere = { host: localhost, port: 0 };
  return [{ name, candidates: isHere ? [own, { host: frontend.ip, port: 0 }, elsewhere] : [elsewhere] }];
}
