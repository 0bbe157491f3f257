import { cidrContains, parseCidr } from '../../net/cidr.ts';
import type { Cidr } from '../../net/cidr.ts';
import { parseIp } from '../../net/ip.ts';
import type { Ip } from '../../net/ip.ts';
import { elementData, elementKey } from './model.ts';
import type { NftElement, NftFamily, NftHook, Scalar, Verdict } from './model.ts';
import { renderRule } from './render.ts';
import type { CtFlag, Rule, Selector, Statement } from './rule.ts';
import { isAlive } from './ruleset.ts';
import type { ChainState, Ruleset, SetState, TableState } from './ruleset.ts';

/** The first packet of a connection. Addresses in canonical text. */
export interface Packet {
  readonly saddr: string;
  readonly daddr: string;
  readonly l4proto: 'tcp' | 'udp' | 'sctp';
  readonly sport: number;
  readonly dport: number;
}

export interface TraceOptions {
  readonly family: NftFamily;
  /** Sent by a process of this machine, or came in over the network. */
  readonly origin: 'local' | 'remote';
  readonly isLocalAddress: (ip: string) => boolean;
  /** The device it came in by; absent = none that a rule asks for. */
  readonly iif?: string;
  /**
   * A load balancer of the kernel beside the rules (IPVS), asked after the input hook of packets for this machine, and after the
   * output hook: where the packet goes, `refused`, or undefined = it is not for it.
   */
  readonly balance?: (
    packet: Packet,
    mark: number,
  ) => { readonly ip: string; readonly port: number } | 'refused' | undefined;
  /** What `numgen random mod n` yields. */
  readonly random: (modulus: number) => number;
  readonly nowMs: number;
}

export interface TraceResult {
  readonly verdict: 'accept' | 'drop' | 'reject';
  readonly rejectWith?: 'tcp-reset' | 'port-unreachable';
  /** Where the destination was rewritten to, by a rule or by `balance`. */
  readonly dnat?: { readonly ip: string; readonly port: number };
  readonly isMasqueraded: boolean;
  /** Rules that matched wholly, in order: `chain: rule`. */
  readonly path: readonly string[];
}

/** What ends a base chain; undefined = its end was reached. */
type End = 'accept' | 'drop' | 'reject' | undefined;
/** What a rule says; `next` = go on with the next rule. */
type Step = End | 'next' | 'return' | { readonly to: string; readonly isGoto: boolean };

const fullMatch = 'next';
const noMatch = undefined;

class Tracer {
  readonly #options: TraceOptions;
  readonly #original: Packet;
  packet: Packet;
  isDnat = false;
  isBalanced = false;
  mark = 0;
  isMasqueraded = false;
  /** It came by a hook where the source is translated: it is so once, at the first one. */
  isSourceDone = false;
  rejectWith: TraceResult['rejectWith'];
  /** Written out only when somebody reads it: most of a walk's time would go there. */
  readonly matched: { readonly chain: string; readonly rule: Rule }[] = [];

  constructor(packet: Packet, options: TraceOptions) {
    this.#options = options;
    this.#original = packet;
    this.packet = packet;
  }

  /** Runs all base chains of a hook in order of priority. */
  hook(ruleset: Ruleset, hook: NftHook): End {
    const bases: { readonly table: TableState; readonly state: ChainState }[] = [];
    for (const table of ruleset.values()) {
      if (table.ref.family !== this.#options.family) continue;
      for (const state of table.chains.values()) {
        if (state.chain.base?.hook === hook) bases.push({ table, state });
      }
    }
    bases.sort((a, b) => (a.state.chain.base?.priority ?? 0) - (b.state.chain.base?.priority ?? 0));
    const isOfSource = hook === 'postrouting' || hook === 'input';
    const hasSource = this.isSourceDone;
    if (isOfSource) this.isSourceDone = true;
    for (const { table, state } of bases) {
      /** A connection's destination, and its source, are translated once. */
      const isDone = isOfSource ? hasSource || this.isMasqueraded : this.isDnat;
      if (state.chain.base?.type === 'nat' && isDone) continue;
      const end = this.#chain(table, state);
      if (end === 'drop' || end === 'reject') return end;
    }
    return undefined;
  }

  #chain(table: TableState, { chain, rules }: ChainState): End {
    for (const rule of rules) {
      const step = this.#rule(table, rule.statements);
      if (step === noMatch) continue;
      this.matched.push({ chain: chain.name, rule });
      if (step === 'next') continue;
      if (step === 'return') return undefined;
      if (typeof step === 'string') return step;
      const target = table.chains.get(step.to);
      const end = target === undefined ? undefined : this.#chain(table, target);
      if (end !== undefined || step.isGoto) return end;
    }
    return undefined;
  }

