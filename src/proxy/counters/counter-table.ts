import { setImmediate } from 'node:timers/promises';
import { elementKey } from '../../kernel/nft/model.ts';
import type { Command, CounterValue, NftElement } from '../../kernel/nft/model.ts';
import type { NftKernel } from '../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { ServicePort } from '../state/model.ts';
import { counterLayout, countersOf, counterTableCommands, planCounters } from './plan.ts';
import type { CounterLayout, Counters } from './plan.ts';

/** An nf_tables table that counts what other tables translate, and changes nothing of it. */
export interface CounterTable {
  /** Counts for these Service ports from now on; `changed` names those that may differ from the last time, undefined = any may. */
  sync(ports: ReadonlyMap<string, ServicePort>, changed?: ReadonlySet<string>): Promise<void>;
  /** What was counted, by the counter's name. */
  read(): Promise<ReadonlyMap<string, CounterValue>>;
  /** Takes the table away, also an earlier process's. */
  remove(): Promise<void>;
}

/** Fits the 400 kB an ordinary user's socket takes: three counters of up to 300 bytes, and their elements. */
const portsPerTransaction = 100;

type Known = Map<string, ServicePort>;

class NftCounterTable implements CounterTable {
  readonly #nft: NftKernel;
  readonly #layout: CounterLayout;
  /** What the table counts for; undefined = it is to be read. */
  #known: Known | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(nft: NftKernel, family: IpFamily) {
    this.#nft = nft;
    this.#layout = counterLayout(family);
  }

  sync(ports: ReadonlyMap<string, ServicePort>, changed?: ReadonlySet<string>): Promise<void> {
    // The map is a live view: what is wanted is read now, not when earlier work is done.
    const all = changed === undefined ? new Map(ports) : undefined;
    const named = new Map([...(changed ?? [])].map((id) => [id, ports.get(id)]));
    return this.#inTurn(async () => {
      const known = this.#known;
      // Should it fail, the table is read the next time.
      this.#known = undefined;
      const isChange = known !== undefined && all === undefined;
      this.#known = isChange
        ? await this.#change(known, named)
        : await this.#all(known, all ?? new Map(ports));
    });
  }

  read(): Promise<ReadonlyMap<string, CounterValue>> {
    return this.#nft.counters(this.#layout.table);
  }

  remove(): Promise<void> {
    return this.#inTurn(async () => {
      this.#known = undefined;
      const { table } = this.#layout;
      if ((await this.#nft.table(table)) === undefined) return;
      await this.#nft.apply({ table, commands: [{ op: 'add-table' }, { op: 'delete-table' }] });
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #all(known: Known | undefined, wanted: Known): Promise<Known> {
    if (!(await this.#isInPlace())) {
      await this.#apply(counterTableCommands(this.#layout));
      return this.#change(new Map(), wanted);
    }
    if (known !== undefined) return this.#change(known, differing(known, wanted));
    const { remove, add } = planCounters(this.#layout, await this.#held(), countersOf(wanted.values()));
    await this.#inSlices(remove);
    await this.#inSlices(add);
    return wanted;
  }

  /** The table is there, and of this layout. */
  async #isInPlace(): Promise<boolean> {
    const { table, comment, sets, chains } = this.#layout;
    const shape = await this.#nft.table(table);
    return (
      shape?.comment === comment &&
      shape.sets.size === sets.length &&
      shape.nRules.size === chains.length &&
      sets.every(({ name }) => shape.sets.has(name)) &&
      chains.every(({ chain, rules }) => shape.nRules.get(chain.name) === rules.length)
    );
  }

  async #held(): Promise<Counters> {
    const { table, sets } = this.#layout;
    const names = new Set((await this.#nft.counters(table)).keys());
    const elements = new Map<string, Map<string, NftElement>>();
    for (const set of sets) {
      const found = await this.#nft.elements(table, set);
      elements.set(set.name, new Map(found.map((element) => [elementKey(element.key), element])));
    }
    return { names, elements };
  }

  async #change(known: Known, next: ReadonlyMap<string, ServicePort | undefined>): Promise<Known> {
    const steps = [...slices([...next], portsPerTransaction)].map((some) => {
      const before = some.flatMap(([id]) => known.get(id) ?? []);
      const after = some.flatMap(([, port]) => port ?? []);
      return () => planCounters(this.#layout, countersOf(before), countersOf(after));
    });
    const [first, ...more] = steps;
    if (first !== undefined && more.length === 0) {
      const { remove, add } = first();
      await this.#apply([...remove, ...add]);
    } else {
      for (const step of steps) await this.#apply(step().remove);
      for (const step of steps) {
        await this.#apply(step().add);
        await setImmediate();
      }
    }
    for (const [id, port] of next) {
      if (port === undefined) known.delete(id);
      else known.set(id, port);
    }
    return known;
  }

  async #inSlices(commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      for (const some of smaller(command)) {
        await this.#apply([some]);
        await setImmediate();
      }
    }
  }

  async #apply(commands: readonly Command[]): Promise<void> {
    if (commands.length > 0) await this.#nft.apply({ table: this.#layout.table, commands });
  }
}

/** The ports that are not as remembered. */
function differing(
  known: Known,
  wanted: ReadonlyMap<string, ServicePort>,
): Map<string, ServicePort | undefined> {
  const changes = new Map<string, ServicePort | undefined>();
  for (const [id, port] of wanted) if (known.get(id) !== port) changes.set(id, port);
  for (const id of known.keys()) if (!wanted.has(id)) changes.set(id, undefined);
  return changes;
}

function* slices<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let i = 0; i < all.length; i += size) yield all.slice(i, i + size);
}

function* smaller(command: Command): Generator<Command> {
  const size = 3 * portsPerTransaction;
  if ('names' in command) for (const names of slices(command.names, size)) yield { ...command, names };
  else if ('elements' in command)
    for (const elements of slices(command.elements, size)) yield { ...command, elements };
  else yield command;
}

/** Does nothing before it is asked to. `nft` is used by nobody else. */
export const createCounterTable = (nft: NftKernel, family: IpFamily): CounterTable =>
  new NftCounterTable(nft, family);
