import type { IpFamily } from '../../net/ip.ts';
import { IptablesError } from './iptables.ts';
import type { Iptables } from './iptables.ts';
import type { Chain, Ruleset, TableName } from './model.ts';
import { parseRule } from './parse.ts';
import { renderRule } from './render.ts';

const builtIn: Readonly<Partial<Record<TableName, readonly string[]>>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
};

type Chains = Map<string, Chain<string>>;

export interface FakeIptables extends Iptables {
  /** What it holds, as rule texts. */
  readonly ruleset: Ruleset<string>;
  /** Inputs that took effect, oldest first. */
  readonly restored: string[];
}

const refused = (line: string, why: string): IptablesError =>
  new IptablesError('refused', `fake iptables-restore: ${why}: ${line}`);

function freshTable(table: TableName): Chains {
  return new Map((builtIn[table] ?? []).map((name) => [name, { policy: 'ACCEPT', rules: [] }]));
}

function jumpTarget(rule: string): string | undefined {
  const { target } = parseRule(rule);
  return target?.kind === 'jump' || target?.kind === 'goto' ? target.chain : undefined;
}

function apply(chains: Chains, line: string, family: IpFamily): void {
  if (line.startsWith(':')) {
    const [name = ''] = line.slice(1).split(' ');
    const { policy } = chains.get(name) ?? {};
    return void chains.set(name, { ...(policy === undefined ? {} : { policy }), rules: [] });
  }
  const [, verb, name = '', rest = ''] = /^-([AIDX]) (\S+) ?(.*)$/.exec(line) ?? [];
  const chain = chains.get(name);
  if (verb === undefined) throw refused(line, 'no such command');
  if (chain === undefined) throw refused(line, 'no such chain');
  const rule = renderRule(parseRule(rest), family);
  if (verb === 'A') chains.set(name, { ...chain, rules: [...chain.rules, rule] });
  if (verb === 'I') chains.set(name, { ...chain, rules: [rule, ...chain.rules] });
  if (verb === 'D') {
    const at = chain.rules.indexOf(rule);
    if (at < 0) throw refused(line, 'no such rule');
    chains.set(name, { ...chain, rules: chain.rules.toSpliced(at, 1) });
  }
  if (verb === 'X') {
    if (chain.rules.length > 0) throw refused(line, 'the chain is not empty');
    chains.delete(name);
  }
}

function checkTargets(chains: Chains): void {
  for (const [name, { rules }] of chains) {
    for (const rule of rules) {
      const target = jumpTarget(rule);
      if (target !== undefined && !chains.has(target)) throw refused(rule, `in ${name}: no chain ${target}`);
    }
  }
}

function textOf(table: TableName, chains: Chains | undefined): string {
  if (chains === undefined) return '';
  const heads = [...chains].map(([name, { policy }]) => `:${name} ${policy ?? '-'} [0:0]`);
  const rules = [...chains].flatMap(([name, chain]) => chain.rules.map((rule) => `-A ${name} ${rule}`));
  return [`*${table}`, ...heads, ...rules, 'COMMIT', ''].join('\n');
}

/** Tables in memory that obey the same input as iptables-restore, table by table as a whole or not at all. */
export function createFakeIptables(family: IpFamily = 'IPv4'): FakeIptables {
  const tables = new Map<TableName, Chains>();
  const restored: string[] = [];
  const restore = (text: string): void => {
    let table: TableName = 'filter';
    let chains: Chains = new Map();
    for (const line of text.split('\n')) {
      if (line.startsWith('*')) {
        table = line.slice(1) as TableName;
        chains = new Map(tables.get(table) ?? freshTable(table));
      } else if (line === 'COMMIT') {
        checkTargets(chains);
        tables.set(table, chains);
      } else if (line !== '' && !line.startsWith('#')) {
        apply(chains, line, family);
      }
    }
  };
  return {
    family,
    backend: 'nft',
    ruleset: tables,
    restored,
    save: async (...names) => names.map((name) => textOf(name, tables.get(name))).join(''),
    restore: async (text) => {
      restore(text);
      restored.push(text);
    },
    hasChain: async (table, chain) => tables.get(table)?.has(chain) ?? false,
  };
}
