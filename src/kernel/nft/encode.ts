import { beginBatch, endBatch, nfgenmsg, nfnetlinkType, NFNL_SUBSYS_NFTABLES } from '../netlink/nfnetlink.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from '../netlink/protocol.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import {
  fieldBounds,
  fieldsBytes,
  fieldsTypeId,
  padded,
  prefixBounds,
  typeBytes,
  writeScalar,
} from './data-types.ts';
import {
  anonymousSetName,
  commentUserdata,
  familyNumber,
  selectorType,
  writeRule,
  writeVerdict,
} from './encode-rule.ts';
import type {
  Command,
  DataType,
  NftChain,
  NftElement,
  NftSet,
  Scalar,
  TableRef,
  Transaction,
} from './model.ts';
import * as nft from './protocol.ts';
import type { Rule, Statement } from './rule.ts';
import { isTypeofSet, typeofUserdata } from './typeof-userdata.ts';

/** A message's list of elements is one attribute of at most 65 535 bytes; the rest goes into the next message. */
const maxListBytes = 60_000;

const hookNumbers = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

export interface EncodedTransaction {
  /** A whole nfnetlink batch. */
  readonly messages: Buffer;
  /** For each message of the batch (its begin included) the command it belongs to; undefined = none. */
  readonly commandOf: readonly (Command | undefined)[];
}

class Encoder {
  readonly #writer: NetlinkWriter;
  readonly #table: TableRef;
  readonly commandOf: (Command | undefined)[] = [];
  readonly #scratch = Buffer.alloc(256);
  #nextSetId = 1;

  constructor(table: TableRef, capacityBytes: number) {
    this.#table = table;
    this.#writer = new NetlinkWriter(capacityBytes);
  }

