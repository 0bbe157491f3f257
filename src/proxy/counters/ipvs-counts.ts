import { serverText } from '../../kernel/ipvs/model.ts';
import type { CountedServer, IpvsCounts, ServerCounts, VirtualServerKey } from '../../kernel/ipvs/model.ts';
import type { CounterValue } from '../../kernel/nft/model.ts';
import { elementData } from '../../kernel/nft/model.ts';
import type { NftKernel } from '../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../net/ip.ts';
import { layoutOf } from '../modes/ipvs/layout.ts';
import { isOwnMark } from '../modes/ipvs/marks.ts';
import type { ServicePort } from '../state/model.ts';
import type { CounterTable } from './counter-table.ts';
import { counterName } from './plan.ts';
import type { Counted } from './plan.ts';

export interface IpvsCountsOptions {
  readonly family: IpFamily;
  /** What IPVS has counted; [] where this kernel has none. */
  readonly ipvs: IpvsCounts;
  readonly nft: Pick<NftKernel, 'table' | 'elements'>;
}

type Key = Pick<Extract<VirtualServerKey, { kind: 'address' }>, 'protocol' | 'ip' | 'port'>;
const textOf = ({ protocol, ip, port }: Key): string => `${protocol} ${ip} ${port}`;

/** Which Service port a virtual server serves. */
class Owners {
  readonly #addresses = new Map<string, ServicePort>();
  readonly #nodePorts = new Map<string, ServicePort>();
  readonly #marks: ReadonlyMap<number, Key>;

  constructor(ports: Iterable<ServicePort>, marks: ReadonlyMap<number, Key>) {
    this.#marks = marks;
    for (const port of ports) for (const { frontend } of port.frontends) this.#put(port, frontend);
  }

  #put(owner: ServicePort, frontend: ServicePort['frontends'][number]['frontend']): void {
    const { protocol } = owner;
    if (frontend.kind === 'nodePort') {
      this.#nodePorts.set(`${protocol} ${frontend.port}`, owner);
      return;
    }
    for (let { port } = frontend; port <= (frontend.endPort ?? frontend.port); port++)
      this.#addresses.set(textOf({ protocol, ip: frontend.ip, port }), owner);
  }

  of(key: VirtualServerKey): ServicePort | undefined {
    const at = key.kind === 'address' ? key : this.#marks.get(key.mark);
    if (at === undefined) return undefined;
    return this.#addresses.get(textOf(at)) ?? this.#nodePorts.get(`${at.protocol} ${at.port}`);
  }
}

const protocolNames = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP' } as const;

/** One frontend of each mark, which the mode's own table tells. */
async function readMarks({ family, nft }: IpvsCountsOptions): Promise<ReadonlyMap<number, Key>> {
  const { table, sets } = layoutOf(family);
  const marks = new Map<number, Key>();
  if ((await nft.table(table)) === undefined) return marks;
  for (const set of [sets.marks, sets.insideMarks]) {
    for (const { key, data } of await nft.elements(table, set)) {
      const protocol = protocolNames[String(key[1]) as keyof typeof protocolNames];
      marks.set(Number(elementData(data)), { protocol, ip: String(key[0]), port: Number(key[2]) });
    }
  }
  return marks;
}

const nothing: ServerCounts = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };

/** What came since; a server that has less than before was made anew. */
function growth(now: ServerCounts, before: ServerCounts = nothing): ServerCounts {
  const isNew = now.connections < before.connections || now.packetsIn < before.packetsIn;
  const from = isNew ? nothing : before;
  return {
    connections: now.connections - from.connections,
    packetsIn: now.packetsIn - from.packetsIn,
    packetsOut: now.packetsOut - from.packetsOut,
    bytesIn: now.bytesIn - from.bytesIn,
    bytesOut: now.bytesOut - from.bytesOut,
  };
}

const parts: readonly (readonly [Counted, (counts: ServerCounts) => CounterValue])[] = [
  ['connections', ({ connections, bytesIn }) => ({ packets: connections, bytes: bytesIn })],
  ['to-endpoint', ({ packetsIn, bytesIn }) => ({ packets: packetsIn, bytes: bytesIn })],
  ['to-client', ({ packetsOut, bytesOut }) => ({ packets: packetsOut, bytes: bytesOut })],
];

const add = (a: CounterValue | undefined, b: CounterValue): CounterValue => ({
  packets: (a?.packets ?? 0) + b.packets,
  bytes: (a?.bytes ?? 0) + b.bytes,
});

class CountsOfServers {
  readonly #options: IpvsCountsOptions;
  #last = new Map<string, ServerCounts>();
  #totals = new Map<string, CounterValue>();

  constructor(options: IpvsCountsOptions) {
    this.#options = options;
  }

  async read(ports: ReadonlyMap<string, ServicePort>): Promise<ReadonlyMap<string, CounterValue>> {
    const found = (await this.#options.ipvs.counts()).filter((each) => this.#isOurs(each));
    const hasMarks = found.some(({ key }) => key.kind === 'mark');
    const owners = new Owners(ports.values(), hasMarks ? await readMarks(this.#options) : new Map());
    const last = new Map(found.map(({ key, counts }) => [serverText(key), counts]));
    for (const { key, counts } of found) {
      const owner = owners.of(key);
      if (owner === undefined) continue;
      const more = growth(counts, this.#last.get(serverText(key)));
      for (const [what, of] of parts) {
        const name = counterName({ ...owner, what });
        this.#totals.set(name, add(this.#totals.get(name), of(more)));
      }
    }
    this.#last = last;
    const known = new Set(
      [...ports.values()].flatMap((port) => parts.map(([what]) => counterName({ ...port, what }))),
    );
    this.#totals = new Map([...this.#totals].filter(([name]) => known.has(name)));
    return this.#totals;
  }

  #isOurs({ key }: CountedServer): boolean {
    return key.family === this.#options.family && (key.kind === 'address' || isOwnMark(key.mark));
  }
}

/**
 * The table, and what the kernel counts for itself at virtual servers, as sums: connections are counted by either of the two. What
 * a server counted between the last reading and its end is lost; other servers of the same Service port go on.
 */
export function withIpvsCounts(table: CounterTable, options: IpvsCountsOptions): CounterTable {
  const servers = new CountsOfServers(options);
  const ports = new Map<string, ServicePort>();
  return {
    sync: (wanted, changed) => {
      if (changed === undefined) ports.clear();
      for (const id of changed ?? wanted.keys()) {
        const port = wanted.get(id);
        if (port === undefined) ports.delete(id);
        else ports.set(id, port);
      }
      return table.sync(wanted, changed);
    },
    read: async () => {
      const sums = new Map(await table.read());
      for (const [name, value] of await servers.read(ports)) sums.set(name, add(sums.get(name), value));
      return sums;
    },
    remove: () => table.remove(),
  };
}
