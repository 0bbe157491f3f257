import { cidrsOverlap, hostBlock, parseCidr } from '../../net/cidr.ts';
import type { Cidr } from '../../net/cidr.ts';
import { describeCommand, elementData, elementKey } from './model.ts';
import type { Command, NftElement, NftSet, Scalar, TableRef, Transaction, Verdict } from './model.ts';
import { NftError } from './nft-kernel.ts';
import type { NftKernel } from './nft-kernel.ts';
import type { Rule, Statement } from './rule.ts';
import { isAlive, tableKey } from './ruleset.ts';
import type { ChainState, Ruleset, SetState, TableState } from './ruleset.ts';

/** A refusal on the way; the transaction names the command. */
class Refusal extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

function refuse(code: string): never {
  throw new Refusal(code);
}

const chainOf = (verdict: Verdict): string | undefined => ('chain' in verdict ? verdict.chain : undefined);

function leadsTo(statement: Statement): string | undefined {
  return statement.kind === 'verdict' ? chainOf(statement.verdict) : undefined;
}

function setOf(statement: Statement): string | undefined {
  if (statement.kind === 'in-set') return statement.set;
  return 'map' in statement ? statement.map : undefined;
}

const rulesOf = (table: TableState): Rule[] => [...table.chains.values()].flatMap(({ rules }) => rules);

function isChainUsed(table: TableState, name: string): boolean {
  const isNamedByRule = [...table.chains.values()]
    .filter(({ chain }) => chain.name !== name)
    .some(({ rules }) => rules.some((rule) => rule.statements.some((s) => leadsTo(s) === name)));
  const isNamedByElement = [...table.sets.values()].some(({ elements }) =>
    [...elements.values()].some(({ data }) => data !== undefined && 'kind' in data && chainOf(data) === name),
  );
  return isNamedByRule || isNamedByElement;
}

function fieldsOverlap(a: Scalar, b: Scalar): boolean {
  const [blockA, blockB] = [asBlock(a), asBlock(b)];
  if (blockA !== undefined && blockB !== undefined) return cidrsOverlap(blockA, blockB);
  const [[firstA, lastA], [firstB, lastB]] = [asRange(a), asRange(b)];
  return a === b || (firstA <= lastB && firstB <= lastA);
}

function asBlock(field: Scalar): Cidr | undefined {
  const text = String(field);
  return parseCidr(text) ?? parseCidr(hostBlock(text));
}

function asRange(field: Scalar): [number, number] {
  const [first = NaN, last = first] = String(field).split('-').map(Number);
  return [first, last];
}

/** Applies commands one by one, keeping how to take each back. */
class Interpreter {
  readonly #ruleset: Ruleset;
  readonly #ref: TableRef;
  readonly #undo: (() => void)[] = [];

  constructor(ruleset: Ruleset, ref: TableRef) {
    this.#ruleset = ruleset;
    this.#ref = ref;
  }

  rollBack(): void {
    for (const undo of this.#undo.reverse()) undo();
  }

  run(command: Command): void {
    switch (command.op) {
      case 'add-table':
        return this.#addTable(command.comment ?? '');
      case 'delete-table':
        this.#table();
        return this.#delete(this.#ruleset, tableKey(this.#ref));
      case 'add-chain':
        return this.#insert(this.#table().chains, command.chain.name, { chain: command.chain, rules: [] });
      case 'delete-chain':
        this.#chain(command.name);
        if (isChainUsed(this.#table(), command.name)) refuse('EBUSY');
        return this.#delete(this.#table().chains, command.name);
      case 'flush-chain':
        return this.#flushChain(this.#chain(command.name));
      case 'add-rule':
        return this.#addRule(this.#chain(command.chain), command.rule);
      case 'add-set':
        return this.#insert(this.#table().sets, command.set.name, { set: command.set, elements: new Map() });
      case 'delete-set':
        return this.#deleteSet(command.name);
      case 'add-counters':
        for (const name of command.names)
          this.#insert(this.#table().counters, name, { packets: 0, bytes: 0 });
        return;
      case 'delete-counters':
        for (const name of command.names) this.#deleteCounter(name);
        return;
      case 'add-elements':
        for (const element of command.elements) this.#addElement(this.#set(command.set.name), element);
        return;
      case 'delete-elements':
        for (const { key } of command.elements) this.#deleteElement(command.set, elementKey(key));
    }
  }

  #table(): TableState {
    return this.#ruleset.get(tableKey(this.#ref)) ?? refuse('ENOENT');
  }

  #chain(name: string): ChainState {
    return this.#table().chains.get(name) ?? refuse('ENOENT');
  }

  #set(name: string): SetState {
    return this.#table().sets.get(name) ?? refuse('ENOENT');
  }

