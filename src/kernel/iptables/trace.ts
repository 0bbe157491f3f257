import { cidrContains, parseCidr } from '../../net/cidr.ts';
import type { Cidr } from '../../net/cidr.ts';
import { parseIp } from '../../net/ip.ts';
import type { Ip, IpFamily } from '../../net/ip.ts';
import type { Match, Rule, Ruleset, Sided, TableName, Target } from './model.ts';
import { renderRule } from './render.ts';

/** The first packet of a connection. Addresses in canonical text. */
export interface Packet {
  readonly saddr: string;
  readonly daddr: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly dport: number;
  /** The device it comes in by; absent = it is sent by a process of this machine. */
  readonly in?: string;
}

export interface TraceOptions {
  readonly family: IpFamily;
  readonly isLocalAddress: (ip: string) => boolean;
  /** Whether a list of the `recent` match holds an address that was seen in the last `seconds` (absent = ever). */
  readonly isRecent?: (list: string, ip: string, seconds: number | undefined) => boolean;
  /** Members of ipsets: whether `name` holds these values. */
  readonly isInSet?: (name: string, values: readonly string[]) => boolean;
}

export interface TraceResult {
  /** Of all connections like this, the share that ends so. */
  readonly probability: number;
  readonly verdict: 'accept' | 'drop' | 'reject';
  readonly rejectWith?: string;
  /** Where the destination was rewritten to. */
  readonly dnat?: { readonly ip: string; readonly port: number };
  readonly isMasqueraded: boolean;
  /** `recent` lists that noted the source. */
  readonly noted: readonly string[];
  /** Rules that matched, in order: `table CHAIN: rule`. */
  readonly path: readonly string[];
}

type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';
type End = 'accept' | 'drop' | 'reject';

const blocks = new Map<string, Cidr | undefined>();
const addresses = new Map<string, Ip | undefined>();

function remembered<T>(known: Map<string, T>, text: string, parse: (text: string) => T): T {
  const found = known.get(text);
  if (found !== undefined) return found;
  // Bounded: a tracer may run over very many states.
  if (known.size > 10_000) known.clear();
  const value = parse(text);
  known.set(text, value);
  return value;
}

function isInBlock(block: string, address: string, family: IpFamily): boolean {
  const whole = block.includes('/') ? block : `${block}/${family === 'IPv4' ? 32 : 128}`;
  const cidr = remembered(blocks, whole, parseCidr);
  const ip = remembered(addresses, address, parseIp);
  return cidr !== undefined && ip !== undefined && cidrContains(cidr, ip);
}

const isDevice = (pattern: string, device: string): boolean =>
  pattern.endsWith('+') ? device.startsWith(pattern.slice(0, -1)) : pattern === device;

/** One walk through the rules. Random draws are answered from `script`; beyond its end the answer is yes. */
class Walk {
  readonly #ruleset: Ruleset;
  readonly #options: TraceOptions;
  readonly #script: readonly boolean[];
  readonly draws: boolean[] = [];
  probability = 1;
  packet: Packet;
  mark = 0;
  isDnat = false;
  isMasqueraded = false;
  rejectWith: string | undefined;
  readonly noted: string[] = [];
  /** Written out only when somebody reads it: most of a walk's time would go there. */
  readonly matched: { readonly table: TableName; readonly chain: string; readonly rule: Rule }[] = [];

  constructor(ruleset: Ruleset, packet: Packet, how: { options: TraceOptions; script: readonly boolean[] }) {
    this.#ruleset = ruleset;
    this.packet = packet;
    this.#options = how.options;
    this.#script = how.script;
  }

  run(): End {
    const isLocal = (): boolean => this.#options.isLocalAddress(this.packet.daddr);
    if (this.packet.in === undefined) {
      // Of a connection that was translated on its way out nothing is asked again when it comes in by the loopback.
      const out = this.#hook('OUTPUT', ['nat', 'filter']) ?? this.#hook('POSTROUTING', ['nat']);
      return out ?? (isLocal() ? this.#hook('INPUT', ['filter']) : undefined) ?? 'accept';
    }
    const before = this.#hook('PREROUTING', ['nat']);
    if (before !== undefined) return before;
    if (isLocal()) return this.#hook('INPUT', ['filter', 'nat']) ?? 'accept';
    return this.#hook('FORWARD', ['filter']) ?? this.#hook('POSTROUTING', ['nat']) ?? 'accept';
  }

  #hook(hook: Hook, tables: readonly TableName[]): End | undefined {
    for (const table of tables) {
      const chain = this.#ruleset.get(table)?.get(hook);
      if (chain === undefined) continue;
      const end = this.#chain(table, hook, hook) ?? (chain.policy === 'DROP' ? 'drop' : 'accept');
      if (end !== 'accept') return end;
    }
    return undefined;
  }

  #chain(table: TableName, name: string, hook: Hook): End | undefined {
    for (const rule of this.#ruleset.get(table)?.get(name)?.rules ?? []) {
      if (!this.#matches(rule, hook)) continue;
      this.matched.push({ table, chain: name, rule });
      const { target } = rule;
      if (target === undefined) continue;
      if (target.kind === 'return') return undefined;
      const end =
        target.kind === 'jump' || target.kind === 'goto'
          ? this.#chain(table, target.chain, hook)
          : this.#act(target);
      if (end !== undefined || target.kind === 'goto') return end;
    }
    return undefined;
  }

