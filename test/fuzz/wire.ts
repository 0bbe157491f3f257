import assert from 'node:assert/strict';
import { connect, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import type { Status } from '../../src/api/meta/v1/status.ts';
import { spoiledBytes } from './bodies.ts';
import type { Property } from './requests.ts';
import { seeds } from './seeds.ts';

/** Where the server is, and as whom to come: PEM texts. */
export interface WireTarget {
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A server that has nothing to say to what it got may wait for more; so do we, for so long. */
const SILENCE_MS = 60;
/** Whoever asks for something else is answered within this, on a busy machine too. */
const HEALTH_MS = 30_000;

function open(target: WireTarget, protocol: string): Promise<TLSSocket> {
  const socket = connect({
    ...target,
    host: '127.0.0.1',
    servername: 'localhost',
    ALPNProtocols: [protocol],
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

/** Sends the pieces one after the other, then hears what comes until the other end closes, or is silent for so long at first, and less after that. */
async function exchange(
  socket: TLSSocket,
  pieces: readonly Uint8Array[],
  patienceMs = SILENCE_MS * 4,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  let timer = setTimeout(resolve, patienceMs);
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    clearTimeout(timer);
    timer = setTimeout(resolve, patienceMs / 4);
  });
  socket.on('close', () => resolve());
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((next) => setImmediate(next));
  }
  await promise;
  clearTimeout(timer);
  socket.destroy();
  return Buffer.concat(chunks);
}

/** Every answer in what came back over HTTP/1.1: none 5xx, and each refusal with a body a Status. */
function judgeAnswers(bytes: Buffer): void {
  const text = bytes.toString('latin1');
  if (text === '') return;
  assert.match(text, /^HTTP\/1\.1 \d{3} /, 'the answer is HTTP');
  for (const [, code = '', , body = ''] of text.matchAll(
    /HTTP\/1\.1 (\d{3}) ([^]*?)\r\n\r\n(\{[^]*?\}(?=HTTP\/1\.1|$))?/g,
  )) {
    assert.ok(
      Number(code) < 500 || code === '501' || code === '505',
      `the answer is ${code}: ${text.slice(0, 300)}`,
    );
    if (Number(code) < 400 || body === '') continue;
    assert.equal((JSON.parse(body) as Status).code, Number(code));
  }
}

/** The server still answers others, and soon. */
async function assertWell(target: WireTarget): Promise<void> {
  const socket = await open(target, 'http/1.1');
  const request = Buffer.from('GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  const answer = (await exchange(socket, [request], HEALTH_MS)).toString();
  assert.match(answer, /^HTTP\/1\.1 200 OK/);
}

const body = JSON.stringify(seeds[0]?.object);
const http1Requests: readonly string[] = [
  'GET /api/v1/services?limit=2 HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n',
  `POST /api/v1/namespaces/default/services HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  `POST /api/v1/namespaces/default/services HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  'GET /api/v1/services?watch=1&timeoutSeconds=1 HTTP/1.1\r\nhost: x\r\n\r\n',
  'GET /api/v1/namespaces/default/pods/p/exec?command=x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n',
  `GET /version HTTP/1.1\r\nhost: x\r\n${'x-filler: y\r\n'.repeat(1500)}\r\n`,
  'DELETE /api/v1/namespaces/default/services/none HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9999999\r\n\r\n',
];

/** Cuts one message into pieces, as a network may. */
const cut = (bytes: Buffer, at: number): Buffer[] => [
  bytes.subarray(0, at % (bytes.length + 1)),
  bytes.subarray(at % (bytes.length + 1)),
];

const frame = ([type, flags, stream]: readonly [number, number, number], payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = frame([4, 0, 0], Buffer.alloc(0));
/** GET https /version of localhost, in HPACK's static table and literals. */
const HEADERS = Buffer.from([
  0x82,
  0x87,
  0x04,
  0x08,
  ...Buffer.from('/version'),
  0x41,
  0x09,
  ...Buffer.from('localhost'),
]);
/** POST to /api/v1/namespaces/default/services. */
const path = Buffer.from('/api/v1/namespaces/default/services');
const POST = Buffer.from([0x83, 0x87, 0x04, path.length, ...path, 0x41, 0x01, 0x78]);

/** Frames of any type, most of them on streams that were opened; resets of what has just begun. */
const frames = fc.array(
  fc.oneof(
    fc.constantFrom(1, 3, 5, 7, 9).map((id) => frame([1, 5, id], HEADERS)),
    fc.constantFrom(1, 3, 5, 7, 9).map((id) => frame([1, 4, id], POST)),
    fc.constantFrom(1, 3, 5, 7, 9).map((id) => frame([3, 0, id], Buffer.from([0, 0, 0, 8]))),
    fc.tuple(fc.constantFrom(1, 3, 5), fc.nat(1)).map(([id, end]) => frame([0, end, id], Buffer.from(body))),
    fc
      .tuple(fc.nat(12), fc.nat(255), fc.nat(12), fc.uint8Array({ maxLength: 40 }))
      .map(([type, flags, id, payload]) => frame([type, flags, id], payload)),
    fc
      .nat(40)
      .map((n) =>
        Buffer.concat(
          Array.from({ length: n }, (_, i) =>
            Buffer.concat([
              frame([1, 5, 11 + 2 * i], HEADERS),
              frame([3, 0, 11 + 2 * i], Buffer.from([0, 0, 0, 8])),
            ]),
          ),
        ),
      ),
  ),
  { maxLength: 12 },
);

/** What must hold for whatever arrives on a socket. */
export function wireProperties(target: WireTarget): readonly Property[] {
  return [
    {
      sentence: 'bytes that are nearly HTTP/1.1',
      property: fc.asyncProperty(
        fc.tuple(
          fc.constantFrom(...http1Requests).chain((text) => spoiledBytes(Buffer.from(text))),
          fc.constantFrom(...http1Requests),
        ),
        fc.nat(),
        async ([spoiled, next], at) => {
          const socket = await open(target, 'http/1.1');
          judgeAnswers(await exchange(socket, cut(Buffer.concat([spoiled, Buffer.from(next)]), at)));
          await assertWell(target);
        },
      ),
    },
    {
      sentence: 'frames that are nearly HTTP/2',
      property: fc.asyncProperty(
        frames.chain((all) => fc.oneof(fc.constant(Buffer.concat(all)), spoiledBytes(Buffer.concat(all)))),
        fc.nat(),
        async (bytes, at) => {
          const socket = await open(target, 'h2');
          await exchange(socket, cut(Buffer.concat([PREFACE, SETTINGS, bytes]), at));
          await assertWell(target);
        },
      ),
    },
  ];
}
