import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Refusal } from '../server/refusal.ts';
import type { Upgrade } from './web-socket.ts';

const HEADER = 'x-stream-protocol-version';

/** The first of the client's protocols that is known; one that names none speaks the oldest. Throws Refusal. */
export function negotiateSpdy(request: IncomingMessage, known: readonly string[]): string {
  if (request.headers.upgrade?.toLowerCase() !== 'spdy/3.1') {
    throw new Refusal(400, `unable to upgrade: ${request.headers.upgrade ?? ''} is not supported`);
  }
  const offered = (request.headersDistinct[HEADER] ?? [])
    .flatMap((line) => line.split(','))
    .map((name) => name.trim());
  if (offered.length === 0) return known.at(-1) ?? '';
  const found = offered.find((name) => known.includes(name));
  if (found === undefined) {
    const [theirs, ours] = [offered.join(' '), known.join(' ')];
    throw new Refusal(
      403,
      `unable to upgrade: unable to negotiate protocol: client supports [${theirs}], server accepts [${ours}]`,
    );
  }
  return found;
}

/** Answers 101; from here on the connection speaks SPDY. */
export function acceptSpdy({ socket, head }: Upgrade, protocol: string): Duplex {
  const lines = ['Connection: Upgrade', 'Upgrade: SPDY/3.1', `X-Stream-Protocol-Version: ${protocol}`];
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return socket;
}
