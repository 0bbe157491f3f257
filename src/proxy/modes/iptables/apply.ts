import { setImmediate } from 'node:timers/promises';
import type { Iptables } from '../../../kernel/iptables/iptables.ts';
import type { Ruleset, TableName } from '../../../kernel/iptables/model.ts';
import { parseRule, parseSave } from '../../../kernel/iptables/parse.ts';
import type { ServicePort } from '../../state/model.ts';
import { Found, ourRemains } from './found.ts';
import { kubeletFirewall } from './layout.ts';
import type { Layout } from './layout.ts';
import { StepBuilder, isBetterRewritten, planService } from './plan.ts';
import type { ServiceChange, Step } from './plan.ts';
import { dispatchChains, renderService } from './render.ts';
import type { DispatchChain, RenderOptions, ServiceRules } from './render.ts';
import { countRules, writtenCount } from './rule-count.ts';
import type { RuleCount } from './rule-count.ts';
import { RestoreWriter } from './restore-writer.ts';
import type { Rejected } from './restore-writer.ts';

/** Service ports rendered between two turns of the event loop. */
const portsPerTurn = 500;

export interface Wanted {
  readonly ports: readonly ServicePort[];
  readonly layout: Layout;
  readonly rendering: RenderOptions;
}

export interface Outcome {
  /** Service ports that the kernel or the program does not take; what they had before stays. */
  readonly rejected: readonly Rejected[];
  /** Lines each chain that leads to Services has now. */
  readonly nLines: ReadonlyMap<DispatchChain, number>;
  /** Rules of the Service ports that are served. */
  readonly nRules: RuleCount;
  /** Rules that were written now. */
  readonly written: RuleCount;
  /** How many restores it took; 0 = everything was there. */
  readonly nWritten: number;
  readonly wasEmpty: boolean;
}

async function readTables(iptables: Iptables, names: readonly TableName[]): Promise<Ruleset<string>> {
  const found = parseSave(await iptables.save(...names));
  return new Map([...found].filter(([name]) => names.includes(name)));
}

/** Chains of fixed content, and those that lead to Services, as far as they are missing. */
function planBase({ chains }: Layout, found: Found): Step[] {
  const builder = new StepBuilder();
  for (const [ref, rules] of chains) {
    const held = found.rules(ref);
    if (held === undefined || held.join('\n') !== rules.join('\n')) builder.chain(ref, rules);
  }
  for (const ref of dispatchChains) if (found.rules(ref) === undefined) builder.chain(ref, []);
  return [builder.build() ?? []].flat();
}

interface Planned {
  readonly changes: readonly ServiceChange[];
  /** Rules of all Service ports. */
  readonly nRules: RuleCount;
  readonly nLines: Map<DispatchChain, number>;
}

async function compare({ ports, rendering }: Wanted, found: Found): Promise<Planned> {
  const changes: ServiceChange[] = [];
  const nLines = new Map<DispatchChain, number>();
  const nRules = { nat: 0, filter: 0 };
  for (const [i, port] of ports.entries()) {
    const after = renderService(port, rendering);
    countLines(nLines, after, 1);
    countRules(nRules, after, 1);
    changes.push({ id: port.id, before: found.take(after), after });
    if (i % portsPerTurn === portsPerTurn - 1) await setImmediate();
  }
  return { changes, nLines, nRules };
}

/** Adds a Service port's lines to the counts, or takes them off. */
export function countLines(
  counts: Map<DispatchChain, number>,
  rules: ServiceRules | undefined,
  sign: 1 | -1,
): void {
  for (const [ref, lines] of rules?.dispatch ?? []) {
    counts.set(ref, (counts.get(ref) ?? 0) + sign * lines.length);
  }
}

/** All of a chain's lines anew. */
export function planRewrite(
  ref: DispatchChain,
  services: Iterable<ServiceRules>,
  tail: readonly string[],
): Step | undefined {
  const lines: string[] = [];
  for (const { dispatch } of services) lines.push(...(dispatch.get(ref) ?? []));
  const builder = new StepBuilder();
  builder.chain(ref, [...lines, ...tail]);
  return builder.build();
}

/** The last rules of a chain: old ones go, missing ones come behind everything. */
function planTail(ref: DispatchChain, wanted: readonly string[], found: Found): Step | undefined {
  const builder = new StepBuilder();
  const held = found.takeLines(ref, wanted);
  if (held.length < wanted.length) {
    builder.delete(ref, held);
    builder.append(ref, wanted);
  }
  return builder.build();
}

/** Chains in the order in which packets meet them: none of them leads back, so that each can go when those before it are gone. */
const path = [
  'SERVICES',
  'NODEPORTS',
  'FW',
  'EXT',
  'XLB',
  'SVC',
  'SVL',
  'SEP',
  'MARK-MASQ-OFF-CLUSTER',
  'MARK-MASQ',
];

