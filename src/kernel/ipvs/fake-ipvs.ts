import { describeIpvsCommand, destinationText, IpvsError, schedulers, serverText } from './model.ts';
import type {
  HeldDestination,
  Ipvs,
  IpvsCommand,
  IpvsTimeouts,
  ServerCounts,
  VirtualDestination,
  VirtualProtocol,
  VirtualServer,
  VirtualServerKey,
} from './model.ts';
import { candidates } from './schedule.ts';
import type { Candidate } from './schedule.ts';

/** A first packet as IPVS sees it. */
export interface IpvsPacket {
  readonly family: VirtualServerKey['family'];
  readonly protocol: VirtualProtocol;
  readonly source: string;
  readonly ip: string;
  readonly port: number;
  /** 0 = none. */
  readonly mark: number;
}

export interface FakeServer {
  server: VirtualServer;
  readonly destinations: Map<string, HeldDestination>;
  /** Where clients went, by address. */
  readonly remembered: Map<string, string>;
  counts: ServerCounts;
}

export interface FakeIpvs extends Ipvs {
  /** By serverText. */
  readonly held: Map<string, FakeServer>;
  /** All commands that were done. */
  readonly applied: IpvsCommand[];
  /** The server a packet meets; undefined = it passes by. */
  meet(packet: IpvsPacket): FakeServer | undefined;
  /** Where the packet may go, with the port it then has; undefined when no server is met, empty when it is refused. */
  ways(packet: IpvsPacket): Candidate<VirtualDestination>[] | undefined;
  /** The client is sent to a destination, and remembered there when the server is persistent. */
  remember(packet: IpvsPacket, to: Pick<VirtualDestination, 'ip' | 'port'>): void;
  /** Gives a destination connections, as if clients had come. */
  setConnections(
    key: VirtualServerKey,
    to: Pick<VirtualDestination, 'ip' | 'port'>,
    counts: Partial<Pick<HeldDestination, 'nActive' | 'nInactive'>>,
  ): void;
  /** Says what was counted at a server, as if clients had come. */
  setCounts(key: VirtualServerKey, counts: Partial<ServerCounts>): void;
}

const noCounts: ServerCounts = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };
const knownSchedulers: ReadonlySet<string> = new Set(schedulers);

/** Clients go back to where they were: by memory, or by a hash of their address. */
const isSticky = ({ persistenceSeconds, scheduler, flags }: VirtualServer): boolean =>
  persistenceSeconds > 0 || (['sh', 'mh'].includes(scheduler) && flags?.hashesPort !== true);

class Interpreter {
  readonly held = new Map<string, FakeServer>();
  readonly applied: IpvsCommand[] = [];
  times: IpvsTimeouts = { tcpSeconds: 900, tcpFinSeconds: 120, udpSeconds: 300 };

  run(command: IpvsCommand): IpvsError | undefined {
    const code = this.#refusal(command);
    if (code !== undefined) return new IpvsError(describeIpvsCommand(command), code);
    this.#do(command);
    this.applied.push(command);
    return undefined;
  }

