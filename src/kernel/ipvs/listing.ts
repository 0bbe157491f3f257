import { familyOf, parseIp } from '../../net/ip.ts';
import { serverText } from './model.ts';
import type { HeldDestination, VirtualProtocol } from './model.ts';

/** What the kernel tells readers about IPVS, in /proc; one reading has the destinations of all servers. */
export const listingPath = '/proc/thread-self/net/ip_vs';

const protocols: ReadonlySet<string> = new Set(['TCP', 'UDP', 'SCTP'] satisfies VirtualProtocol[]);

/** `0A600001:0050` and `[fd00:0000:…]:0050`: the addresses of IPv4 and the ports are hexadecimal. */
function endpoint(text: string): { readonly ip: string; readonly port: number } | undefined {
  const colon = text.lastIndexOf(':');
  const port = Number.parseInt(text.slice(colon + 1), 16);
  if (text.startsWith('[')) {
    const ip = parseIp(text.slice(1, colon - 1));
    return ip === undefined ? undefined : { ip: ip.text, port };
  }
  if (colon !== 8) return undefined;
  const bits = Number.parseInt(text.slice(0, colon), 16);
  return { ip: `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`, port };
}

/** The words of a line, which are apart by one space or more. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (let at = 0; at < line.length;) {
    const end = line.indexOf(' ', at);
    if (end !== at) words.push(line.slice(at, end < 0 ? undefined : end));
    at = end < 0 ? line.length : end + 1;
  }
  return words;
}

function destination([, remote = '', , weight, active, inactive]: readonly string[]):
  HeldDestination | undefined {
  const at = endpoint(remote);
  if (at === undefined) return undefined;
  return {
    ip: at.ip,
    port: at.port,
    weight: Number(weight),
    nActive: Number(active),
    nInactive: Number(inactive),
  };
}

/**
 * The destinations of each server that has an address, by serverText. Servers by mark are left out: the listing does not say of
 * which family they are.
 */
export function parseListing(text: string): Map<string, HeldDestination[]> {
  const found = new Map<string, HeldDestination[]>();
  let into: HeldDestination[] | undefined;
  for (const line of text.split('\n')) {
    const words = wordsOf(line);
    if (words[0] === '->') {
      const held = into && destination(words);
      if (held !== undefined) into?.push(held);
      continue;
    }
    into = undefined;
    const [protocol = '', local = ''] = words;
    const at = protocols.has(protocol) ? endpoint(local) : undefined;
    if (at === undefined) continue;
    const family = familyOf(at.ip);
    into = [];
    found.set(serverText({ kind: 'address', family, protocol: protocol as VirtualProtocol, ...at }), into);
  }
  return found;
}
