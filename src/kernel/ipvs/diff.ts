import { destinationText } from './model.ts';
import type { HeldDestination, IpvsCommand, VirtualDestination, VirtualServer } from './model.ts';

export interface WantedServer {
  readonly server: VirtualServer;
  readonly destinations: readonly VirtualDestination[];
}

export interface HeldServer {
  readonly server: VirtualServer;
  readonly destinations: readonly HeldDestination[];
}

export interface ServerStep {
  readonly commands: readonly IpvsCommand[];
  /** Destinations nobody wants that stay, with weight 0, until their connections have ended. */
  readonly draining: readonly VirtualDestination[];
}

/** Whether two servers of one key are the same in everything else. */
export function isSameServer(a: VirtualServer, b: VirtualServer): boolean {
  return (
    a.scheduler === b.scheduler &&
    a.persistenceSeconds === b.persistenceSeconds &&
    (a.flags?.hasFallback ?? false) === (b.flags?.hasFallback ?? false) &&
    (a.flags?.hashesPort ?? false) === (b.flags?.hashesPort ?? false)
  );
}

const isIdle = ({ nActive, nInactive }: HeldDestination): boolean => nActive + nInactive === 0;

/**
 * What makes a server and its destinations as wanted; `isGraceful` keeps destinations with connections until these have ended.
 * New destinations come before old ones lose their weight, so that there always is one.
 */
export function diffServer(
  wanted: WantedServer,
  held: HeldServer | undefined,
  { isGraceful }: { readonly isGraceful: boolean },
): ServerStep {
  const { server, destinations } = wanted;
  const { key } = server;
  if (held === undefined) {
    const adds = destinations.map((destination) => ({ op: 'add-destination', key, destination }) as const);
    return { commands: [{ op: 'add-server', server }, ...adds], draining: [] };
  }
  const commands: IpvsCommand[] = isSameServer(server, held.server) ? [] : [{ op: 'set-server', server }];
  const left = new Map(held.destinations.map((each) => [destinationText(each), each]));
  for (const destination of destinations) {
    const name = destinationText(destination);
    const found = left.get(name);
    left.delete(name);
    if (found === undefined) commands.push({ op: 'add-destination', key, destination });
    else if (found.weight !== destination.weight) commands.push({ op: 'set-destination', key, destination });
  }
  const draining: VirtualDestination[] = [];
  for (const { ip, port, weight, ...counts } of left.values()) {
    const destination = { ip, port, weight: 0 };
    if (!isGraceful || isIdle({ ...destination, ...counts })) {
      commands.push({ op: 'delete-destination', key, destination });
      continue;
    }
    draining.push(destination);
    if (weight !== 0) commands.push({ op: 'set-destination', key, destination });
  }
  return { commands, draining };
}
