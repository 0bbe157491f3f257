import { nfgenmsg, nfnetlinkType, NFNL_SUBSYS_NFTABLES } from '../netlink/nfnetlink.ts';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST } from '../netlink/protocol.ts';
import type { NetlinkWriter } from '../netlink/writer.ts';
import { encodeFields, padded, prefixBounds, typeBytes } from './data-types.ts';
import type { DataType, NftFamily, Scalar, TableRef, Verdict } from './model.ts';
import * as nft from './protocol.ts';
import type { CtFlag, PacketField, Rule, Selector, Statement } from './rule.ts';

export const familyNumber = (family: NftFamily): number =>
  family === 'ip' ? nft.NFPROTO_IPV4 : nft.NFPROTO_IPV6;

const addressType = (family: NftFamily): DataType => (family === 'ip' ? 'ipv4_addr' : 'ipv6_addr');

/** The type a selector loads. */
export function selectorType(selector: Selector, family: NftFamily): DataType {
  switch (selector.kind) {
    case 'saddr':
    case 'daddr':
      return addressType(family);
    case 'sport':
    case 'dport':
      return 'inet_service';
    case 'l4proto':
      return 'inet_proto';
    case 'mark':
      return 'mark';
    case 'iifname':
      return 'ifname';
    case 'ct-original':
    case 'constant':
      return selector.field === 'daddr' ? addressType(family) : 'inet_service';
    case 'numgen-random':
      return 'integer';
  }
}

/** What a rule's encoding needs around it. */
export interface RuleContext {
  readonly writer: NetlinkWriter;
  readonly family: NftFamily;
  /** The sets of `one-of` statements, in order: their ids in this transaction. */
  readonly anonymousSets: readonly number[];
}

/** Name the kernel numbers for anonymous sets. */
export const anonymousSetName = '__set%d';

function expression(writer: NetlinkWriter, name: string, write: () => void): void {
  const element = writer.openNest(nft.LIST_ELEM);
  writer.attrString(nft.EXPR_NAME, name);
  const data = writer.openNest(nft.EXPR_DATA);
  write();
  writer.closeNest(data).closeNest(element);
}

function dataValue(writer: NetlinkWriter, type: number, bytes: Uint8Array): void {
  const nest = writer.openNest(type);
  writer.attrBytes(nft.DATA_VALUE, bytes).closeNest(nest);
}

const verdictCodes = {
  accept: nft.VERDICT_ACCEPT,
  drop: nft.VERDICT_DROP,
  return: nft.VERDICT_RETURN,
  goto: nft.VERDICT_GOTO,
  jump: nft.VERDICT_JUMP,
} as const;

/** Writes a verdict as the attribute `type` (which holds an NFTA_DATA_VERDICT). */
export function writeVerdict(writer: NetlinkWriter, type: number, verdict: Verdict): void {
  const data = writer.openNest(type);
  const nest = writer.openNest(nft.DATA_VERDICT);
  writer.attrU32Be(nft.VERDICT_CODE, verdictCodes[verdict.kind]);
  if (verdict.kind === 'goto' || verdict.kind === 'jump') writer.attrString(nft.VERDICT_CHAIN, verdict.chain);
  writer.closeNest(nest).closeNest(data);
}

/** Register `word` words after the first one. */
const register = (word: number): number => nft.REG32_FIRST + word;

interface PayloadPlace {
  readonly base: number;
  readonly offset: number;
  readonly length: number;
}

function payloadPlace(kind: 'saddr' | 'daddr' | 'sport' | 'dport', family: NftFamily): PayloadPlace {
  const address = { base: nft.PAYLOAD_NETWORK, length: family === 'ip' ? 4 : 16 };
  const port = { base: nft.PAYLOAD_TRANSPORT, length: 2 };
  switch (kind) {
    case 'saddr':
      return { ...address, offset: family === 'ip' ? 12 : 8 };
    case 'daddr':
      return { ...address, offset: family === 'ip' ? 16 : 24 };
    case 'sport':
      return { ...port, offset: 0 };
    case 'dport':
      return { ...port, offset: 2 };
  }
}

function metaKey(kind: 'mark' | 'iifname' | PacketField): number {
  if (kind === 'mark') return nft.META_MARK;
  return kind === 'iifname' ? nft.META_IIFNAME : nft.META_L4PROTO;
}

function bitwise(writer: NetlinkWriter, word: number, masks: { and: Uint8Array; xor: Uint8Array }): void {
  expression(writer, 'bitwise', () => {
    writer.attrU32Be(1, register(word)).attrU32Be(2, register(word)).attrU32Be(3, masks.and.length);
    dataValue(writer, 4, masks.and);
    dataValue(writer, 5, masks.xor);
  });
}

