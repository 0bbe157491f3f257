import type { HttpResponse } from '../http/message.ts';

/** One thing that must hold for the server to be healthy. */
export interface HealthCheck {
  /** Stands in paths: `/livez/NAME`. */
  readonly name: string;
  /** Why it does not hold; undefined when it does. */
  readonly failure: () => string | undefined | Promise<string | undefined>;
}

/** Which checks count for which path. */
export interface HealthChecks {
  /** Whether this process works: for all three paths. */
  readonly live: readonly HealthCheck[];
  /** Whether it may be sent requests: for readyz. */
  readonly ready: readonly HealthCheck[];
}

const ping: HealthCheck = { name: 'ping', failure: () => undefined };

const text = (status: number, body: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body,
});

/**
 * /healthz, /livez and /readyz, each with `?verbose`, `?exclude=NAME` and `/NAME` for a single check; undefined for
 * another path. 200 or 500, and texts, as upstream (apiserver/pkg/server/healthz).
 */
export async function healthResponse(
  path: string,
  query: URLSearchParams,
  checks: HealthChecks,
): Promise<HttpResponse | undefined> {
  const [, endpoint = '', ...rest] = path.split('/');
  const byEndpoint: Readonly<Record<string, readonly HealthCheck[]>> = {
    healthz: [ping, ...checks.live],
    livez: [ping, ...checks.live],
    readyz: [ping, ...checks.live, ...checks.ready],
  };
  const all = Object.hasOwn(byEndpoint, endpoint) ? byEndpoint[endpoint] : undefined;
  if (all === undefined) return undefined;
  if (rest.length === 0) return overall(endpoint, query, all);
  // Names have slashes of their own, such as poststarthook/bootstrap-controller.
  const only = all.find(({ name }) => name === rest.join('/'));
  if (only === undefined) return undefined;
  const failure = await only.failure();
  return failure === undefined ? text(200, 'ok') : text(500, `internal server error: ${failure}\n`);
}

async function overall(
  endpoint: string,
  query: URLSearchParams,
  checks: readonly HealthCheck[],
): Promise<HttpResponse> {
  const excluded = new Set(query.getAll('exclude'));
  let isPassed = true;
  const lines: string[] = [];
  for (const { name, failure } of checks) {
    if (excluded.delete(name)) {
      lines.push(`[+]${name} excluded: ok`);
    } else if ((await failure()) === undefined) {
      lines.push(`[+]${name} ok`);
    } else {
      // Anybody may read this; what exactly is wrong is for those who may ask for the check itself.
      lines.push(`[-]${name} failed: reason withheld`);
      isPassed = false;
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].sort().map((name) => JSON.stringify(name));
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(',')}`);
  }
  if (isPassed && !query.has('verbose')) return text(200, 'ok');
  return text(
    isPassed ? 200 : 500,
    `${lines.join('\n')}\n${endpoint} check ${isPassed ? 'passed' : 'failed'}\n`,
  );
}