  #act(target: Target): End | undefined {
    switch (target.kind) {
      case 'accept':
      case 'drop':
        return target.kind;
      case 'reject':
        this.rejectWith = target.with;
        return 'reject';
      case 'mark':
        this.mark = ((this.mark & ~target.mask) ^ target.value) >>> 0;
        return undefined;
      case 'dnat':
        this.packet = { ...this.packet, daddr: target.ip, dport: target.port ?? this.packet.dport };
        this.isDnat = true;
        return 'accept';
      case 'masquerade':
        this.isMasqueraded = true;
        return 'accept';
      case 'other':
        throw new TypeError(`the tracer does not know the target ${target.text}`);
      case 'jump':
      case 'goto':
      case 'return':
      case 'notrack':
        return undefined;
    }
  }

  #matches(rule: Rule, hook: Hook): boolean {
    const { saddr, daddr, protocol } = this.packet;
    const { family } = this.#options;
    // Behind the routing decision a packet has no device it came by, unless it is forwarded.
    const device = hook === 'OUTPUT' || hook === 'POSTROUTING' ? '' : (this.packet.in ?? 'lo');
    const asks = (sided: Sided | undefined, isSo: (value: string) => boolean): boolean =>
      sided === undefined || isSo(sided.value) !== (sided.isNegated ?? false);
    return (
      asks(rule.source, (block) => isInBlock(block, saddr, family)) &&
      asks(rule.destination, (block) => isInBlock(block, daddr, family)) &&
      asks(rule.in, (pattern) => isDevice(pattern, device)) &&
      asks(rule.protocol, (name) => name === protocol || name === 'all') &&
      (rule.matches ?? []).every((match) => this.#fits(match))
    );
  }

  #fits(match: Match): boolean {
    const { saddr, daddr, protocol, dport } = this.packet;
    switch (match.kind) {
      case 'comment':
        return true;
      case 'ports': {
        const { first, last } = match.dport ?? { first: 0, last: 65_535 };
        return match.protocol === protocol && dport >= first && dport <= last;
      }
      case 'multiport':
        return match.dports.some(({ first, last }) => dport >= first && dport <= last);
      case 'addrtype': {
        if (match.type !== 'LOCAL') throw new TypeError(`the tracer does not know the type ${match.type}`);
        const isLocal = this.#options.isLocalAddress(match.side === 'src' ? saddr : daddr);
        return isLocal !== (match.isNegated ?? false);
      }
      case 'ctstate': {
        const has =
          match.states.includes('NEW') ||
          (match.states.includes('DNAT') && this.isDnat) ||
          (match.states.includes('SNAT') && this.isMasqueraded);
        return has !== (match.isNegated ?? false);
      }
      case 'statistic':
        return this.#draw(match.probability);
      case 'recent':
        return this.#recent(match);
      case 'mark':
        return ((this.mark & match.mask) >>> 0 === match.value) !== (match.isNegated ?? false);
      case 'set': {
        const values = match.fields.split(',').map((field) => (field === 'src' ? saddr : daddr));
        return (this.#options.isInSet?.(match.name, values) ?? false) !== (match.isNegated ?? false);
      }
      case 'icmp':
        return false;
      case 'other':
        throw new TypeError(`the tracer does not know ${match.text}`);
    }
  }

  #draw(probability: number): boolean {
    const answer = this.#script[this.draws.length] ?? true;
    this.draws.push(answer);
    this.probability *= answer ? probability : 1 - probability;
    return answer;
  }

  #recent({ action, name, seconds }: Extract<Match, { kind: 'recent' }>): boolean {
    const { saddr } = this.packet;
    if (action !== 'set') return this.#options.isRecent?.(name, saddr, seconds) ?? false;
    this.noted.push(name);
    return true;
  }
}

/**
 * Everything the rules may do with the first packet of a new connection: one result for each outcome of the random draws, with
 * its share. Tables nat and filter are asked, as the kernel does for a packet of this origin; a connection is translated once.
 */
export function trace(ruleset: Ruleset, packet: Packet, options: TraceOptions): TraceResult[] {
  const results: TraceResult[] = [];
  let script: readonly boolean[] | undefined = [];
  while (script !== undefined) {
    const walk: Walk = new Walk(ruleset, packet, { options, script });
    const verdict = walk.run();
    if (walk.probability > 0) results.push(resultOf(walk, verdict, options.family));
    const lastYes = walk.draws.lastIndexOf(true);
    script = lastYes < 0 ? undefined : [...walk.draws.slice(0, lastYes), false];
  }
  return results;
}

function resultOf(walk: Walk, verdict: End, family: IpFamily): TraceResult {
  const { probability, packet, isDnat, isMasqueraded, rejectWith, noted, matched } = walk;
  return {
    probability,
    verdict,
    isMasqueraded,
    noted,
    get path() {
      return matched.map(({ table, chain, rule }) => `${table} ${chain}: ${renderRule(rule, family)}`);
    },
    ...(isDnat ? { dnat: { ip: packet.daddr, port: packet.dport } } : {}),
    ...(rejectWith === undefined ? {} : { rejectWith }),
  };
}
