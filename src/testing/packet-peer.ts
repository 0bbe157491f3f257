/**
 * The two ends of packet tests, as a program of its own so that it can live in another network namespace:
 *   serve NAME PORT   answers TCP and UDP on the port with `NAME CLIENT-ADDRESS`, after printing `ready`
 *   call JSON         makes the calls of a PeerCall one after the other and prints the answers as a JSON list
 */
import dgram from 'node:dgram';
import net from 'node:net';

export interface PeerCall {
  readonly protocol: 'TCP' | 'UDP';
  readonly host: string;
  readonly port: number;
  /** How many calls; default 1. */
  readonly n?: number;
  /** Every call comes from this port (UDP). */
  readonly sourcePort?: number;
  /** Who expects an answer leaves it out: a busy machine may need long. */
  readonly timeoutMs?: number;
}

const PATIENCE_MS = 20_000;

const plain = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');

function serve(name: string, port: number): void {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${name} ${plain(socket.remoteAddress)}`);
  });
  const udp = dgram.createSocket({ type: 'udp6' });
  udp.on('message', (_, from) => udp.send(`${name} ${plain(from.address)}`, from.port, from.address));
  server.listen(port, '::', () => udp.bind(port, '::', () => console.log('ready')));
}

function callTcp({ host, port, timeoutMs = PATIENCE_MS }: PeerCall): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect({ host, port });
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
    socket.bind(sourcePort, () => socket.connect(port, host, () => socket.send('hello')));
  });
}

async function call(what: PeerCall): Promise<void> {
  const answers: string[] = [];
  for (let i = 0; i < (what.n ?? 1); i++) {
    answers.push(await (what.protocol === 'TCP' ? callTcp(what) : callUdp(what)));
  }
  console.log(JSON.stringify(answers));
}

if (import.meta.main) {
  const [verb, first = '', second = ''] = process.argv.slice(2);
  if (verb === 'serve') serve(first, Number(second));
  else await call(JSON.parse(first) as PeerCall);
}
