import type { Clock } from '../../base/clock.ts';
import type { Instrument, Sample } from '../../base/instruments.ts';
import type { Logger } from '../../base/logger.ts';
import type { CounterValue } from '../../kernel/nft/model.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { CounterTable } from '../counters/counter-table.ts';
import { parseCounterName } from '../counters/plan.ts';
import type { CounterName } from '../counters/plan.ts';

/** Answers within so long after one that was asked of the kernel are the same. */
const FRESH_MS = 1000;

export interface ServiceMetrics {
  readonly all: readonly Instrument[];
  /** Asks the kernel, unless it was asked just now; to be awaited before the instruments are read. Never rejects. */
  refresh(): Promise<void>;
}

type Counts = readonly (readonly [CounterName, CounterValue])[];

/**
 * Connections, packets and bytes of each Service port. A Service port has figures from its first connection on. A family whose counters
 * cannot be read keeps those it had.
 */
export function createServiceMetrics(
  tables: Readonly<Partial<Record<IpFamily, Pick<CounterTable, 'read'>>>>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): ServiceMetrics {
  const counts = new Map<string, Counts>();
  let asked: { readonly atMs: number; readonly answer: Promise<void> } | undefined;

  const ask = async (): Promise<void> => {
    for (const [family, table] of Object.entries(tables)) {
      try {
        counts.set(family, namedCounts(await table.read()));
      } catch (err) {
        logger.warn('the counters of Services cannot be read', { family, err });
      }
    }
  };
  const instrument = (
    { name, help }: { readonly name: string; readonly help: string },
    read: (name: CounterName, value: CounterValue) => Labelled | undefined,
  ): Instrument => ({
    name: `portico_service_${name}_total`,
    help,
    type: 'counter',
    *samples() {
      for (const [ip_family, all] of counts) {
        for (const [counter, value] of all) {
          const found = read(counter, value);
          if (found !== undefined) yield sampleOf(counter, { ...found.labels, ip_family }, found.value);
        }
      }
    },
  });
  return {
    all: [
      instrument(
        { name: 'connections', help: 'New connections to a port of a Service that were led to an endpoint' },
        ({ what }, { packets }) => (what === 'connections' ? { value: packets, labels: {} } : undefined),
      ),
      instrument({ name: 'packets', help: 'Packets of connections to a port of a Service' }, (name, value) =>
        eachWay(name, value.packets),
      ),
      instrument(
        { name: 'bytes', help: 'Bytes of the IP packets of connections to a port of a Service' },
        (name, value) => eachWay(name, value.bytes),
      ),
    ],
    refresh: () => {
      const atMs = clock.now();
      // Set back, the time does not tell how old the answer is.
      const isFresh = asked !== undefined && atMs >= asked.atMs && atMs - asked.atMs < FRESH_MS;
      if (asked === undefined || !isFresh) asked = { atMs, answer: ask() };
      return asked.answer;
    },
  };
}

interface Labelled {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

const directions = { 'to-endpoint': 'to_endpoint', 'to-client': 'to_client' } as const;

const eachWay = ({ what }: CounterName, value: number): Labelled | undefined =>
  what === 'connections' ? undefined : { value, labels: { direction: directions[what] } };

const sampleOf = (
  { namespace, name, portName, protocol }: CounterName,
  more: Readonly<Record<string, string>>,
  value: number,
): Sample => ({ suffix: '', labels: { namespace, name, port: portName, protocol, ...more }, value });

function namedCounts(found: ReadonlyMap<string, CounterValue>): Counts {
  return [...found].flatMap(([text, value]) => {
    const name = value.packets === 0 ? undefined : parseCounterName(text);
    return name === undefined ? [] : [[name, value] as const];
  });
}
