import type { Server } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { nodeHttp } from '../../base/node-http.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** By path without the query; undefined = 404. */
export type Answers = (path: string) => Answer | undefined | Promise<Answer | undefined>;

const NOT_FOUND: Answer = {
  status: 404,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body: '404 page not found\n',
};

const hasNoFamily = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL');

/** Listens at once; rejects when it cannot. `0.0.0.0` and `::` are both all addresses of both families, as Go has it. */
export async function listen(host: string, port: number, answers: Answers): Promise<Server> {
  if (host !== '0.0.0.0' && host !== '::') return listenAt(host, port, answers);
  try {
    return await listenAt('::', port, answers);
  } catch (error) {
    if (!hasNoFamily(error)) throw error;
    return listenAt('0.0.0.0', port, answers);
  }
}

function listenAt(host: string, port: number, answers: Answers): Promise<Server> {
  const server = nodeHttp.createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    void Promise.resolve(answers(path)).then(
      (found) => {
        const { status, headers, body } = found ?? NOT_FOUND;
        response.writeHead(status, headers).end(body);
      },
      () => response.writeHead(500).end(),
    );
  });
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.removeListener('error', reject);
      server.on('error', () => undefined);
      resolve(server);
    });
  });
}

export function close(server: Server): void {
  server.close();
  server.closeAllConnections();
}

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly answers: Answers;
  readonly clock: Clock;
  /** The address cannot be had; what it throws ends the attempts. Else they go on every five seconds, as upstream's. */
  readonly onRefused: (error: unknown) => void;
}

const RETRY_MS = 5000;

/** Serves until `signal` aborts. */
export async function serve(options: ServeOptions, signal: AbortSignal): Promise<void> {
  const { host, port, answers, clock, onRefused } = options;
  while (!signal.aborted) {
    try {
      const server = await listen(host, port, answers);
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return close(server);
    } catch (error) {
      onRefused(error);
      await clock.sleep(RETRY_MS, signal);
    }
  }
}
