import type { ChainDrop } from '../../../kernel/iptables/iptables.ts';
import type { TableName } from '../../../kernel/iptables/model.ts';
import { chainLine, renderRestore } from '../../../kernel/iptables/render.ts';
import type { TableLines } from '../../../kernel/iptables/render.ts';
import type { ChainRef } from './layout.ts';
import { dispatchChains } from './render.ts';
import type { DispatchChain, ServiceRules } from './render.ts';

/** Lines for one table, by what they do; iptables-restore gets them in this order. */
interface Lines {
  /** Makes or empties chains. */
  readonly chains: string[];
  /** Takes single rules out. */
  readonly deletes: string[];
  readonly appends: string[];
  /** Puts rules at a chain's head, the last one first. */
  readonly inserts: string[];
  /** Removes chains, which must be empty and unused. */
  readonly drops: string[];
}

/** What belongs together: either all of it is written or nothing. */
export interface Step {
  /** The Service port it is for; absent = the tables cannot do without. */
  readonly id?: string;
  readonly tables: ReadonlyMap<TableName, Lines>;
  readonly nLines: number;
}

const split = (ref: ChainRef): [TableName, string] => {
  const space = ref.indexOf(' ');
  return [ref.slice(0, space) as TableName, ref.slice(space + 1)];
};

/** Collects one step. */
export class StepBuilder {
  readonly #tables = new Map<TableName, Lines>();
  #nLines = 0;

