import { ipFromBytes } from '../../net/ip.ts';
import { parseIp } from '../../net/ip.ts';

/** A name below in-addr.arpa or ip6.arpa. */
export interface ReverseName {
  /** `in-addr.arpa.` or `ip6.arpa.` */
  readonly zone: string;
  /** Canonical text; undefined when the name is not that of one address. */
  readonly address: string | undefined;
}

/** `name` in lower case with its last dot; undefined when it is no reverse name. */
export function parseReverseName(name: string): ReverseName | undefined {
  if (isBelow(name, 'in-addr.arpa.')) {
    const labels = labelsBefore(name, 'in-addr.arpa.');
    return { zone: 'in-addr.arpa.', address: parseIp(labels.reverse().join('.'))?.text };
  }
  if (!isBelow(name, 'ip6.arpa.')) return undefined;
  const nibbles = labelsBefore(name, 'ip6.arpa.').reverse();
  const isAddress = nibbles.length === 32 && nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble));
  const address = isAddress ? ipFromBytes(Buffer.from(nibbles.join(''), 'hex')).text : undefined;
  return { zone: 'ip6.arpa.', address };
}

const isBelow = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);

const labelsBefore = (name: string, zone: string): string[] =>
  name === zone ? [] : name.slice(0, -zone.length - 1).split('.');
