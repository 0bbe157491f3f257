import { hasCode, SystemError } from '../libc/system-error.ts';
import { openGenericNetlink, resolveFamily } from '../netlink/generic.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import * as codec from './codec.ts';
import { describeIpvsCommand, IpvsError, serverText } from './model.ts';
import type {
  HeldDestination,
  Ipvs,
  IpvsCommand,
  IpvsTimeouts,
  VirtualServer,
  VirtualServerKey,
} from './model.ts';

interface Door {
  readonly socket: NetlinkSocket;
  readonly family: number;
}

/** Each message has its acknowledgement in the receive buffer until all are handled, of about a kilobyte as the kernel counts. */
const maxMessages = 100;

function fail(what: string, error: unknown): never {
  if (error instanceof SystemError) throw new IpvsError(what, error.code, { cause: error });
  throw error;
}

/** The first refusal. */
function send({ socket, family }: Door, commands: readonly IpvsCommand[]): IpvsError | undefined {
  const writer = new NetlinkWriter(200 * commands.length);
  for (const command of commands) codec.writeCommand(writer, family, command);
  const [first] = socket.batch(writer.finish()).failures;
  const refused = first && commands[first.index];
  return refused && new IpvsError(describeIpvsCommand(refused), first.code);
}

function apply(door: Door, commands: readonly IpvsCommand[]): void {
  let failure: IpvsError | undefined;
  for (let at = 0; at < commands.length; at += maxMessages) {
    const refusal = send(door, commands.slice(at, at + maxMessages));
    failure ??= refusal;
  }
  if (failure !== undefined) throw failure;
}

function servers({ socket, family }: Door): VirtualServer[] {
  const found: VirtualServer[] = [];
  socket.dump(codec.serversRequest(family), ({ payload }) => {
    const server = codec.decodeServer(payload);
    if (server !== undefined) found.push(server);
  });
  return found;
}

function destinations({ socket, family }: Door, key: VirtualServerKey): HeldDestination[] {
  const found: HeldDestination[] = [];
  socket.dump(codec.destinationsRequest(family, key), ({ payload }) => {
    const destination = codec.decodeDestination(payload, key.family);
    if (destination !== undefined) found.push(destination);
  });
  return found;
}

function ask<T>({ socket }: Door, message: Buffer, decode: (payload: Buffer) => T): T {
  const [answer] = socket.request(message, 'ask ipvs');
  if (answer === undefined) throw new IpvsError('ask', 'ENODATA');
  return decode(answer.payload);
}

/**
 * IPVS of the namespace at `netnsPath` (default: the calling thread's); the socket is opened at the first call. A kernel without
 * IPVS, whose module cannot be loaded either, answers every call with IpvsError ENOENT.
 */
export function openIpvs(options: { readonly netnsPath?: string } = {}): Ipvs {
  let opened: Door | undefined;
  const open = (): Door => {
    if (opened !== undefined) return opened;
    const socket = openGenericNetlink(options);
    try {
      return (opened = { socket, family: resolveFamily(socket, 'IPVS') });
    } catch (error) {
      socket.close();
      return fail('find the kernel’s IPVS', error);
    }
  };
  const run = <T>(what: string, work: (door: Door) => T): T => {
    const door = open();
    try {
      return work(door);
    } catch (error) {
      return fail(what, error);
    }
  };
  return {
    apply: async (commands) => run('apply', (door) => apply(door, commands)),
    servers: async () => run('list virtual servers', servers),
    destinations: async (key) => {
      const what = `list destinations of ${serverText(key)}`;
      const found = run(what, (door) => destinations(door, key));
      /** A dump about a server that is not there is empty: only the list of servers tells the two apart. */
      if (found.length > 0 || run(what, (door) => isThere(door, key))) return found;
      throw new IpvsError(what, 'ESRCH');
    },
    timeouts: async (): Promise<IpvsTimeouts> =>
      run('read timeouts', (door) => ask(door, codec.timeoutsRequest(door.family), codec.decodeTimeouts)),
    version: async () =>
      run('read version', (door) => ask(door, codec.infoRequest(door.family), codec.decodeVersion)),
    close: () => {
      opened?.socket.close();
      opened = undefined;
    },
  };
}

function isThere({ socket, family }: Door, key: VirtualServerKey): boolean {
  try {
    return socket.request(codec.serverRequest(family, key), 'find a virtual server').length > 0;
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    throw error;
  }
}
