/**
 * The two ends of packet tests, as a program of its own so that it can live in another network namespace:
 *   serve NAME PORT …   answers TCP and UDP on the ports with `NAME CLIENT-ADDRESS`, after printing `ready`
 *   call JSON           makes the calls of a PeerCall one after the other and prints the answers as a JSON list
 *   phone               does so for each line of its input, `{ id, call }`, all at once, and prints `{ id, answers }`
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { createInterface } from 'node:readline';

export interface PeerCall {
  readonly protocol: 'TCP' | 'UDP';
  readonly host: string;
  readonly port: number;
  /** How many calls; default 1. */
  readonly n?: number;
  /** Every call comes from this port; of TCP one that no connection has left in use. */
  readonly sourcePort?: number;
  /** Who expects an answer leaves it out: a busy machine may need long. */
  readonly timeoutMs?: number;
}

const PATIENCE_MS = 20_000;

const plain = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');

async function serve(name: string, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${name} ${plain(socket.remoteAddress)}`);
    });
    const udp = dgram.createSocket({ type: 'udp6' });
    udp.on('message', (_, from) => udp.send(`${name} ${plain(from.address)}`, from.port, from.address));
    await new Promise<void>((resolve) => server.listen(port, '::', resolve));
    await new Promise<void>((resolve) => udp.bind(port, '::', resolve));
  }
  console.log('ready');
}

function callTcp({ host, port, sourcePort = 0, timeoutMs = PATIENCE_MS }: PeerCall): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect({ host, port, localPort: sourcePort });
    const timer = setTimeout(() => done('timeout'), timeoutMs);
    const done = (answer: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (data) => (text += String(data)));
    socket.on('end', () => done(text));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
  });
}

function callUdp({ host, port, sourcePort = 0, timeoutMs = PATIENCE_MS }: PeerCall): Promise<string> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const timer = setTimeout(() => done('timeout'), timeoutMs);
    const done = (answer: string): void => {
      clearTimeout(timer);
      socket.close(() => resolve(answer));
    };
    socket.on('message', (data) => done(String(data)));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
    // Without a callback a failure to connect is an error of the socket.
    socket.on('connect', () => socket.send('hello'));
    socket.bind(sourcePort, () => socket.connect(port, host));
  });
}

async function call(what: PeerCall): Promise<string[]> {
  const answers: string[] = [];
  for (let i = 0; i < (what.n ?? 1); i++) {
    answers.push(await (what.protocol === 'TCP' ? callTcp(what) : callUdp(what)));
  }
  return answers;
}

export interface PhoneLine {
  readonly id: number;
  readonly call: PeerCall;
}

export interface PhoneAnswer {
  readonly id: number;
  readonly answers: string[];
}

function phone(): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, call: what } = JSON.parse(line) as PhoneLine;
    void call(what).then((answers) => console.log(JSON.stringify({ id, answers } satisfies PhoneAnswer)));
  });
}

if (import.meta.main) {
  const [verb, first = '', ...ports] = process.argv.slice(2);
  if (verb === 'serve') await serve(first, ports.map(Number));
  else if (verb === 'phone') phone();
  else console.log(JSON.stringify(await call(JSON.parse(first) as PeerCall)));
}
