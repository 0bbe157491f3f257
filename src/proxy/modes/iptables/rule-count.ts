import type { Step } from './plan.ts';
import type { Layout } from './layout.ts';
import type { ServiceRules } from './render.ts';

/** Rules by table; mangle has none of ours. */
export interface RuleCount {
  nat: number;
  filter: number;
}

const isNat = (ref: string): boolean => ref.startsWith('nat ');

/** Adds rules to a count. */
function add(count: RuleCount, ref: string, n: number): void {
  count[isNat(ref) ? 'nat' : 'filter'] += n;
}

/** Adds the rules of a Service port to a count, or takes them off. */
export function countRules(count: RuleCount, rules: ServiceRules | undefined, sign: 1 | -1): void {
  for (const lines of rules?.chains.values() ?? []) count.nat += sign * lines.length;
  for (const [ref, lines] of rules?.dispatch ?? []) add(count, ref, sign * lines.length);
}

/** What stands beside the Services' own rules. */
export function layoutCount({ jumps, chains, tails }: Layout): RuleCount {
  const count: RuleCount = { nat: 0, filter: 0 };
  for (const { at } of jumps) add(count, at, 1);
  for (const [ref, rules] of [...chains, ...tails]) add(count, ref, rules.length);
  return count;
}

/** The rules that steps write. */
export function writtenCount(steps: readonly Step[]): RuleCount {
  const count: RuleCount = { nat: 0, filter: 0 };
  for (const { tables } of steps) {
    for (const [table, { appends, inserts }] of tables) {
      if (table === 'nat' || table === 'filter') count[table] += appends.length + inserts.length;
    }
  }
  return count;
}