function load(selector: Selector, word: number, { writer, family }: RuleContext): void {
  switch (selector.kind) {
    case 'saddr':
    case 'daddr':
    case 'sport':
    case 'dport': {
      const { base, offset, length } = payloadPlace(selector.kind, family);
      return expression(writer, 'payload', () => {
        writer.attrU32Be(1, register(word)).attrU32Be(2, base).attrU32Be(3, offset).attrU32Be(4, length);
      });
    }
    case 'l4proto':
    case 'mark':
    case 'iifname':
      return expression(writer, 'meta', () => {
        writer.attrU32Be(1, register(word)).attrU32Be(2, metaKey(selector.kind));
      });
    case 'ct-original': {
      const address = family === 'ip' ? nft.CT_DST_IP : nft.CT_DST_IP6;
      return expression(writer, 'ct', () => {
        writer.attrU32Be(1, register(word));
        writer.attrU32Be(2, selector.field === 'daddr' ? address : nft.CT_PROTO_DST);
        writer.attrU8(3, nft.CT_ORIGINAL);
      });
    }
    case 'numgen-random':
      return expression(writer, 'numgen', () => {
        writer.attrU32Be(1, register(word)).attrU32Be(2, selector.modulus).attrU32Be(3, nft.NG_RANDOM);
      });
    case 'constant': {
      load({ kind: selector.field }, word, { writer, family, anonymousSets: [] });
      const xor = encodeFields([selectorType(selector, family)], [selector.value]);
      return bitwise(writer, word, { and: new Uint8Array(xor.length), xor });
    }
  }
}

/** Loads a key's fields one after the other from `word` on; returns the first free word. */
function loadKey(key: readonly Selector[], word: number, context: RuleContext): number {
  let at = word;
  for (const part of key) {
    load(part, at, context);
    at += padded(typeBytes(selectorType(part, context.family))) / 4;
  }
  return at;
}

interface LookupParts {
  readonly set: string;
  readonly setId?: number;
  readonly dreg?: number;
  readonly isInverted?: boolean;
}

function lookup(writer: NetlinkWriter, { set, setId, dreg, isInverted }: LookupParts): void {
  expression(writer, 'lookup', () => {
    writer.attrString(1, set).attrU32Be(2, register(0));
    if (dreg !== undefined) writer.attrU32Be(3, dreg);
    if (setId !== undefined) writer.attrU32Be(4, setId);
    if (isInverted) writer.attrU32Be(5, nft.LOOKUP_F_INV);
  });
}

function compare(writer: NetlinkWriter, isNegated: boolean, value: Uint8Array): void {
  expression(writer, 'cmp', () => {
    writer.attrU32Be(1, register(0)).attrU32Be(2, isNegated ? nft.CMP_NEQ : nft.CMP_EQ);
    dataValue(writer, 3, value);
  });
}

function prefixMask(bytes: number, bits: number): Buffer {
  const mask = Buffer.alloc(bytes);
  for (let i = 0; i < bits; i++) mask[i >> 3] = (mask[i >> 3] ?? 0) | (0x80 >> (i & 7));
  return mask;
}

function match(left: Selector, right: { value: Scalar; isNegated: boolean }, context: RuleContext): void {
  const { writer, family } = context;
  const type = selectorType(left, family);
  load(left, 0, context);
  const text = String(right.value);
  /** All names with a beginning: only that much of the register is compared. */
  if (type === 'ifname' && text.endsWith('*'))
    return compare(writer, right.isNegated, Buffer.from(text.slice(0, -1)));
  const slash = text.indexOf('/');
  if (slash < 0) return compare(writer, right.isNegated, encodeFields([type], [right.value]));
  const bytes = typeBytes(type);
  bitwise(writer, 0, { and: prefixMask(bytes, Number(text.slice(slash + 1))), xor: new Uint8Array(bytes) });
  compare(writer, right.isNegated, encodeFields([type], [prefixBounds(text).first]));
}

function ctFlag(flag: CtFlag, { writer }: RuleContext): void {
  if (flag.key === 'direction') {
    expression(writer, 'ct', () => {
      writer.attrU32Be(1, register(0)).attrU32Be(2, nft.CT_DIRECTION);
    });
    return compare(writer, false, Buffer.from([flag.flag === 'reply' ? nft.CT_REPLY : nft.CT_ORIGINAL]));
  }
  const key = flag.key === 'state' ? nft.CT_STATE : nft.CT_STATUS;
  const bits = Buffer.alloc(4);
  bits.writeUInt32LE(flag.key === 'state' ? nft.CT_STATE_NEW : nft.CT_STATUS_DNAT);
  expression(writer, 'ct', () => {
    writer.attrU32Be(1, register(0)).attrU32Be(2, key);
  });
  bitwise(writer, 0, { and: bits, xor: new Uint8Array(4) });
  compare(writer, true, new Uint8Array(4));
}

function isLocal(flag: number, { writer }: RuleContext): void {
  const local = Buffer.alloc(4);
  local.writeUInt32LE(nft.RTN_LOCAL);
  expression(writer, 'fib', () => {
    writer.attrU32Be(1, register(0)).attrU32Be(2, nft.FIB_ADDRTYPE).attrU32Be(3, flag);
  });
  compare(writer, false, local);
}

