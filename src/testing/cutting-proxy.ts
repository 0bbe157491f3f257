import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A TCP proxy between a client and a server on loopback that a test can break in the ways networks break. */
export interface CuttingProxy {
  readonly port: number;
  /** Connections stay open but nothing passes any more, as when a cable is pulled. New connections pass. */
  cutSilently(): void;
  /** Resets every connection. */
  kill(): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(targetPort: number, port = 0): Promise<CuttingProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((inner) => {
    const outer = connect(targetPort, '127.0.0.1');
    const pair = [inner, outer] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [outer, inner] as const]) {
      from.on('error', () => to.destroy());
      from.once('close', () => {
        pairs.delete(pair);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const kill = (): void => {
    for (const [inner, outer] of pairs) {
      // A reset of what is being shut down leaves its handle open for ever (Node 24.21; libuv answers EINVAL).
      if (inner.writableEnded) inner.destroy();
      else inner.resetAndDestroy();
      outer.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    cutSilently: () => {
      for (const [inner, outer] of pairs) {
        inner.unpipe().pause();
        outer.unpipe().pause();
      }
    },
    kill,
    close: () => {
      kill();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
