import type { RequestHeaders } from '../http/message.ts';

/** Programs in browsers cannot set headers of a WebSocket, so they name their token as one of its protocols. */
const PREFIX = 'base64url.bearer.authorization.k8s.io.';

const protocolsOf = (header: string | undefined): readonly string[] =>
  (header ?? '').split(',').flatMap((text) => (text.trim() === '' ? [] : [text.trim()]));

const isToken = (protocol: string): boolean => protocol.startsWith(PREFIX);

/** Whether a request to open a WebSocket names a token, be it a good one or not. */
export const hasWebSocketToken = (headers: RequestHeaders): boolean =>
  headers['sec-websocket-protocol'] !== undefined &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  /\bupgrade\b/i.test(headers.connection ?? '') &&
  protocolsOf(headers['sec-websocket-protocol']).some(isToken);

/** The token; undefined when there is none, several, none that is text, or no other protocol for the server to choose. */
export function webSocketToken(headers: RequestHeaders): string | undefined {
  if (!hasWebSocketToken(headers)) return undefined;
  const all = protocolsOf(headers['sec-websocket-protocol']);
  const [only, another] = all.filter(isToken);
  if (only === undefined || another !== undefined || all.length < 2) return undefined;
  const encoded = only.slice(PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64url');
  const isWhole = encoded !== '' && bytes.toString('base64url') === encoded;
  return isWhole ? bytes.toString() : undefined;
}

/** The protocols without the token, for what is behind this server; undefined when nothing is left. */
export function withoutWebSocketToken(header: string): string | undefined {
  const rest = protocolsOf(header).filter((protocol) => !isToken(protocol));
  return rest.length === 0 ? undefined : rest.join(', ');
}
