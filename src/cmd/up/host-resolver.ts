import { readFileSync } from 'node:fs';
import type { HostResolver } from './host-door.ts';

/** The name servers of a resolv.conf text, in order; at most three, as the C library reads them. */
export function nameserversOf(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((m) => m[1] ?? '').slice(0, 3);
}

/** Asks this machine's own resolvers; the codec and sockets are loaded with the first question. */
export function hostResolver(): HostResolver {
  return async (query) => {
    const { exchangeWith } = await import('./host-exchange.ts');
    return exchangeWith(nameserversOf(readFileSync('/etc/resolv.conf', 'utf8')), query);
  };
}
