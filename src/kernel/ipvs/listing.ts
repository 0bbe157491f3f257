import { familyOf, parseIp } from '../../net/ip.ts';
import { serverText } from './model.ts';
import type { HeldDestination, VirtualProtocol } from './model.ts';

/** What the kernel tells readers about IPVS, in /proc; one reading has the destinations of all servers. */
export const listingPath = '/proc/thread-self/net/ip_vs';

const protocols: ReadonlySet<string> = new Set(['TCP', 'UDP', 'SCTP'] satisfies VirtualProtocol[]);

const [SPACE, COLON, DASH, BRACKET] = [0x20, 0x3a, 0x2d, 0x5b];
/** Of 8 hexadecimal digits, a colon and 4 more. */
const IPV4_WORD = 13;

/** Values of the hexadecimal digits, by character; 0 for others. */
const digits = new Uint8Array(128);
for (const [value, digit] of [...'0123456789ABCDEF'].entries()) {
  digits[digit.charCodeAt(0)] = value;
  digits[digit.toLowerCase().charCodeAt(0)] = value;
}

/** Reads the listing word by word, without a text for any but the names: it may have some hundred thousand lines. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  #skipSpaces(): void {
    while (this.#text.charCodeAt(this.#at) === SPACE) this.#at++;
  }

  #wordEnd(): number {
    let end = this.#at;
    while (end < this.#text.length && this.#text.charCodeAt(end) > SPACE) end++;
    return end;
  }

  /** Whether a destination's line begins here: `  -> `, which is then read. */
  arrow(): boolean {
    this.#skipSpaces();
    if (this.#text.charCodeAt(this.#at) !== DASH) return false;
    this.#at = this.#wordEnd();
    return true;
  }

  /** The next word of the line; '' at its end. */
  word(): string {
    this.#skipSpaces();
    const from = this.#at;
    this.#at = this.#wordEnd();
    return this.#text.slice(from, this.#at);
  }

  skipWord(): void {
    this.#skipSpaces();
    this.#at = this.#wordEnd();
  }

  skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
  }

  number(): number {
    this.#skipSpaces();
    let value = 0;
    for (; this.#text.charCodeAt(this.#at) > SPACE; this.#at++)
      value = 10 * value + (this.#text.charCodeAt(this.#at) - 0x30);
    return value;
  }

  #hex(from: number, to: number): number {
    let value = 0;
    for (let at = from; at < to; at++) value = value * 16 + (digits[this.#text.charCodeAt(at) & 127] ?? 0);
    return value;
  }

  /** `0A600001:0050` and `[fd00:0000:…]:0050`: the addresses of IPv4 and the ports are hexadecimal. Undefined: something else. */
  endpoint(): { readonly ip: string; readonly port: number } | undefined {
    this.#skipSpaces();
    const from = this.#at;
    const end = this.#wordEnd();
    this.#at = end;
    const port = this.#hex(end - 4, end);
    if (this.#text.charCodeAt(from) === BRACKET) {
      const ip = parseIp(this.#text.slice(from + 1, end - 6));
      return ip === undefined ? undefined : { ip: ip.text, port };
    }
    if (end - from !== IPV4_WORD || this.#text.charCodeAt(from + 8) !== COLON) return undefined;
    const byte = (n: number): number => this.#hex(from + 2 * n, from + 2 * n + 2);
    return { ip: `${byte(0)}.${byte(1)}.${byte(2)}.${byte(3)}`, port };
  }
}

function destination(scanner: Scanner): HeldDestination | undefined {
  const at = scanner.endpoint();
  if (at === undefined) return undefined;
  // How packets are forwarded: always by address translation.
  scanner.skipWord();
  const [weight, nActive, nInactive] = [scanner.number(), scanner.number(), scanner.number()];
  return { ip: at.ip, port: at.port, weight, nActive, nInactive };
}

/**
 * The destinations of each server that has an address, by serverText. Servers by mark are left out: the listing does not say of
 * which family they are.
 */
export function parseListing(text: string): Map<string, HeldDestination[]> {
  const found = new Map<string, HeldDestination[]>();
  const scanner = new Scanner(text);
  let into: HeldDestination[] | undefined;
  for (; !scanner.isAtEnd; scanner.skipLine()) {
    if (scanner.arrow()) {
      const held = into && destination(scanner);
      if (held !== undefined) into?.push(held);
      continue;
    }
    into = undefined;
    const protocol = scanner.word();
    const at = protocols.has(protocol) ? scanner.endpoint() : undefined;
    if (at === undefined) continue;
    const family = familyOf(at.ip);
    into = [];
    found.set(serverText({ kind: 'address', family, protocol: protocol as VirtualProtocol, ...at }), into);
  }
  return found;
}
