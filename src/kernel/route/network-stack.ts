import { readFileSync, writeFileSync } from 'node:fs';
import { withNetns } from '../libc/namespaces.ts';
import { openNetlink } from '../netlink/netlink-socket.ts';
import { NETLINK_ROUTE } from '../netlink/protocol.ts';
import * as addresses from './addresses.ts';
import { deleteLink, ensureLink, listLinks } from './links.ts';
import type { NetworkStack } from './model.ts';
import { deleteRoute, ensureRoute, listRoutes } from './routes.ts';

/** Writes a setting below /proc/sys of the calling thread's namespaces unless it has that value; true when it was written. */
export function ensureSysctl(name: string, value: string): boolean {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  if (readFileSync(path, 'utf8').trim() === value) return false;
  writeFileSync(path, value);
  return true;
}

/**
 * The network configuration of the namespace at `netnsPath` (default: where the calling thread is now; it stays with it).
 * Names of devices in sysctls are written with slashes for dots as sysctl(8) has it: `net.ipv4.conf.eth0.rp_filter`.
 */
export function openNetworkStack(netnsPath?: string): NetworkStack {
  const socket = openNetlink({ protocol: NETLINK_ROUTE, ...(netnsPath !== undefined && { netnsPath }) });
  return {
    ensure: (object) => {
      if (!('kind' in object)) return addresses.changeAddresses(socket, 'add', object);
      switch (object.kind) {
        case 'link':
          return ensureLink(socket, object);
        case 'address':
          return addresses.changeAddresses(socket, 'add', [object]);
        case 'route':
          return ensureRoute(socket, object);
        case 'neighbour':
          return addresses.ensureNeighbour(socket, object);
      }
    },
    remove: (object) => {
      if (!('kind' in object)) return addresses.changeAddresses(socket, 'delete', object);
      switch (object.kind) {
        case 'link':
          return deleteLink(socket, object.name);
        case 'address':
          return addresses.changeAddresses(socket, 'delete', [object]);
        case 'route':
          return deleteRoute(socket, object);
        case 'neighbour':
          return addresses.deleteNeighbour(socket, object);
      }
    },
    links: () => listLinks(socket),
    list: (kind) => (kind === 'address' ? addresses.listAddresses(socket) : listRoutes(socket)),
    sysctl: (name, value) => withNetns(netnsPath, () => ensureSysctl(name, value)),
    close: () => socket.close(),
  };
}
