import type { Ruleset, TableName } from '../../../kernel/iptables/model.ts';
import { parseRule } from '../../../kernel/iptables/parse.ts';
import type { ChainRef, Layout } from './layout.ts';
import { jumpTargets, ownChains } from './layout.ts';
import { isServiceChain } from './names.ts';
import { dispatchChains } from './render.ts';
import type { DispatchChain, ServiceRules } from './render.ts';

/** What stands in the tables under our names, and has not been asked for yet. */
export class Found {
  readonly #ruleset: Ruleset<string>;
  /** Lines of the chains that lead to Services, each with how often it is there. */
  readonly #lines = new Map<DispatchChain, Map<string, number>>();
  readonly #serviceChains: Map<string, readonly string[]>;
  /** Chains that were not there or had no rules. */
  readonly fresh = new Set<DispatchChain>();

  constructor(ruleset: Ruleset<string>) {
    this.#ruleset = ruleset;
    for (const ref of dispatchChains) {
      const lines = new Map<string, number>();
      for (const line of this.rules(ref) ?? []) lines.set(line, (lines.get(line) ?? 0) + 1);
      if (lines.size === 0) this.fresh.add(ref);
      this.#lines.set(ref, lines);
    }
    this.#serviceChains = new Map(
      [...(ruleset.get('nat') ?? [])]
        .filter(([name]) => isServiceChain(name))
        .map(([name, { rules }]) => [name, rules]),
    );
  }

  /** undefined = there is no such chain. */
  rules(ref: ChainRef): readonly string[] | undefined {
    const space = ref.indexOf(' ');
    return this.#ruleset.get(ref.slice(0, space) as TableName)?.get(ref.slice(space + 1))?.rules;
  }

  /** What is there of a Service port's rules; it counts as asked for. */
  take(wanted: ServiceRules): ServiceRules {
    const chains = new Map<string, readonly string[]>();
    for (const name of wanted.chains.keys()) {
      const held = this.#serviceChains.get(name);
      if (held === undefined) continue;
      chains.set(name, held);
      this.#serviceChains.delete(name);
    }
    const dispatch = new Map<DispatchChain, string[]>();
    for (const [ref, lines] of wanted.dispatch) dispatch.set(ref, this.takeLines(ref, lines));
    return { chains, dispatch };
  }

  /** Those of the lines that are there. */
  takeLines(ref: DispatchChain, lines: readonly string[]): string[] {
    const held = this.#lines.get(ref);
    return lines.filter((line) => {
      const n = held?.get(line) ?? 0;
      if (n > 1) held?.set(line, n - 1);
      else held?.delete(line);
      return n > 0;
    });
  }

  /** What nobody asked for. */
  leftLines(ref: DispatchChain): string[] {
    return [...(this.#lines.get(ref) ?? [])].flatMap(([line, n]) => Array<string>(n).fill(line));
  }

  leftServiceChains(): string[] {
    return [...this.#serviceChains.keys()];
  }

  missingJumps({ jumps }: Layout): Layout['jumps'] {
    return jumps.filter(({ at, rule }) => this.rules(at)?.includes(rule) !== true);
  }
}

/** Everything in the tables that we, or a kube-proxy, put there: rules of built-in chains, and chains. */
export function ourRemains(ruleset: Ruleset<string>): {
  readonly jumps: { readonly at: ChainRef; readonly rule: string }[];
  readonly chains: ChainRef[];
} {
  const own = new Set<string>(ownChains);
  const jumps: { at: ChainRef; rule: string }[] = [];
  const chains: ChainRef[] = [];
  for (const [table, held] of ruleset) {
    for (const [name, { policy, rules }] of held) {
      const ref: ChainRef = `${table} ${name}`;
      if (own.has(ref) || (table === 'nat' && isServiceChain(name))) chains.push(ref);
      if (policy === undefined) continue;
      for (const rule of rules) {
        if (!rule.includes('KUBE-')) continue;
        const { target } = parseRule(rule);
        if (target?.kind === 'jump' && jumpTargets.has(target.chain)) jumps.push({ at: ref, rule });
      }
    }
  }
  return { jumps, chains };
}