  #of(table: TableName): Lines {
    let lines = this.#tables.get(table);
    if (lines === undefined) {
      lines = { chains: [], deletes: [], appends: [], inserts: [], drops: [] };
      this.#tables.set(table, lines);
    }
    return lines;
  }

  /** Gives a chain these rules and no others. */
  chain(ref: ChainRef, rules: readonly string[]): void {
    const [table, name] = split(ref);
    this.#of(table).chains.push(chainLine(name));
    this.#nLines++;
    this.append(ref, rules);
  }

  dropChain(ref: ChainRef): void {
    const [table, name] = split(ref);
    const lines = this.#of(table);
    lines.chains.push(chainLine(name));
    lines.drops.push(`-X ${name}`);
    this.#nLines += 2;
  }

  append(ref: ChainRef, rules: readonly string[]): void {
    const [table, name] = split(ref);
    for (const rule of rules) this.#of(table).appends.push(`-A ${name} ${rule}`);
    this.#nLines += rules.length;
  }

  /** At the head, in this order. */
  insert(ref: ChainRef, rules: readonly string[]): void {
    const [table, name] = split(ref);
    for (const rule of rules.toReversed()) this.#of(table).inserts.push(`-I ${name} ${rule}`);
    this.#nLines += rules.length;
  }

  delete(ref: ChainRef, rules: readonly string[]): void {
    const [table, name] = split(ref);
    for (const rule of rules) this.#of(table).deletes.push(`-D ${name} ${rule}`);
    this.#nLines += rules.length;
  }

  /** undefined = there is nothing to do. */
  build(id?: string): Step | undefined {
    if (this.#nLines === 0) return undefined;
    return { tables: this.#tables, nLines: this.#nLines, ...(id === undefined ? {} : { id }) };
  }
}

const isSame = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  (a?.length ?? 0) === (b?.length ?? 0) && (a ?? []).every((line, i) => line === b?.[i]);

export interface ServiceChange {
  readonly id: string;
  /** What the tables hold now; undefined = nothing. */
  readonly before: ServiceRules | undefined;
  readonly after: ServiceRules | undefined;
}

export interface ChangeOptions {
  /** Chains that were empty when the load began: lines are appended, in the Services' order. */
  readonly isFresh: (chain: DispatchChain) => boolean;
  /** Chains that are written anew by a step of their own; chains that they led to are dropped after it. */
  readonly isRewritten: (chain: DispatchChain) => boolean;
}

/** The steps that lead from what one Service port has to what it should have; the second is for later, when nothing leads there. */
export function planService(
  { id, before, after }: ServiceChange,
  options: ChangeOptions,
): { now: Step | undefined; later: Step | undefined } {
  const now = new StepBuilder();
  const later = new StepBuilder();
  for (const [chain, rules] of after?.chains ?? []) {
    const held = before?.chains.get(chain);
    if (held === undefined || !isSame(held, rules)) now.chain(`nat ${chain}`, rules);
  }
  let isDeferred = false;
  for (const chain of new Set([...(before?.dispatch.keys() ?? []), ...(after?.dispatch.keys() ?? [])])) {
    const [held = [], wanted = []] = [before?.dispatch.get(chain), after?.dispatch.get(chain)];
    if (isSame(held, wanted)) continue;
    if (options.isRewritten(chain)) {
      isDeferred = true;
    } else {
      now.delete(chain, held);
      if (options.isFresh(chain)) now.append(chain, wanted);
      else now.insert(chain, wanted);
    }
  }
  for (const chain of before?.chains.keys() ?? []) {
    if (after?.chains.has(chain) !== true) (isDeferred ? later : now).dropChain(`nat ${chain}`);
  }
  return { now: now.build(id), later: later.build(id) };
}

/** A chain that would lose more lines than this, and most of them, is written anew: taking single lines out costs a search each. */
const manyLines = 64;

export const isBetterRewritten = (nGone: number, nKept: number): boolean =>
  nGone > manyLines && nGone > nKept / 2;

/** What a step takes away in the table nat, where it does nothing else, and what it does in other tables. */
export interface Removal {
  readonly drop: ChainDrop;
  /** The same as lines. */
  readonly own: Step;
  readonly rest: Step | undefined;
  /** The rest takes away too, and so comes behind. */
  readonly isRestLast: boolean;
}

const natDispatchers = dispatchChains.filter((ref) => ref.startsWith('nat ')).map((ref) => ref.slice(4));
const deletedJump = /^-D (\S+) .*-j (\S+)$/;

/** A step that takes away chains with the lines that lead there; undefined = it does other things in the table nat too. */
export function removalOf(step: Step): Removal | undefined {
  const nat = step.tables.get('nat');
  if (nat === undefined || nat.appends.length + nat.inserts.length > 0) return undefined;
  const { chains, deletes, drops } = nat;
  if (drops.length === 0 || deletes.length === 0 || chains.length !== drops.length) return undefined;
  const gone = drops.map((line) => line.slice('-X '.length));
  const goes = new Set(gone);
  for (const line of deletes) {
    const [, from = '', to = ''] = deletedJump.exec(line) ?? [];
    if (!natDispatchers.includes(from) || !goes.has(to)) return undefined;
  }
  const rest = partOf(step, (table) => table !== 'nat');
  return {
    drop: { table: 'nat', chains: gone, from: natDispatchers, nJumps: deletes.length },
    own: partOf(step, (table) => table === 'nat') ?? step,
    rest,
    isRestLast: ![...(rest?.tables.values() ?? [])].some(
      ({ appends, inserts }) => appends.length + inserts.length > 0,
    ),
  };
}

function partOf({ id, tables }: Step, isWanted: (table: TableName) => boolean): Step | undefined {
  const part = new Map([...tables].filter(([table]) => isWanted(table)));
  const nLines = [...part.values()]
    .flatMap((lines) => Object.values(lines) as string[][])
    .reduce((sum, lines) => sum + lines.length, 0);
  return nLines === 0 ? undefined : { tables: part, nLines, ...(id === undefined ? {} : { id }) };
}

/** A Service port's step that only adds to the table nat: what it puts into chains of its own, and the lines that lead there. */
function partsOf({ id, tables }: Step): { readonly chains: Step; readonly leads: Step } | undefined {
  const nat = tables.get('nat');
  if (id === undefined || nat === undefined || tables.size > 1) return undefined;
  if (nat.deletes.length + nat.drops.length > 0 || nat.chains.length === 0) return undefined;
  const own = new Set(nat.chains.map((line) => line.slice(1, line.indexOf(' '))));
  const isOwn = (line: string): boolean => own.has(line.split(' ', 2)[1] ?? '');
  const inside = nat.appends.filter(isOwn);
  const appends = nat.appends.filter((line) => !isOwn(line));
  const step = (lines: Partial<Lines>, nLines: number): Step => ({
    id,
    tables: new Map([['nat', { chains: [], deletes: [], appends: [], inserts: [], drops: [], ...lines }]]),
    nLines,
  });
  return {
    chains: step({ chains: nat.chains, appends: inside }, nat.chains.length + inside.length),
    leads: step({ appends, inserts: nat.inserts }, appends.length + nat.inserts.length),
  };
}

/**
 * The same steps for a load that takes many sections: chains of Services first, and then the lines that lead there. At the end of each
 * section the kernel goes through every chain that packets can reach, which else are more from section to section.
 */
export function chainsFirst(steps: readonly Step[]): Step[] {
  const [first, then]: [Step[], Step[]] = [[], []];
  let hasParted = false;
  for (const step of steps) {
    const parts = partsOf(step);
    if (parts === undefined) (hasParted ? then : first).push(step);
    else {
      hasParted = true;
      first.push(parts.chains);
      if (parts.leads.nLines > 0) then.push(parts.leads);
    }
  }
  return [...first, ...then];
}

/** Several drops in the table nat as one. */
export const joinDrops = (drops: readonly ChainDrop[]): ChainDrop => ({
  table: 'nat',
  from: natDispatchers,
  chains: drops.flatMap(({ chains }) => chains),
  nJumps: drops.reduce((sum, { nJumps }) => sum + nJumps, 0),
});

/** Steps cut into pieces of about `maxLines` lines; a step is never cut. */
export function packSteps(steps: readonly Step[], maxLines: number): Step[][] {
  const packs: Step[][] = [];
  let [pack, n]: [Step[], number] = [[], 0];
  for (const step of steps) {
    if (pack.length > 0 && n + step.nLines > maxLines) {
      packs.push(pack);
      [pack, n] = [[], 0];
    }
    pack.push(step);
    n += step.nLines;
  }
  if (pack.length > 0) packs.push(pack);
  return packs;
}

const whole = ['chains', 'deletes', 'appends', 'inserts', 'drops'] as const;

/**
 * Which lines come in which order. What refuses or drops in the table filter comes before the table nat, and what ends that behind it,
 * so that a connection in between meets the old or the new, and never falls through.
 */
const sections: readonly { readonly table: TableName; readonly kinds: readonly (keyof Lines)[] }[] = [
  { table: 'mangle', kinds: whole },
  { table: 'filter', kinds: ['chains', 'appends', 'inserts'] },
  { table: 'nat', kinds: whole },
  { table: 'filter', kinds: ['deletes', 'drops'] },
];

/** The input of one restore: four sections, of which some may be empty. Each is written whole or not at all. */
export function linesOf(steps: readonly Step[]): TableLines[] {
  return sections.map(({ table, kinds }) => ({
    table,
    lines: kinds.flatMap((kind) => steps.flatMap(({ tables }) => tables.get(table)?.[kind] ?? [])),
  }));
}

/** What is left of steps of which so many of the sections are written. */
export function afterSections(steps: readonly Step[], nDone: number): Step[] {
  const left = sections.slice(nDone);
  return steps.flatMap(({ id, tables }) => {
    const rest = new Map<TableName, Lines>();
    let nLines = 0;
    for (const { table, kinds } of left) {
      const lines = tables.get(table);
      if (lines === undefined) continue;
      const kept = rest.get(table) ?? { chains: [], deletes: [], appends: [], inserts: [], drops: [] };
      rest.set(table, { ...kept, ...Object.fromEntries(kinds.map((kind) => [kind, lines[kind]])) });
      for (const kind of kinds) nLines += lines[kind].length;
    }
    return nLines === 0 ? [] : [{ tables: rest, nLines, ...(id === undefined ? {} : { id }) }];
  });
}

/** The inputs of several restores as one, and which section of which a line of it belongs to. */
export interface JoinedInput {
  readonly text: string;
  /** `line` counts from 1; undefined = it is not one of the input's. */
  placeOf(line: number): { readonly pack: number; readonly section: number } | undefined;
}

/** Packs one after the other, for one start of the program: it writes each section when it comes to its end. */
export function joinPacks(packs: readonly (readonly Step[])[]): JoinedInput {
  const parts = packs.map(linesOf);
  return {
    text: parts.map(renderRestore).join(''),
    placeOf: (line) => {
      let end = 0;
      for (const [pack, tables] of parts.entries()) {
        for (const [section, { lines }] of tables.entries()) {
          // The table's name before the lines, and COMMIT behind them.
          if (lines.length > 0) end += lines.length + 2;
          if (line <= end) return { pack, section };
        }
      }
      return undefined;
    },
  };
}