function reject(kind: 'tcp-reset' | 'port-unreachable', { writer, family }: RuleContext): void {
  expression(writer, 'reject', () => {
    if (kind === 'tcp-reset') {
      writer.attrU32Be(1, nft.REJECT_TCP_RST).attrU8(2, 0);
    } else {
      writer.attrU32Be(1, nft.REJECT_ICMP_UNREACH);
      writer.attrU8(2, family === 'ip' ? nft.ICMP_PORT_UNREACH : nft.ICMP6_PORT_UNREACH);
    }
  });
}

function nat(statement: Extract<Statement, { kind: 'dnat' | 'redirect' }>, context: RuleContext): void {
  const { writer, family } = context;
  loadKey(statement.key, 0, context);
  lookup(writer, { set: statement.map, dreg: register(0) });
  if (statement.kind === 'redirect') {
    return expression(writer, 'redir', () => void writer.attrU32Be(1, register(0)));
  }
  expression(writer, 'nat', () => {
    writer.attrU32Be(1, nft.NAT_DNAT).attrU32Be(2, familyNumber(family)).attrU32Be(3, register(0));
    if (statement.isPortKept !== true) writer.attrU32Be(5, register(typeBytes(addressType(family)) / 4));
  });
}

function setMark(
  { key, map }: Extract<Statement, { kind: 'set-mark' }>,
  { writer, ...rest }: RuleContext,
): void {
  loadKey(key, 0, { writer, ...rest });
  lookup(writer, { set: map, dreg: register(0) });
  expression(writer, 'meta', () => void writer.attrU32Be(2, nft.META_MARK).attrU32Be(3, register(0)));
}

function update(statement: Extract<Statement, { kind: 'update' }>, context: RuleContext): void {
  const { writer } = context;
  const dataWord = loadKey(statement.key, 0, context);
  loadKey(statement.data ?? [], dataWord, context);
  expression(writer, 'dynset', () => {
    writer.attrString(1, statement.map).attrU32Be(3, nft.DYNSET_UPDATE);
    writer.attrU32Be(4, register(0));
    if (statement.data !== undefined) writer.attrU32Be(5, register(dataWord));
  });
}

function writeStatement(statement: Statement, context: RuleContext, anonymousSet: number | undefined): void {
  const { writer } = context;
  switch (statement.kind) {
    case 'match':
      return match(
        statement.left,
        { value: statement.value, isNegated: statement.isNegated ?? false },
        context,
      );
    case 'one-of':
      load(statement.left, 0, context);
      return lookup(writer, {
        set: anonymousSetName,
        ...(anonymousSet === undefined ? {} : { setId: anonymousSet }),
      });
    case 'ct':
      return ctFlag(statement.is, context);
    case 'daddr-is-local':
      return isLocal(nft.FIB_F_DADDR, context);
    case 'saddr-is-local':
      return isLocal(nft.FIB_F_SADDR, context);
    case 'in-set':
      loadKey(statement.key, 0, context);
      return lookup(writer, { set: statement.set, isInverted: statement.isNegated ?? false });
    case 'vmap':
      loadKey(statement.key, 0, context);
      return lookup(writer, { set: statement.map, dreg: nft.REG_VERDICT });
    case 'dnat':
    case 'redirect':
      return nat(statement, context);
    case 'set-mark':
      return setMark(statement, context);
    case 'masquerade':
      return expression(writer, 'masq', () => void writer.attrU32Be(1, nft.NAT_RANDOM_FULLY));
    case 'reject':
      return reject(statement.with, context);
    case 'update':
      return update(statement, context);
    case 'counter':
      return expression(writer, 'counter', () => undefined);
    case 'count':
      loadKey(statement.key, 0, context);
      return expression(writer, 'objref', () => {
        writer.attrU32Be(nft.OBJREF_SET_SREG, register(0)).attrString(nft.OBJREF_SET_NAME, statement.map);
      });
    case 'verdict':
      return expression(writer, 'immediate', () => {
        writer.attrU32Be(1, nft.REG_VERDICT);
        writeVerdict(writer, 2, statement.verdict);
      });
  }
}

/** nft's user data for a comment: type 0, length, text, zero. */
export function commentUserdata(comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.concat([Buffer.from([0, text.length]), text]);
}

/** Writes one NFT_MSG_NEWRULE that appends; its anonymous sets must have been written before. */
export function writeRule(
  target: { table: TableRef; chain: string },
  rule: Rule,
  context: RuleContext,
): void {
  const { writer, family } = context;
  const flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND;
  nfgenmsg(writer.begin(nfnetlinkType(NFNL_SUBSYS_NFTABLES, nft.NEWRULE), flags), familyNumber(family));
  writer.attrString(nft.RULE_TABLE, target.table.name).attrString(nft.RULE_CHAIN, target.chain);
  const list = writer.openNest(nft.RULE_EXPRESSIONS);
  let nAnonymous = 0;
  for (const statement of rule.statements) {
    const isAnonymous = statement.kind === 'one-of';
    writeStatement(statement, context, isAnonymous ? context.anonymousSets[nAnonymous++] : undefined);
  }
  writer.closeNest(list);
  if (rule.comment !== undefined) writer.attrBytes(nft.RULE_USERDATA, commentUserdata(rule.comment));
}