  transaction(commands: readonly Command[]): Buffer {
    beginBatch(this.#writer, NFNL_SUBSYS_NFTABLES);
    this.commandOf.push(undefined);
    for (const command of commands) {
      this.#command(command);
      while (this.commandOf.length < this.#writer.nMessages) this.commandOf.push(command);
    }
    endBatch(this.#writer, NFNL_SUBSYS_NFTABLES);
    return this.#writer.finish();
  }

  #command(command: Command): void {
    switch (command.op) {
      case 'add-table':
        return this.#addTable(command.comment);
      case 'delete-table':
        this.#begin(nft.DELTABLE, 0).attrString(nft.TABLE_NAME, this.#table.name);
        return;
      case 'add-chain':
        return this.#addChain(command.chain);
      case 'delete-chain':
        this.#begin(nft.DELCHAIN, 0).attrString(nft.CHAIN_TABLE, this.#table.name);
        this.#writer.attrString(nft.CHAIN_NAME, command.name);
        return;
      case 'flush-chain':
        this.#begin(nft.DELRULE, 0).attrString(nft.RULE_TABLE, this.#table.name);
        this.#writer.attrString(nft.RULE_CHAIN, command.name);
        return;
      case 'add-rule':
        return this.#addRule(command.chain, command.rule);
      case 'add-set':
        return this.#addSet(command.set);
      case 'delete-set':
        this.#begin(nft.DELSET, 0).attrString(nft.SET_TABLE, this.#table.name);
        this.#writer.attrString(nft.SET_NAME, command.name);
        return;
      case 'add-counters':
        return this.#counters(nft.NEWOBJ, command.names);
      case 'delete-counters':
        return this.#counters(nft.DELOBJ, command.names);
      case 'add-elements':
        return this.#elements(nft.NEWSETELEM, command.set, command.elements);
      case 'delete-elements':
        return this.#elements(nft.DELSETELEM, command.set, command.elements);
    }
  }

  #begin(message: number, flags: number): NetlinkWriter {
    const type = nfnetlinkType(NFNL_SUBSYS_NFTABLES, message);
    return nfgenmsg(this.#writer.begin(type, NLM_F_REQUEST | flags), familyNumber(this.#table.family));
  }

  #counters(message: number, names: readonly string[]): void {
    const isAdd = message === nft.NEWOBJ;
    for (const name of names) {
      const writer = this.#begin(message, isAdd ? NLM_F_CREATE | NLM_F_EXCL : 0);
      writer.attrString(nft.OBJ_TABLE, this.#table.name).attrString(nft.OBJ_NAME, name);
      writer.attrU32Be(nft.OBJ_TYPE, nft.OBJECT_COUNTER);
      if (isAdd) writer.closeNest(writer.openNest(nft.OBJ_DATA));
    }
  }

  #addTable(comment: string | undefined): void {
    this.#begin(nft.NEWTABLE, NLM_F_CREATE).attrString(nft.TABLE_NAME, this.#table.name);
    if (comment !== undefined) this.#writer.attrBytes(nft.TABLE_USERDATA, commentUserdata(comment));
  }

  #addChain({ name, base }: NftChain): void {
    const writer = this.#begin(nft.NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
    writer.attrString(nft.CHAIN_TABLE, this.#table.name).attrString(nft.CHAIN_NAME, name);
    if (base === undefined) return;
    const hook = writer.openNest(nft.CHAIN_HOOK);
    writer.attrU32Be(nft.HOOK_HOOKNUM, hookNumbers[base.hook]).attrU32Be(nft.HOOK_PRIORITY, base.priority);
    writer.closeNest(hook).attrString(nft.CHAIN_TYPE, base.type);
  }

  #addRule(chain: string, rule: Rule): void {
    const { family } = this.#table;
    const anonymousSets = rule.statements
      .filter((s): s is Extract<Statement, { kind: 'one-of' }> => s.kind === 'one-of')
      .map((s) => this.#addAnonymousSet(selectorType(s.left, family), s.values));
    writeRule({ table: this.#table, chain }, rule, { writer: this.#writer, family, anonymousSets });
  }

  #addAnonymousSet(type: DataType, values: readonly Scalar[]): number {
    const id = this.#nextSetId++;
    this.#setHeader(
      { name: anonymousSetName, key: [type] },
      { id, flags: nft.SET_F_ANONYMOUS | nft.SET_F_CONSTANT },
    );
    const list = this.#openList(nft.NEWSETELEM, anonymousSetName);
    for (const value of values) this.#element({ types: [type], element: { key: [value] } });
    this.#writer.closeNest(list).attrU32Be(nft.ELEMENTS_SET_ID, id);
    return id;
  }

  #addSet(set: NftSet): void {
    let flags = 0;
    if (set.isInterval) flags |= nft.SET_F_INTERVAL;
    const isConcatenation = set.isInterval === true && set.key.length > 1;
    if (isConcatenation) flags |= nft.SET_F_CONCAT;
    if (set.data !== undefined) flags |= set.data === 'counter' ? nft.SET_F_OBJECT : nft.SET_F_MAP;
    if (set.dynamic !== undefined) flags |= nft.SET_F_TIMEOUT | nft.SET_F_EVAL;
    const writer = this.#setHeader(set, { id: this.#nextSetId++, flags });
    if (set.data === 'counter') writer.attrU32Be(nft.SET_OBJ_TYPE, nft.OBJECT_COUNTER);
    else if (set.data === 'verdict')
      writer.attrU32Be(nft.SET_DATA_TYPE, nft.DATA_TYPE_VERDICT).attrU32Be(nft.SET_DATA_LEN, 0);
    else if (set.data !== undefined) {
      writer.attrU32Be(nft.SET_DATA_TYPE, fieldsTypeId(set.data));
      writer.attrU32Be(nft.SET_DATA_LEN, fieldsBytes(set.data));
    }
    if (isTypeofSet(set)) writer.attrBytes(nft.SET_USERDATA, typeofUserdata(set, this.#table.family));
    if (isConcatenation) this.#fieldLengths(set.key);
    if (set.dynamic === undefined) return;
    writer.attrU64Be(nft.SET_TIMEOUT, set.dynamic.timeoutSeconds * 1000);
    const desc = writer.openNest(nft.SET_DESC);
    writer.attrU32Be(nft.SET_DESC_SIZE, set.dynamic.size).closeNest(desc);
  }

  /** The kernel matches each field of a concatenation of intervals on its own. */
  #fieldLengths(types: readonly DataType[]): void {
    const writer = this.#writer;
    const desc = writer.openNest(nft.SET_DESC);
    const concat = writer.openNest(nft.SET_DESC_CONCAT);
    for (const type of types) {
      const field = writer.openNest(nft.LIST_ELEM);
      writer.attrU32Be(nft.SET_FIELD_LEN, typeBytes(type)).closeNest(field);
    }
    writer.closeNest(concat).closeNest(desc);
  }

  #setHeader(set: NftSet, { id, flags }: { id: number; flags: number }): NetlinkWriter {
    const writer = this.#begin(nft.NEWSET, NLM_F_CREATE | NLM_F_EXCL);
    writer.attrString(nft.SET_TABLE, this.#table.name).attrString(nft.SET_NAME, set.name);
    writer.attrU32Be(nft.SET_FLAGS, flags).attrU32Be(nft.SET_KEY_TYPE, fieldsTypeId(set.key));
    return writer.attrU32Be(nft.SET_KEY_LEN, fieldsBytes(set.key)).attrU32Be(nft.SET_ID, id);
  }

  #openList(message: number, set: string): number {
    const flags = message === nft.NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0;
    this.#begin(message, flags)
      .attrString(nft.ELEMENTS_TABLE, this.#table.name)
      .attrString(nft.ELEMENTS_SET, set);
    return this.#writer.openNest(nft.ELEMENTS_LIST);
  }

  #elements(message: number, set: NftSet, elements: readonly NftElement[]): void {
    if (elements.length === 0) return;
    const data = typeof set.data === 'string' ? undefined : set.data;
    const isAdd = message === nft.NEWSETELEM;
    let list = this.#openList(message, set.name);
    for (const element of elements) {
      if (this.#writer.length - list > maxListBytes) {
        this.#writer.closeNest(list);
        list = this.#openList(message, set.name);
      }
      if (set.isInterval && set.key.length === 1) this.#prefix(set.key, String(element.key[0]));
      else {
        const isInterval = set.isInterval === true;
        this.#element({ types: set.key, element, ...(isAdd && data ? { data } : {}), isAdd, isInterval });
      }
    }
    this.#writer.closeNest(list);
  }

