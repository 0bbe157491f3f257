import { hasCode } from '../libc/system-error.ts';
import { openNetlink } from '../netlink/netlink-socket.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { NETLINK_NETFILTER } from '../netlink/protocol.ts';
import { decodeFlow, deleteRequest, listRequest } from './codec.ts';
import { matchesFlow } from './model.ts';
import type { Conntrack, Flow, FlowFilter } from './model.ts';

function list(socket: NetlinkSocket, filter: FlowFilter): Flow[] {
  /** Flows that move within the kernel's table during a dump may come twice. */
  const flows = new Map<number, Flow>();
  socket.dump(listRequest(filter), ({ payload }) => {
    const flow = decodeFlow(payload);
    if (flow !== undefined && matchesFlow(filter, flow)) flows.set(flow.id, flow);
  });
  return [...flows.values()];
}

function remove(socket: NetlinkSocket, flow: Flow): boolean {
  try {
    socket.request(deleteRequest(flow), 'delete conntrack entry');
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Connection tracking of the namespace at `netnsPath` (default: the calling thread's); the socket is opened at the first call. */
export function openConntrack(options: { readonly netnsPath?: string } = {}): Conntrack {
  let opened: NetlinkSocket | undefined;
  const socket = (): NetlinkSocket => (opened ??= openNetlink({ protocol: NETLINK_NETFILTER, ...options }));
  return {
    list: async (filter) => list(socket(), filter),
    delete: async (flow) => remove(socket(), flow),
    close: () => {
      opened?.close();
      opened = undefined;
    },
  };
}
