// The built-in image `portico/client`: calls URLs, in turn, until each has been answered by so many different bodies.
import { nodeHttp } from '../../../base/node-http.ts';

export interface ClientOptions {
  /** Different answers wanted from each URL. */
  readonly until: number;
  /** Calls of one URL before it gives up. */
  readonly attempts: number;
  readonly timeoutMs: number;
  readonly urls: readonly string[];
}

const USAGE = 'usage: portico/client [--until N] [--attempts N] [--timeout-ms MS] URL...';

/** Reads the container's arguments; throws an Error with the usage when they are wrong. */
export function parseClientArguments(args: readonly string[]): ClientOptions {
  const numbers: Record<string, number> = { until: 1, attempts: 200, 'timeout-ms': 5000 };
  const urls: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('--')) {
      urls.push(arg);
      continue;
    }
    const [name = '', value = args[++i] ?? ''] = arg.slice(2).split('=');
    if (numbers[name] === undefined || !/^[1-9]\d*$/.test(value))
      throw new Error(`${arg} ${value}: ${USAGE}`);
    numbers[name] = Number(value);
  }
  if (urls.length === 0) throw new Error(USAGE);
  return {
    until: numbers['until'] ?? 1,
    attempts: numbers['attempts'] ?? 200,
    timeoutMs: numbers['timeout-ms'] ?? 5000,
    urls,
  };
}

/** One GET on a connection of its own; rejects on an error, a time-out or a status of 400 and above. */
export function fetchText(url: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = nodeHttp.request(url, { agent: false, timeout: timeoutMs, family: 4 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => {
        if ((response.statusCode ?? 500) < 400) resolve(text.trim());
        else reject(new Error(`status ${response.statusCode}: ${text.trim()}`));
      });
    });
    call.once('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.once('error', reject);
    call.end();
  });
}

/**
 * Calls one URL until `until` different answers were seen, telling `say` of each new one. Resolves to whether it saw
 * them all.
 */
export async function callUntil(
  url: string,
  options: ClientOptions,
  say: (line: string) => void,
): Promise<boolean> {
  const seen = new Set<string>();
  for (let n = 1; n <= options.attempts; n++) {
    try {
      const answer = await fetchText(url, options.timeoutMs);
      if (!seen.has(answer)) say(`${url} answered by ${answer}`);
      seen.add(answer);
    } catch (error) {
      say(`${url} failed: ${error instanceof Error ? error.message : String(error)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (seen.size >= options.until) return true;
  }
  say(`${url}: ${seen.size} of ${options.until} answers after ${options.attempts} calls`);
  return false;
}