  /** What the kernel says before it does anything; undefined = it does. */
  #refusal(command: IpvsCommand): string | undefined {
    if (command.op === 'set-timeouts' || command.op === 'flush') return undefined;
    const key = 'server' in command ? command.server.key : command.key;
    const found = this.held.get(serverText(key));
    if (command.op === 'add-server' && found !== undefined) return 'EEXIST';
    if (command.op !== 'add-server' && found === undefined) return 'ESRCH';
    if ('server' in command) return knownSchedulers.has(command.server.scheduler) ? undefined : 'ENOENT';
    if (command.op === 'delete-server') return undefined;
    const isThere = found?.destinations.has(destinationText(command.destination)) ?? false;
    if (command.op === 'add-destination') return isThere ? 'EEXIST' : undefined;
    return isThere ? undefined : 'ENOENT';
  }

  #do(command: IpvsCommand): void {
    switch (command.op) {
      case 'add-server': {
        const { server } = command;
        this.held.set(serverText(server.key), {
          server,
          destinations: new Map(),
          remembered: new Map(),
          counts: noCounts,
        });
        return;
      }
      case 'set-server': {
        const found = this.held.get(serverText(command.server.key));
        if (found !== undefined) found.server = command.server;
        return;
      }
      case 'delete-server':
        return void this.held.delete(serverText(command.key));
      case 'set-timeouts':
        return this.#setTimeouts(command.timeouts);
      case 'flush':
        return this.held.clear();
      default: {
        const into = this.held.get(serverText(command.key))?.destinations;
        const name = destinationText(command.destination);
        const { nActive = 0, nInactive = 0 } = into?.get(name) ?? {};
        if (command.op === 'delete-destination') into?.delete(name);
        else into?.set(name, { ...command.destination, nActive, nInactive });
      }
    }
  }

  #setTimeouts({ tcpSeconds, tcpFinSeconds, udpSeconds }: IpvsTimeouts): void {
    this.times = {
      tcpSeconds: tcpSeconds || this.times.tcpSeconds,
      tcpFinSeconds: tcpFinSeconds || this.times.tcpFinSeconds,
      udpSeconds: udpSeconds || this.times.udpSeconds,
    };
  }

  meet({ family, protocol, ip, port, mark }: IpvsPacket): FakeServer | undefined {
    const marked = mark === 0 ? undefined : this.held.get(serverText({ kind: 'mark', family, mark }));
    return marked ?? this.held.get(serverText({ kind: 'address', family, protocol, ip, port }));
  }

  ways(packet: IpvsPacket): Candidate<VirtualDestination>[] | undefined {
    const met = this.meet(packet);
    if (met === undefined) return undefined;
    const known = met.destinations.get(met.remembered.get(packet.source) ?? '');
    const isKept = isSticky(met.server) && known !== undefined && known.weight > 0;
    const among = isKept ? [known] : met.destinations.values();
    /** The kernel translates no port for remembered clients behind a mark (ip_vs_sched_persist). */
    const keepsPort = met.server.key.kind === 'mark' && met.server.persistenceSeconds > 0;
    return candidates(met.server, among).map(({ destination, share }) => ({
      share,
      destination: {
        ...destination,
        port: keepsPort || destination.port === 0 ? packet.port : destination.port,
      },
    }));
  }
}

/** IPVS in memory: interprets commands with the kernel's errors, and tells where packets may go. */
export function createFakeIpvs(): FakeIpvs {
  const fake = new Interpreter();
  return {
    held: fake.held,
    applied: fake.applied,
    meet: (packet) => fake.meet(packet),
    ways: (packet) => fake.ways(packet),
    remember: (packet, to) => {
      const met = fake.meet(packet);
      if (met === undefined || !isSticky(met.server)) return;
      const port = met.destinations.has(destinationText(to)) ? to.port : 0;
      met.remembered.set(packet.source, destinationText({ ...to, port }));
    },
    setConnections: (key, to, counts) => {
      const into = fake.held.get(serverText(key))?.destinations;
      const found = into?.get(destinationText(to));
      if (found !== undefined) into?.set(destinationText(to), { ...found, ...counts });
    },
    setCounts: (key, counts) => {
      const found = fake.held.get(serverText(key));
      if (found !== undefined) found.counts = { ...found.counts, ...counts };
    },
    counts: async () => [...fake.held.values()].map(({ server: { key }, counts }) => ({ key, counts })),
    apply: async (commands) => {
      const [failure] = commands.flatMap((command) => fake.run(command) ?? []);
      if (failure !== undefined) throw failure;
    },
    servers: async () =>
      [...fake.held.values()].map(({ server, destinations }) => ({
        server,
        destinations: [...destinations.values()],
      })),
    destinations: async (key) => {
      const found = fake.held.get(serverText(key));
      if (found === undefined) throw new IpvsError(`list destinations of ${serverText(key)}`, 'ESRCH');
      return [...found.destinations.values()];
    },
    timeouts: async () => fake.times,
    version: async () => '1.2.1',
    close: () => undefined,
  };
}
