import { SystemError } from '../libc/system-error.ts';
import { openNetlink } from '../netlink/netlink-socket.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { beginBatch, endBatch, nfgenmsg, nfnetlinkType, NFNL_SUBSYS_NFTABLES } from '../netlink/nfnetlink.ts';
import {
  align4,
  attributeHeaderBytes,
  NETLINK_NETFILTER,
  NLA_TYPE_MASK,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
} from '../netlink/protocol.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import * as nft from '../nft/protocol.ts';
import type { ChainDrop, Place } from './iptables.ts';

/** Somebody else wrote while rules were read. */
const EINTR = 4;
/** Before a message's attributes. */
const nfgenmsgBytes = 4;
/** Thrown to end a dump early. */
const enough = new Error('enough');

/** Where the value of the last attribute of a type lies, or of the last of any type: without copies, since there are many rules. */
function lastAttribute(data: Buffer, [from, to]: Span, type?: number): Span | undefined {
  let found: Span | undefined;
  for (let at = from; at + attributeHeaderBytes <= to;) {
    const length = data.readUInt16LE(at);
    if (length < attributeHeaderBytes) break;
    const isIt = type === undefined || (data.readUInt16LE(at + 2) & NLA_TYPE_MASK) === type;
    if (isIt) found = [at + attributeHeaderBytes, at + length];
    at += align4(length);
  }
  return found;
}

type Span = readonly [from: number, to: number];

/** Down to the chain in the verdict of a rule's last expression, from the rule's attributes. */
const wayToJump = [
  nft.RULE_EXPRESSIONS,
  undefined,
  nft.EXPR_DATA,
  nft.IMMEDIATE_DATA,
  nft.DATA_VERDICT,
  nft.VERDICT_CHAIN,
] as const;

/** The chain that a rule of iptables-nft jumps to, or the empty string. */
function jumpOf(data: Buffer, rule: Span): string {
  let span: Span | undefined = rule;
  for (const type of wayToJump) {
    span = lastAttribute(data, span, type);
    if (span === undefined) return '';
  }
  return data.toString('latin1', span[0], span[1] - 1);
}

/** What is known of the rules in one chain. A rule's number is never given to another one. */
class KnownRules {
  readonly #numbers = new Set<bigint>();
  readonly #jumpsTo = new Map<string, bigint[]>();

  has(number: bigint): boolean {
    return this.#numbers.has(number);
  }

  add(number: bigint, target: string): void {
    this.#numbers.add(number);
    const jumps = this.#jumpsTo.get(target);
    if (jumps === undefined) this.#jumpsTo.set(target, [number]);
    else jumps.push(number);
  }

  jumpsTo(target: string): readonly bigint[] {
    return this.#jumpsTo.get(target) ?? [];
  }

  forget(target: string): void {
    for (const number of this.jumpsTo(target)) this.#numbers.delete(number);
    this.#jumpsTo.delete(target);
  }
}

/**
 * Drops chains with the rules that jump there by netlink, where the program would read every rule of the chain they stand in. Which
 * number a rule has is read once; later, new rules stand at the chain's head, and reading ends with the first one that is known.
 */
export class ChainDropper {
  readonly #place: Place;
  /** By table and chain. */
  readonly #known = new Map<string, KnownRules>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** All in one transaction. False: nothing was done, since the tables are not as the caller thinks. */
  drop(drop: ChainDrop): boolean {
    const socket = this.#open();
    try {
      // What is remembered may be wrong, what was read just now is not.
      const wasKnown = drop.from.some((chain) => this.#known.has(`${drop.table} ${chain}`));
      if (this.#tryDrop(socket, drop)) return true;
      this.#known.clear();
      return wasKnown && this.#tryDrop(socket, drop);
    } catch (error) {
      this.#known.clear();
      if (error instanceof SystemError) return false;
      throw error;
    } finally {
      socket.close();
    }
  }

  #tryDrop(socket: NetlinkSocket, drop: ChainDrop): boolean {
    const rules = new Map<string, readonly bigint[]>();
    let nJumps = 0;
    for (const chain of drop.from) {
      const known = this.#read(drop.table, chain);
      const numbers = drop.chains.flatMap((target) => known.jumpsTo(target));
      rules.set(chain, numbers);
      nJumps += numbers.length;
    }
    if (nJumps !== drop.nJumps) return false;
    // Only refusals are told: so many acknowledgements would leave no room for one.
    const { failures, isTruncated } = socket.batch(this.#encode(drop, rules));
    if (failures.length > 0 || isTruncated) return false;
    for (const chain of drop.from) {
      for (const target of drop.chains) this.#known.get(`${drop.table} ${chain}`)?.forget(target);
    }
    return true;
  }

  #open(): NetlinkSocket {
    const { netnsPath } = this.#place;
    return openNetlink({ protocol: NETLINK_NETFILTER, ...(netnsPath === undefined ? {} : { netnsPath }) });
  }

  #begin(writer: NetlinkWriter, message: number, flags: number): NetlinkWriter {
    const family = this.#place.family === 'IPv4' ? nft.NFPROTO_IPV4 : nft.NFPROTO_IPV6;
    return nfgenmsg(writer.begin(nfnetlinkType(NFNL_SUBSYS_NFTABLES, message), flags), family);
  }

  #encode({ table, chains }: ChainDrop, rules: ReadonlyMap<string, readonly bigint[]>): Buffer {
    const writer = beginBatch(new NetlinkWriter(4096), NFNL_SUBSYS_NFTABLES);
    const flags = NLM_F_REQUEST;
    const rulesOf = (chain: string): NetlinkWriter =>
      this.#begin(writer, nft.DELRULE, flags)
        .attrString(nft.RULE_TABLE, table)
        .attrString(nft.RULE_CHAIN, chain);
    for (const [chain, numbers] of rules) {
      for (const number of numbers) rulesOf(chain).attrU64Be(nft.RULE_HANDLE, number);
    }
    for (const chain of chains) rulesOf(chain);
    for (const chain of chains) {
      this.#begin(writer, nft.DELCHAIN, flags)
        .attrString(nft.CHAIN_TABLE, table)
        .attrString(nft.CHAIN_NAME, chain);
    }
    return endBatch(writer, NFNL_SUBSYS_NFTABLES).finish();
  }

  /** Reads the chain from its head to the first rule that is known. */
  #read(table: string, chain: string): KnownRules {
    const key = `${table} ${chain}`;
    const known = this.#known.get(key) ?? new KnownRules();
    const found: [bigint, string][] = [];
    // A dump that ends early leaves the rest of it in its socket.
    const socket = this.#open();
    try {
      const request = this.#begin(new NetlinkWriter(256), nft.GETRULE, 0)
        .attrString(nft.RULE_TABLE, table)
        .attrString(nft.RULE_CHAIN, chain);
      socket.dump(request.finish(), ({ flags, payload }) => {
        if ((flags & NLM_F_DUMP_INTR) !== 0) throw new SystemError('reading rules', EINTR);
        const rule: Span = [nfgenmsgBytes, payload.length];
        const [at] = lastAttribute(payload, rule, nft.RULE_HANDLE) ?? [];
        if (at === undefined) return;
        const number = payload.readBigUInt64BE(at);
        if (known.has(number)) throw enough;
        found.push([number, jumpOf(payload, rule)]);
      });
    } catch (error) {
      if (error !== enough) throw error;
    } finally {
      socket.close();
    }
    for (const [number, target] of found) known.add(number, target);
    this.#known.set(key, known);
    return known;
  }
}