  #insert<V>(into: Map<string, V>, key: string, value: V): void {
    if (into.has(key)) refuse('EEXIST');
    into.set(key, value);
    this.#undo.push(() => into.delete(key));
  }

  #delete<V>(from: Map<string, V>, key: string): void {
    const value = from.get(key);
    if (value === undefined) refuse('ENOENT');
    from.delete(key);
    this.#undo.push(() => from.set(key, value));
  }

  #addTable(comment: string): void {
    const key = tableKey(this.#ref);
    if (this.#ruleset.has(key)) return;
    this.#insert(this.#ruleset, key, {
      ref: this.#ref,
      comment,
      chains: new Map(),
      sets: new Map(),
      counters: new Map(),
    });
  }

  #flushChain({ rules }: ChainState): void {
    const removed = rules.splice(0);
    this.#undo.push(() => void rules.splice(0, rules.length, ...removed));
  }

  #addRule({ rules }: ChainState, rule: Rule): void {
    for (const statement of rule.statements) {
      const chain = leadsTo(statement);
      if (chain !== undefined) this.#chain(chain);
      const set = setOf(statement);
      if (set !== undefined) this.#set(set);
    }
    rules.push(rule);
    this.#undo.push(() => rules.pop());
  }

  #deleteSet(name: string): void {
    const table = this.#table();
    if (rulesOf(table).some((rule) => rule.statements.some((s) => setOf(s) === name))) refuse('EBUSY');
    this.#delete(table.sets, name);
  }

  #deleteCounter(name: string): void {
    const table = this.#table();
    const isNamed = [...table.sets.values()].some(
      ({ set, elements }) =>
        set.data === 'counter' && [...elements.values()].some(({ data }) => elementData(data) === name),
    );
    if (isNamed) refuse('EBUSY');
    this.#delete(table.counters, name);
  }

  #addElement({ set, elements }: SetState, element: NftElement): void {
    if (element.key.length !== set.key.length) refuse('EINVAL');
    if ((element.data === undefined) !== (set.data === undefined)) refuse('EINVAL');
    const chain = element.data !== undefined && 'kind' in element.data ? chainOf(element.data) : undefined;
    if (chain !== undefined) this.#chain(chain);
    if (set.data === 'counter' && !this.#table().counters.has(elementData(element.data))) refuse('ENOENT');
    if (set.isInterval && set.key.length === 1) {
      const block = parseCidr(String(element.key[0])) ?? refuse('EINVAL');
      for (const { key } of elements.values()) {
        const other = parseCidr(String(key[0]));
        if (other !== undefined && cidrsOverlap(block, other)) refuse('EEXIST');
      }
    } else if (set.isInterval) {
      for (const { key } of elements.values()) {
        if (key.every((part, i) => fieldsOverlap(part, element.key[i] ?? ''))) refuse('EEXIST');
      }
    }
    this.#insert(elements, elementKey(element.key), element);
  }

  #deleteElement(set: NftSet, key: string): void {
    this.#delete(this.#set(set.name).elements, key);
  }
}

/**
 * nf_tables in memory: interprets transactions with the kernel's errors and roll-back, and keeps the ruleset for the tracer.
 * `nowMs` says when elements with a timeout are gone (default: never). `applied` are the transactions that succeeded.
 */
export function createFakeNft(
  nowMs: () => number = () => 0,
): NftKernel & { readonly ruleset: Ruleset; readonly applied: Transaction[] } {
  const ruleset: Ruleset = new Map();
  const applied: Transaction[] = [];
  let generation = 1;
  const apply = (transaction: Transaction): void => {
    const interpreter = new Interpreter(ruleset, transaction.table);
    for (const command of transaction.commands) {
      try {
        interpreter.run(command);
      } catch (error) {
        interpreter.rollBack();
        if (!(error instanceof Refusal)) throw error;
        throw new NftError(`table ${tableKey(transaction.table)}: ${describeCommand(command)}`, error.code);
      }
    }
    applied.push(transaction);
    generation++;
  };
  return {
    ruleset,
    applied,
    apply: async (transaction) => apply(transaction),
    table: async (ref) => {
      const table = ruleset.get(tableKey(ref));
      if (table === undefined) return undefined;
      const nRules = [...table.chains.values()].map(
        ({ chain, rules }) => [chain.name, rules.length] as const,
      );
      return {
        comment: table.comment,
        nRules: new Map(nRules.filter(([, n]) => n > 0)),
        sets: new Set(table.sets.keys()),
      };
    },
    elements: async (ref, { name }) => {
      const set = ruleset.get(tableKey(ref))?.sets.get(name);
      if (set === undefined) throw new NftError(`list set ${tableKey(ref)} ${name}`, 'ENOENT');
      return [...set.elements.values()]
        .filter((element) => isAlive(element, nowMs()))
        .map(({ key, data }) => (data === undefined ? { key } : { key, data }));
    },
    generation: async () => generation,
    counters: async (ref) => {
      return new Map(ruleset.get(tableKey(ref))?.counters);
    },
    close: () => undefined,
  };
}
