import type { HttpResponse } from '../http/message.ts';

/** One thing that must hold for the server to be healthy. */
export interface HealthCheck {
  readonly name: string;
  isHealthy(): boolean;
}

const endpoints: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz']);

/**
 * /healthz, /livez and /readyz, each with `?verbose`, `?exclude=NAME` and `/NAME` for a single check; undefined for
 * another path. `ready` counts only for readyz and healthz: a server that starts is alive. 200 or 500, as upstream.
 */
export function healthResponse(
  path: string,
  query: URLSearchParams,
  ready: readonly HealthCheck[],
): HttpResponse | undefined {
  const [, endpoint = '', only, ...rest] = path.split('/');
  if (!endpoints.has(endpoint) || rest.length > 0) return undefined;
  const ping: HealthCheck = { name: 'ping', isHealthy: () => true };
  const all = endpoint === 'livez' ? [ping] : [ping, ...ready];
  const excluded = query.getAll('exclude');
  const checks = all.filter(({ name }) => (only === undefined ? !excluded.includes(name) : name === only));
  if (only !== undefined && checks.length === 0) return undefined;
  const results = checks.map((check) => ({ name: check.name, isHealthy: check.isHealthy() }));
  const isPassed = results.every(({ isHealthy }) => isHealthy);
  const lines = results.map(({ name, isHealthy }) =>
    isHealthy ? `[+]${name} ok` : `[-]${name} failed: reason withheld`,
  );
  const report = `${lines.join('\n')}\n${endpoint} check ${isPassed ? 'passed' : 'failed'}\n`;
  return {
    status: isPassed ? 200 : 500,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: isPassed && !query.has('verbose') ? 'ok' : report,
  };
}
