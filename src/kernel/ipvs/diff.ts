import { destinationText } from './model.ts';
import type { HeldDestination, HeldServer, IpvsCommand, VirtualDestination, VirtualServer } from './model.ts';

export interface WantedServer {
  readonly server: VirtualServer;
  readonly destinations: readonly VirtualDestination[];
}

export interface ServerStep {
  readonly commands: readonly IpvsCommand[];
  /** Destinations nobody wants that stay, with weight 0, until they are seen without connections. */
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

const hasConnections = ({ nActive, nInactive }: HeldDestination): boolean => nActive + nInactive > 0;

/** Whether connections go on at a server. */
export const isBusy = (held: HeldServer | undefined): boolean =>
  held?.destinations.some(hasConnections) ?? false;

/**
 * What makes a server and its destinations as wanted. `isGraceful`: unwanted destinations lose their weight, so that nobody comes any
 * more, and go when they are seen again without connections. New destinations come before old ones lose their weight, so that there
 * always is one.
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
  for (const each of left.values()) {
    const destination = { ip: each.ip, port: each.port, weight: 0 };
    if (!isGraceful || (each.weight === 0 && !hasConnections(each))) {
      commands.push({ op: 'delete-destination', key, destination });
      continue;
    }
    draining.push(destination);
    if (each.weight !== 0) commands.push({ op: 'set-destination', key, destination });
  }
  return { commands, draining };
}
