import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { KeyPair } from '../../apiserver/config.ts';

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  readonly serving: KeyPair;
  /** Whether this process leads, for /metrics. */
  readonly isLeading: () => boolean;
  readonly lease: string;
}

/** Answers /healthz, /livez, /readyz and /metrics over TLS. Rejects when it cannot listen. */
export async function serveHealth(options: HealthServerOptions, signal: AbortSignal): Promise<void> {
  const { cert, key } = options.serving;
  const server = createServer({ cert, key }, (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const text = textFor(path, options);
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(text ?? '404 page not found\n');
  });
  await listen(server, options);
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      server.close(() => resolve());
      server.closeAllConnections();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function textFor(path: string | undefined, { isLeading, lease }: HealthServerOptions): string | undefined {
  switch (path) {
    case '/healthz':
    case '/livez':
    case '/readyz':
      return 'ok';
    case '/metrics':
      return `# HELP leader_election_master_status [ALPHA] Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease. Please make sure to group by name.
# TYPE leader_election_master_status gauge
leader_election_master_status{name=${JSON.stringify(lease)}} ${isLeading() ? 1 : 0}
`;
    default:
      return undefined;
  }
}

function listen(server: Server, { host, port }: HealthServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => resolve());
  });
}
