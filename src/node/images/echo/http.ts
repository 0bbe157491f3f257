/** A request of the few kinds an echo server gets; the body is not kept. */
export interface EchoRequest {
  readonly method: string;
  readonly path: string;
  readonly isKeepAlive: boolean;
}

export type Parsed =
  | { readonly kind: 'request'; readonly request: EchoRequest; readonly nBytes: number }
  | { readonly kind: 'line'; readonly line: string; readonly nBytes: number }
  | { readonly kind: 'more' };

const requestLine = /^([A-Z]+) (\S+) HTTP\/1\.([01])$/;

/**
 * Reads what stands at the start of `text` (latin1: one character per byte): an HTTP/1 request with its body, or any other line.
 * `more` when it is not complete yet. Chunked bodies are taken up to their last chunk.
 */
export function parseInput(text: string): Parsed {
  const lineEnd = text.indexOf('\n');
  if (lineEnd < 0) return { kind: 'more' };
  const line = text.slice(0, lineEnd).replace(/\r$/, '');
  const match = requestLine.exec(line);
  if (match === null) return { kind: 'line', line, nBytes: lineEnd + 1 };
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return { kind: 'more' };
  const headers = text.slice(lineEnd + 1, headEnd + 2).toLowerCase();
  const nBytes = headEnd + 4 + bodyBytes(headers, text.slice(headEnd + 4));
  if (Number.isNaN(nBytes) || nBytes > text.length) return { kind: 'more' };
  const connection = /^connection:\s*(.*?)\s*$/m.exec(headers)?.[1];
  const isKeepAlive = match[3] === '1' ? connection !== 'close' : connection === 'keep-alive';
  return { kind: 'request', request: { method: match[1] ?? '', path: match[2] ?? '/', isKeepAlive }, nBytes };
}

/** How many bytes of `rest` belong to the body; NaN while the end is not in sight. */
function bodyBytes(headers: string, rest: string): number {
  if (/^transfer-encoding:.*chunked/m.test(headers)) {
    const end = rest.startsWith('0\r\n\r\n') ? 0 : rest.indexOf('\r\n0\r\n\r\n');
    return end < 0 ? Number.NaN : rest.startsWith('0\r\n\r\n') ? 5 : end + 7;
  }
  return Number(/^content-length:\s*(\d+)/m.exec(headers)?.[1] ?? 0);
}

const reasons: Readonly<Record<number, string>> = { 200: 'OK', 404: 'Not Found', 503: 'Service Unavailable' };

/** An answer as bytes on the wire. */
export function renderAnswer(
  { method, isKeepAlive }: EchoRequest,
  { status, body }: { readonly status: number; readonly body: string },
): string {
  const head = [
    `HTTP/1.1 ${status} ${reasons[status] ?? ''}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Connection: ${isKeepAlive ? 'keep-alive' : 'close'}`,
  ].join('\r\n');
  return `${head}\r\n\r\n${method === 'HEAD' ? '' : body}`;
}
