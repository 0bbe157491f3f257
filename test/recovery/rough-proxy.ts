import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A proxy that treats connections as bad networks do. */
export interface RoughProxy {
  readonly port: number;
  /** Everything that passes is held back for so long from now on. */
  delay(ms: number): void;
  /** From now on the server gets each new connection twice; the answers on the second one go nowhere. */
  duplicate(isOn: boolean): void;
  cut(): void;
  close(): Promise<void>;
}

/** On any free port, or the one given. */
export async function startRoughProxy(target: () => number, port = 0): Promise<RoughProxy> {
  const sockets = new Set<Socket>();
  let delayMs = 0;
  let isDuplicating = false;
  const add = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };
  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      if (delayMs === 0) return void to.write(chunk);
      setTimeout(() => to.write(chunk), delayMs);
    });
    from.on('close', () => to.destroy());
  };
  const server = createServer((client) => {
    add(client);
    const upstream = add(connect(target(), '127.0.0.1'));
    pass(client, upstream);
    pass(upstream, client);
    if (!isDuplicating) return;
    const second = add(connect(target(), '127.0.0.1'));
    second.resume();
    pass(client, second);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    delay: (ms) => {
      delayMs = ms;
    },
    duplicate: (isOn) => {
      isDuplicating = isOn;
    },
    cut,
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
