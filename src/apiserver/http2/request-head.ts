import type { RequestHeaders } from '../http/message.ts';
import type { HeaderField } from './header-decoder.ts';

export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly headers: RequestHeaders;
  /** There were more headers than are taken; those here are some of them, or none. */
  readonly isTooLarge: boolean;
}

/** Names are tokens without capitals (RFC 9113, 8.2.1). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** No NUL, CR or LF. */
const VALUE = /^[^\0\r\n]*$/;
/** Belong to one connection, not to a request (8.2.2). */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const PSEUDO: ReadonlySet<string> = new Set([':method', ':scheme', ':path', ':authority']);

/** The request that the fields make. Undefined when they make none (8.3.1); `host` stands for `:authority`. */
export function requestHead(fields: readonly HeaderField[], isTooLarge: boolean): RequestHead | undefined {
  const headers: Record<string, string> = {};
  const pseudo = new Map<string, string>();
  let isRegular = false;
  for (const [name, value] of fields) {
    if (!VALUE.test(value)) return undefined;
    if (name.startsWith(':')) {
      if (isRegular || !PSEUDO.has(name) || pseudo.has(name)) return undefined;
      pseudo.set(name, value);
      continue;
    }
    isRegular = true;
    if (!NAME.test(name) || OF_CONNECTIONS.has(name)) return undefined;
    if (name === 'te' && value !== 'trailers') return undefined;
    if (name === '__proto__') continue;
    const known = headers[name];
    headers[name] = known === undefined ? value : joined(name, known, value);
  }
  const method = pseudo.get(':method');
  const path = pseudo.get(':path');
  const authority = pseudo.get(':authority');
  // Its target is a host and nothing else (8.5); nobody here serves it, but it is well-formed.
  if (method === 'CONNECT' && authority !== undefined && pseudo.size === 2)
    return { method, path: '/', headers, isTooLarge };
  if (method === undefined || path === undefined || path === '' || !pseudo.has(':scheme')) {
    return isTooLarge ? { method: 'GET', path: '/', headers: {}, isTooLarge } : undefined;
  }
  if (authority !== undefined) headers['host'] ??= authority;
  return { method, path, headers, isTooLarge };
}

/** Of these the first one counts, as in HTTP/1.1 with node; all others are lists. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'content-type',
  'host',
  'user-agent',
]);

function joined(name: string, known: string, value: string): string {
  if (SINGLE.has(name)) return known;
  return name === 'cookie' ? `${known}; ${value}` : `${known}, ${value}`;
}
