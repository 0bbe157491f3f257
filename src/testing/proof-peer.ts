/**
 * The two ends of sampled proofs, as a program that lives in a network namespace:
 *   serve NAME PORT …   answers TCP and UDP on the ports with `NAME PORT CLIENT-ADDRESS`, after printing `ready`
 *   probe               reads lists of Probe as JSON lines, makes all of a list at once, and prints their answers as a JSON line
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { createInterface } from 'node:readline';

export interface Probe {
  readonly protocol: 'TCP' | 'UDP';
  readonly host: string;
  readonly port: number;
  readonly source: string;
  readonly timeoutMs: number;
}

const plain = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');

async function serve(name: string, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${name} ${port} ${plain(socket.remoteAddress)}`);
    });
    const udp = dgram.createSocket({ type: 'udp6' });
    udp.on('message', (_, { port: to, address }) =>
      udp.send(`${name} ${port} ${plain(address)}`, to, address),
    );
    await new Promise<void>((resolve) => server.listen(port, '::', resolve));
    await new Promise<void>((resolve) => udp.bind(port, '::', resolve));
  }
  console.log('ready');
}

function probeTcp({ host, port, source, timeoutMs }: Probe): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect({ host, port, localAddress: source });
    const done = (answer: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => done('timeout'), timeoutMs);
    socket.on('data', (data) => (text += String(data)));
    socket.on('end', () => done(text));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
  });
}

function probeUdp({ host, port, source, timeoutMs }: Probe): Promise<string> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const done = (answer: string): void => {
      clearTimeout(timer);
      socket.close(() => resolve(answer));
    };
    const timer = setTimeout(() => done('timeout'), timeoutMs);
    socket.on('message', (data) => done(String(data)));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
    socket.bind(0, source, () => socket.connect(port, host, () => socket.send('hello')));
  });
}

async function probe(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const list = JSON.parse(line) as Probe[];
    const answers = list.map((each) => (each.protocol === 'TCP' ? probeTcp(each) : probeUdp(each)));
    console.log(JSON.stringify(await Promise.all(answers)));
  }
}

if (import.meta.main) {
  const [verb, name = '', ...ports] = process.argv.slice(2);
  if (verb === 'serve') await serve(name, ports.map(Number));
  else await probe();
}