  #rule(table: TableState, statements: readonly Statement[]): Step {
    let step: Step = fullMatch;
    for (const statement of statements) {
      step = this.#statement(table, statement);
      if (step !== 'next') return step;
    }
    return step;
  }

  #statement(table: TableState, statement: Statement): Step {
    const set = (name: string): SetState | undefined => table.sets.get(name);
    switch (statement.kind) {
      case 'match':
        return this.#equals(statement.left, statement.value) !== (statement.isNegated ?? false)
          ? fullMatch
          : noMatch;
      case 'one-of':
        return statement.values.some((value) => this.#equals(statement.left, value)) ? fullMatch : noMatch;
      case 'ct':
        return this.#ct(statement.is) ? fullMatch : noMatch;
      case 'daddr-is-local':
        return this.#options.isLocalAddress(this.packet.daddr) ? fullMatch : noMatch;
      case 'saddr-is-local':
        return this.#options.isLocalAddress(this.packet.saddr) ? fullMatch : noMatch;
      case 'in-set': {
        const found = this.#lookup(set(statement.set), statement.key) !== undefined;
        return found !== (statement.isNegated ?? false) ? fullMatch : noMatch;
      }
      case 'vmap': {
        const data = this.#lookup(set(statement.map), statement.key)?.data;
        return data !== undefined && 'kind' in data ? verdictStep(data) : noMatch;
      }
      case 'dnat':
      case 'redirect':
        return this.#translate(statement, set(statement.map));
      case 'masquerade':
        this.isMasqueraded = true;
        return 'accept';
      case 'set-mark': {
        const data = this.#lookup(set(statement.map), statement.key)?.data;
        if (data === undefined || 'kind' in data) return noMatch;
        this.mark = Number(data[0]);
        return fullMatch;
      }
      case 'reject':
        this.rejectWith = statement.with;
        return 'reject';
      case 'update':
        this.#update(statement, set(statement.map));
        return fullMatch;
      case 'counter':
        return fullMatch;
      case 'count':
        return this.#count(table, statement);
      case 'verdict':
        return verdictStep(statement.verdict);
    }
  }

  /** Of a connection's first packet. */
  #ct(is: CtFlag): boolean {
    if (is.key === 'direction') return is.flag === 'original';
    return is.key === 'state' || this.isDnat;
  }

  /** The packet has no length here. */
  #count({ sets, counters }: TableState, { map, key }: Extract<Statement, { kind: 'count' }>): Step {
    const data = this.#lookup(sets.get(map), key)?.data;
    if (data === undefined) return noMatch;
    const name = elementData(data);
    const { packets = 0, bytes = 0 } = counters.get(name) ?? {};
    counters.set(name, { packets: packets + 1, bytes });
    return fullMatch;
  }

  #translate(statement: Extract<Statement, { kind: 'dnat' | 'redirect' }>, map: SetState | undefined): Step {
    const data = this.#lookup(map, statement.key)?.data;
    if (data === undefined || 'kind' in data) return noMatch;
    const loopback = this.#options.family === 'ip' ? '127.0.0.1' : '::1';
    const [ip, port] = statement.kind === 'dnat' ? data : [loopback, data[0]];
    this.packet = { ...this.packet, daddr: String(ip), dport: Number(port ?? this.packet.dport) };
    this.isDnat = true;
    return 'accept';
  }

  #update(statement: Extract<Statement, { kind: 'update' }>, state: SetState | undefined): void {
    if (state === undefined) return;
    const key = this.#values(statement.key);
    const { timeoutSeconds = 0, size = 0 } = state.set.dynamic ?? {};
    const expiresAtMs = this.#options.nowMs + timeoutSeconds * 1000;
    const found = this.#lookup(state, statement.key);
    const data = found?.data ?? (statement.data && this.#values(statement.data));
    if (found !== undefined || state.elements.size < size)
      state.elements.set(elementKey(key), { key, expiresAtMs, ...(data === undefined ? {} : { data }) });
  }

  #lookup(state: SetState | undefined, key: readonly Selector[]): NftElement | undefined {
    if (state === undefined) return undefined;
    const values = this.#values(key);
    if (state.set.isInterval) {
      for (const element of state.elements.values()) {
        if (element.key.every((part, i) => isWithin(part, values[i]))) return element;
      }
      return undefined;
    }
    const element = state.elements.get(elementKey(values));
    return element !== undefined && isAlive(element, this.#options.nowMs) ? element : undefined;
  }

  #equals(left: Selector, value: Scalar): boolean {
    const actual = this.#value(left);
    if (left.kind === 'iifname' && typeof value === 'string' && value.endsWith('*'))
      return String(actual).startsWith(value.slice(0, -1));
    return typeof value === 'string' && value.includes('/') ? isInBlock(value, actual) : actual === value;
  }

  #values(key: readonly Selector[]): Scalar[] {
    return key.map((part) => this.#value(part));
  }

  #value(selector: Selector): Scalar {
    switch (selector.kind) {
      case 'ct-original':
        return this.#original[selector.field];
      case 'numgen-random':
        return this.#options.random(selector.modulus);
      case 'constant':
        return selector.value;
      case 'mark':
        return this.mark;
      case 'iifname':
        return this.#options.iif ?? '';
      default:
        return this.packet[selector.kind];
    }
  }
}

