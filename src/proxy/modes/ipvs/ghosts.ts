import { deepEqual } from '../../../base/deep-equal.ts';
import { isBusy } from '../../../kernel/ipvs/diff.ts';
import { serverText } from '../../../kernel/ipvs/model.ts';
import type { VirtualServer } from '../../../kernel/ipvs/model.ts';
import type { HeldServers } from './kernel.ts';
import type { Layout } from './layout.ts';
import { ghostOf } from './plan.ts';
import type { PlannedServer, PortPlan } from './render.ts';

/** What a Service port was made of, what had stayed of it included, and what it shall be made of. */
export interface Turn {
  readonly before: readonly PortPlan[];
  /** Undefined: it is gone. */
  readonly after: PortPlan | undefined;
}

const textOf = ({ server }: PlannedServer): string => serverText(server.key);

/** Those servers of before that do not stay as they are: what they hold decides how they change. */
export function affectedServers(turns: readonly Turn[]): VirtualServer[] {
  const found = new Map<string, VirtualServer>();
  for (const { before, after } of turns) {
    const wanted = new Map(after?.servers.map((each) => [textOf(each), each]));
    for (const { servers } of before)
      for (const each of servers) {
        const text = textOf(each);
        if (!deepEqual(wanted.get(text), each)) found.set(text, each.server);
      }
  }
  return [...found.values()];
}

/** The texts of all servers that turns want. */
export const wantedServers = (turns: readonly Pick<Turn, 'after'>[]): Set<string> =>
  new Set(turns.flatMap(({ after }) => after?.servers.map(textOf) ?? []));

/** Those ghosts, by their ids, that wait at servers which are wanted now, perhaps by another Service port: they have nothing to keep. */
export const ghostsAt = (wanted: ReadonlySet<string>, ghosts: ReadonlyMap<string, PortPlan>): string[] =>
  wanted.size === 0
    ? []
    : [...ghosts].flatMap(([id, { servers }]) =>
        servers.some((each) => wanted.has(textOf(each))) ? [id] : [],
      );

/** What must stay of plans that are no longer wanted: servers that have connections and nobody wants, and what leads to them. */
export function ghostAfter(
  { before }: Pick<Turn, 'before'>,
  { held, wanted }: { readonly held: HeldServers; readonly wanted: ReadonlySet<string> },
  { sets }: Pick<Layout, 'sets'>,
): PortPlan | undefined {
  const kept = before
    .flatMap(({ servers }) => servers)
    .filter((each) => each.isGraceful && !wanted.has(textOf(each)) && isBusy(held.get(textOf(each))));
  if (kept.length === 0) return undefined;
  const all: PortPlan = {
    servers: [],
    elements: before.flatMap(({ elements }) => elements),
    chains: [],
    addresses: before.flatMap(({ addresses }) => addresses),
    owners: before.flatMap(({ owners }) => owners),
  };
  return ghostOf(all, kept, [sets.virtualIps.name, sets.frontends.name]);
}