function distance(chain: string): number {
  const at = path.findIndex((kind) => chain.includes(`KUBE-${kind}`));
  return at < 0 ? path.length : at;
}

const byDistance = (a: string, b: string): number => distance(a) - distance(b);

function planLeftovers(found: Found, isRewritten: (ref: DispatchChain) => boolean): Step[] {
  const steps: (Step | undefined)[] = [];
  for (const ref of dispatchChains) {
    for (const line of isRewritten(ref) ? [] : found.leftLines(ref)) {
      const builder = new StepBuilder();
      builder.delete(ref, [line]);
      steps.push(builder.build());
    }
  }
  for (const chain of found.leftServiceChains().sort(byDistance)) {
    const builder = new StepBuilder();
    builder.dropChain(`nat ${chain}`);
    steps.push(builder.build());
  }
  return steps.filter((step) => step !== undefined);
}

/** Each is put above the one before, so that the list's last is the first to be asked. */
function planJumps(layout: Layout, found: Found): Step[] {
  const builder = new StepBuilder();
  for (const { at, rule } of found.missingJumps(layout)) builder.insert(at, [rule]);
  return [builder.build() ?? []].flat();
}

/**
 * Reads the tables and writes what differs from what is wanted, wherever it comes from. `isNarrowing`: what the kernel refuses is narrowed
 * down to single Service ports, which are left out.
 */
export async function applyAll(iptables: Iptables, wanted: Wanted, isNarrowing: boolean): Promise<Outcome> {
  const { layout } = wanted;
  const found = new Found(await readTables(iptables, ['mangle', 'filter', 'nat']));
  const base = planBase(layout, found);
  const { changes, nLines, nRules } = await compare(wanted, found);
  const tails = [...layout.tails] as [DispatchChain, readonly string[]][];
  const tailSteps = new Map(tails.map(([ref, lines]) => [ref, planTail(ref, lines, found)]));
  const isRewritten = (ref: DispatchChain): boolean =>
    !isNarrowing && isBetterRewritten(found.leftLines(ref).length, nLines.get(ref) ?? 0);
  const options = { isFresh: (ref: DispatchChain) => found.fresh.has(ref), isRewritten };
  const now: (Step | undefined)[] = [];
  const later: (Step | undefined)[] = [];
  for (const change of changes) {
    const steps = planService(change, options);
    now.push(steps.now);
    later.push(steps.later);
  }
  for (const ref of dispatchChains) {
    const after = changes.flatMap((change) => change.after ?? []);
    now.push(isRewritten(ref) ? planRewrite(ref, after, layout.tails.get(ref) ?? []) : tailSteps.get(ref));
  }
  const steps = [...base, ...now, ...planJumps(layout, found), ...later].filter((step) => step !== undefined);
  steps.push(...planLeftovers(found, isRewritten));
  const writer = new RestoreWriter(iptables);
  const rejected = isNarrowing ? await writer.writeWhatFits(steps) : (await writer.write(steps), []);
  const isOut = new Set(rejected.map(({ id }) => id));
  for (const { id, after } of changes) if (isOut.has(id)) countRules(nRules, after, -1);
  return {
    rejected,
    nLines,
    nRules,
    written: writtenCount(steps.filter(({ id }) => id === undefined || !isOut.has(id))),
    nWritten: writer.nWritten,
    wasEmpty: found.fresh.has('nat KUBE-SERVICES'),
  };
}

/** Takes everything away that we, or a kube-proxy in iptables mode, put into the tables. */
export async function removeAll(iptables: Iptables): Promise<void> {
  const ruleset = await readTables(iptables, ['filter', 'nat', 'mangle']);
  const { jumps, chains } = ourRemains(ruleset);
  const steps: (Step | undefined)[] = [];
  const unlink = new StepBuilder();
  for (const { at, rule } of jumps) unlink.delete(at, [rule]);
  // A kubelet makes this chain too, and a hint that it is there.
  const mangle = ruleset.get('mangle');
  const hasKubelet =
    mangle?.has('KUBE-IPTABLES-HINT') === true || mangle?.has('KUBE-KUBELET-CANARY') === true;
  const firewall = ruleset.get('filter')?.get(kubeletFirewall) !== undefined && !hasKubelet;
  for (const at of firewall ? (['INPUT', 'OUTPUT'] as const) : []) {
    for (const rule of ruleset.get('filter')?.get(at)?.rules ?? []) {
      const { target } = parseRule(rule);
      if (target?.kind === 'jump' && target.chain === kubeletFirewall) unlink.delete(`filter ${at}`, [rule]);
    }
  }
  const all = [...chains, ...(firewall ? ([`filter ${kubeletFirewall}`] as const) : [])];
  const drops = all.sort(byDistance).map((ref) => {
    const builder = new StepBuilder();
    builder.dropChain(ref);
    return builder.build();
  });
  steps.push(unlink.build(), ...drops);
  await new RestoreWriter(iptables).write(steps.filter((step) => step !== undefined));
}