function verdictStep(verdict: Verdict): Step {
  return verdict.kind === 'goto' || verdict.kind === 'jump'
    ? { to: verdict.chain, isGoto: verdict.kind === 'goto' }
    : verdict.kind;
}

/** Whether an interval's field, a prefix or `first-last` or one value, has a packet's value in it. */
function isWithin(part: Scalar, value: Scalar | undefined): boolean {
  if (part === value) return true;
  if (typeof part !== 'string') return false;
  if (part.includes('/')) return isInBlock(part, value);
  const [first, last] = part.split('-').map(Number);
  return (
    typeof value === 'number' && first !== undefined && last !== undefined && first <= value && value <= last
  );
}

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

function isInBlock(block: Scalar | undefined, address: Scalar | undefined): boolean {
  const cidr = remembered(blocks, String(block), parseCidr);
  const ip = remembered(addresses, String(address), parseIp);
  return cidr !== undefined && ip !== undefined && cidrContains(cidr, ip);
}

/** Asks the balancer; what it translates leaves this machine, unless it stays here. */
function balanced(
  tracer: Tracer,
  { balance, isLocalAddress }: TraceOptions,
): NftHook[] | 'reject' | undefined {
  const to = balance?.(tracer.packet, tracer.mark);
  if (to === undefined) return undefined;
  if (to === 'refused') return 'reject';
  tracer.isBalanced = true;
  /** It is taken at the input hook before sources are translated there. */
  tracer.isSourceDone = false;
  tracer.packet = { ...tracer.packet, daddr: to.ip, dport: to.port };
  return isLocalAddress(to.ip) ? [] : ['output', 'postrouting'];
}

/**
 * What the ruleset does with the first packet of a new connection. Elements that rules add are added to `ruleset`, as the kernel does, so
 * that a second trace sees what the first left behind. A packet from a local process to a local endpoint passes output,
 * postrouting, prerouting and input; its connection is translated once.
 */
export function trace(ruleset: Ruleset, packet: Packet, options: TraceOptions): TraceResult {
  const tracer = new Tracer(packet, options);
  const isLocal = (): boolean => options.isLocalAddress(tracer.packet.daddr);
  const stages: (() => NftHook[] | 'reject')[] =
    options.origin === 'remote'
      ? [
          () => ['prerouting'],
          () => (isLocal() ? ['input'] : ['forward', 'postrouting']),
          () => (isLocal() ? (balanced(tracer, options) ?? []) : []),
        ]
      : [
          () => ['output'],
          () => balanced(tracer, options) ?? ['postrouting'],
          () => (isLocal() ? ['prerouting', 'input'] : []),
        ];
  for (const stage of stages) {
    const hooks = stage();
    if (hooks === 'reject') return result(tracer, 'reject', options.family);
    for (const hook of hooks) {
      const end = tracer.hook(ruleset, hook);
      if (end !== undefined) return result(tracer, end, options.family);
    }
  }
  return result(tracer, 'accept', options.family);
}

function result(tracer: Tracer, verdict: TraceResult['verdict'], family: NftFamily): TraceResult {
  const { packet, isDnat, isBalanced, isMasqueraded, rejectWith, matched } = tracer;
  return {
    verdict,
    isMasqueraded,
    get path() {
      return matched.map(({ chain, rule }) => `${chain}: ${renderRule(rule, family)}`);
    },
    ...(isDnat || isBalanced ? { dnat: { ip: packet.daddr, port: packet.dport } } : {}),
    ...(rejectWith === undefined ? {} : { rejectWith }),
  };
}
