import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { connect, Server, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { HostSocket } from './supervisor-channel.ts';

/** An address (no name) and port on this process's own network. */
export interface RelayTarget {
  readonly host: string;
  readonly port: number;
}

/** A UDP client is forgotten after so long without a packet of its own. */
const UDP_IDLE_MS = 30_000;

/**
 * Passes on what reaches a socket of the host to an address of this process's network, until the socket is closed.
 * The target sees this process's address.
 */
export function relay(socket: HostSocket, target: RelayTarget, clock: Clock): void {
  if (socket instanceof Server) socket.on('connection', (client: Socket) => join(client, target));
  else relayUdp(socket, target, clock);
}

/** Each direction ends on its own; an error on either side ends both. */
function join(client: Socket, target: RelayTarget): void {
  client.allowHalfOpen = true;
  const onward = connect({ ...target, allowHalfOpen: true });
  for (const [socket, other] of [
    [client, onward],
    [onward, client],
  ] as const) {
    socket.once('error', () => other.destroy());
    socket.once('close', () => other.destroy());
    socket.pipe(other);
  }
}

interface Flow {
  readonly onward: UdpSocket;
  lastMs: number;
}

function relayUdp(socket: UdpSocket, target: RelayTarget, clock: Clock): void {
  const flows = new Map<string, Flow>();
  const open = (from: RemoteInfo): Flow => {
    const key = `${from.address} ${from.port}`;
    const onward = createSocket({ type: 'udp4', lookup: (host, _options, found) => found(null, host, 4) });
    const flow: Flow = { onward, lastMs: clock.now() };
    const check = (): void => {
      if (flows.get(key) !== flow) return;
      if (clock.now() - flow.lastMs >= UDP_IDLE_MS) onward.close();
      else clock.after(UDP_IDLE_MS, check);
    };
    onward.on('message', (answer) => socket.send(answer, from.port, from.address));
    onward.on('error', () => onward.close());
    onward.once('close', () => flows.delete(key));
    clock.after(UDP_IDLE_MS, check);
    flows.set(key, flow);
    return flow;
  };
  socket.on('message', (packet, from) => {
    const flow = flows.get(`${from.address} ${from.port}`) ?? open(from);
    flow.lastMs = clock.now();
    flow.onward.send(packet, target.port, target.host);
  });
  socket.once('close', () => {
    for (const { onward } of flows.values()) onward.close();
  });
}