  /** A block is two elements: its first address, and the end mark at the first address after it. */
  #prefix(types: readonly DataType[], text: string): void {
    const { first, after } = prefixBounds(text);
    this.#element({ types, element: { key: [first] } });
    if (after !== undefined)
      this.#element({ types, element: { key: [after] }, flags: nft.ELEM_F_INTERVAL_END });
  }

  #element(parts: {
    types: readonly DataType[];
    element: NftElement;
    data?: readonly DataType[];
    isAdd?: boolean;
    isInterval?: boolean;
    flags?: number;
  }): void {
    const writer = this.#writer;
    const { data, key } = parts.element;
    const nest = writer.openNest(nft.LIST_ELEM);
    if (parts.isInterval === true) {
      const bounds = parts.types.map((type, i) => fieldBounds(type, key[i] ?? ''));
      this.#value(
        nft.ELEM_KEY,
        parts.types,
        bounds.map(([first]) => first),
      );
      this.#value(
        nft.ELEM_KEY_END,
        parts.types,
        bounds.map(([, last]) => last),
      );
    } else {
      this.#value(nft.ELEM_KEY, parts.types, key);
    }
    if (data !== undefined && parts.isAdd) {
      if ('kind' in data) writeVerdict(writer, nft.ELEM_DATA, data);
      else if (parts.data !== undefined) this.#value(nft.ELEM_DATA, parts.data, data);
      else writer.attrString(nft.ELEM_OBJREF, String(data[0]));
    }
    if (parts.flags !== undefined) writer.attrU32Be(nft.ELEM_FLAGS, parts.flags);
    writer.closeNest(nest);
  }

  #value(attribute: number, types: readonly DataType[], values: readonly Scalar[]): void {
    const into = this.#scratch;
    let at = 0;
    for (let i = 0; i < types.length; i++) {
      const type = types[i];
      const value = values[i];
      if (type === undefined || value === undefined) throw new RangeError('too few fields in an element');
      const bytes = typeBytes(type);
      const end = at + (types.length === 1 ? bytes : padded(bytes));
      into.fill(0, at, end);
      writeScalar(type, value, { into, at });
      at = end;
    }
    const nest = this.#writer.openNest(attribute);
    this.#writer.attrBytes(nft.DATA_VALUE, into.subarray(0, at)).closeNest(nest);
  }
}

/** How many things of about a hundred bytes a command carries. */
function sizeOf(command: Command): number {
  if ('elements' in command) return command.elements.length;
  return 'names' in command ? command.names.length : 0;
}

/** A transaction as the bytes to send. Throws RangeError for values that are none of their type. */
export function encodeTransaction(transaction: Transaction): EncodedTransaction {
  const nItems = transaction.commands.reduce((n, command) => n + sizeOf(command), 0);
  const encoder = new Encoder(transaction.table, 8192 + nItems * 112);
  const messages = encoder.transaction(transaction.commands);
  return { messages, commandOf: encoder.commandOf };
}
