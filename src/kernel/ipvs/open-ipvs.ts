import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { withNetns } from '../libc/namespaces.ts';
import { hasCode, SystemError } from '../libc/system-error.ts';
import { openGenericNetlink, resolveFamily } from '../netlink/generic.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import * as codec from './codec.ts';
import { listingPath, parseListing } from './listing.ts';
import { describeIpvsCommand, IpvsError, serverText } from './model.ts';
import type {
  HeldDestination,
  HeldServer,
  Ipvs,
  IpvsCommand,
  IpvsTimeouts,
  VirtualServerKey,
} from './model.ts';

interface Door {
  readonly socket: NetlinkSocket;
  readonly family: number;
}

/** Does something with an open door; `what` is said of its errors. */
type Run = <T>(what: string, work: (door: Door) => T) => T;

/** Handled in one go, some milliseconds at most. Refusals wait in the receive buffer until all are handled. */
const maxMessages = 500;
/** Of the listing, which the kernel hands out page by page. */
const pieceBytes = 65_536;
const pieceMs = 4;

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

async function apply(run: Run, commands: readonly IpvsCommand[]): Promise<void> {
  let failure: IpvsError | undefined;
  for (let at = 0; at < commands.length; at += maxMessages) {
    if (at > 0) await setImmediate();
    const refusal = run('apply', (door) => send(door, commands.slice(at, at + maxMessages)));
    failure ??= refusal;
  }
  if (failure !== undefined) throw failure;
}

/** All servers there are, as `decode` reads them. */
function servers<T>({ socket, family }: Door, decode: (payload: Buffer) => T | undefined): T[] {
  const found: T[] = [];
  socket.dump(codec.serversRequest(family), ({ payload }) => {
    const server = decode(payload);
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

/** The text of a file whose end nobody knows before, with a turn of the event loop every few milliseconds. */
async function readAll(fd: number): Promise<string> {
  const pieces: Buffer[] = [];
  let startedMs = performance.now();
  for (;;) {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const length = readSync(fd, piece);
    if (length === 0) return Buffer.concat(pieces).toString('latin1');
    pieces.push(piece.subarray(0, length));
    if (performance.now() - startedMs < pieceMs) continue;
    await setImmediate();
    startedMs = performance.now();
  }
}

/** Undefined: this machine has no listing. It stays that of the namespace where it was opened, wherever the thread is later. */
function openListing(netnsPath: string | undefined): number | undefined {
  try {
    return withNetns(netnsPath, () => openSync(listingPath, 'r'));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whether the kernel has IPVS by now. Asked by netlink, it would load the module. */
export function hasIpvs(netnsPath?: string): boolean {
  const fd = openListing(netnsPath);
  if (fd !== undefined) closeSync(fd);
  return fd !== undefined;
}

async function destinationsOfAll(netnsPath: string | undefined): Promise<Map<string, HeldDestination[]>> {
  const fd = openListing(netnsPath);
  if (fd === undefined) return new Map();
  try {
    return parseListing(await readAll(fd));
  } finally {
    closeSync(fd);
  }
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
  const run: Run = (what, work) => {
    const door = open();
    try {
      return work(door);
    } catch (error) {
      return fail(what, error);
    }
  };
  const destinationsOf = (key: VirtualServerKey): HeldDestination[] =>
    run(`list destinations of ${serverText(key)}`, (door) => destinations(door, key));
  return {
    apply: (commands) => apply(run, commands),
    servers: async () => {
      const found = run('list virtual servers', (door) => servers(door, codec.decodeServer));
      if (found.length === 0) return [];
      const listed = await destinationsOfAll(options.netnsPath);
      return found.map((server): HeldServer => {
        const held = listed.get(serverText(server.key)) ?? destinationsOf(server.key);
        return { server, destinations: held };
      });
    },
    destinations: async (key) => {
      const found = destinationsOf(key);
      /** A dump about a server that is not there is empty: only the list of servers tells the two apart. */
      const what = `find ${serverText(key)}`;
      if (found.length > 0 || run(what, (door) => isThere(door, key))) return found;
      throw new IpvsError(what, 'ESRCH');
    },
    counts: async () => run('read counts', (door) => servers(door, codec.decodeCounts)),
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
