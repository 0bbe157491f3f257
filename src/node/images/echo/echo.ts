/*
 * The built-in image `portico/echo`: says who answered and who asked, over HTTP, TCP lines and UDP. It is a program of its own that runs in Pods, so it
 * reads its arguments and environment itself and imports nothing but sockets: dozens of copies run beside each other.
 */
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { parseInput, renderAnswer, type EchoRequest } from './http.ts';

const usage = `usage: echo [--port 9376] [--http-port P] [--udp-port P] [--delay-ready SECONDS] [--fail-ready-file PATH] [--drain SECONDS]`;

function readOptions(args: readonly string[]): Readonly<Record<string, string>> {
  const known = ['port', 'http-port', 'udp-port', 'delay-ready', 'fail-ready-file', 'drain'];
  const options: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const [name = '', inline] = (args[i] ?? '').replace(/^--/, '').split('=', 2);
    const value = inline ?? args[++i];
    if (!known.includes(name) || value === undefined) {
      console.error(usage);
      process.exit(2);
    }
    options[name] = value;
  }
  return options;
}

const options = readOptions(process.argv.slice(2));
const seconds = (name: string, fallback: number): number => Number(options[name] ?? fallback) * 1000;
const port = Number(options['port'] ?? process.env['PORT'] ?? 9376);
const udpPort = Number(options['udp-port'] ?? port);
const httpPort = Number(options['http-port'] ?? port);
/** Given where Pods have no network of their own but an address of the machine's loopback. */
const bindAddress = process.env['POD_IP'];
const name = process.env['HOSTNAME'] ?? hostname();
const pod = process.env['POD_NAMESPACE'] === undefined ? '' : ` in ${process.env['POD_NAMESPACE']}`;
const startedAt = Date.now();
const drainMs = seconds('drain', 2);
const readyAt = startedAt + seconds('delay-ready', 0);
const failFile = options['fail-ready-file'];
let isDraining = false;

const plain = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');
const greeting = (client: string): string => `${name}${pod} answers ${client}`;

function isReady(): boolean {
  return Date.now() >= readyAt && (failFile === undefined || !existsSync(failFile));
}

function answer({ path }: EchoRequest, client: string): { readonly status: number; readonly body: string } {
  const ok = (body: string): { readonly status: number; readonly body: string } => ({ status: 200, body });
  switch (path.split('?', 1)[0]) {
    case '/hostname':
      return ok(name);
    case '/clientip':
      return ok(client);
    case '/healthz':
      return ok('ok');
    case '/readyz':
      return isReady() ? ok('ok') : { status: 503, body: 'not ready' };
    case '/env':
      return ok(
        Object.entries(process.env)
          .map(([key, value]) => `${key}=${value ?? ''}\n`)
          .join(''),
      );
    case '/shutdown':
      setTimeout(() => process.exit(Number(/[?&]code=(\d+)/.exec(path)?.[1] ?? 0)), 20);
      return ok('bye');
    default:
      return ok(`${greeting(client)}\n`);
  }
}

const sockets = new Set<Socket>();

function serve(socket: Socket): void {
  const client = `${plain(socket.remoteAddress)}:${socket.remotePort}`;
  let input = '';
  sockets.add(socket);
  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    input += chunk;
    for (let parsed = parseInput(input); parsed.kind !== 'more'; parsed = parseInput(input)) {
      input = input.slice(parsed.nBytes);
      if (parsed.kind === 'line') {
        socket.write(`${greeting(client)}: ${parsed.line}\n`, 'latin1');
        continue;
      }
      const request = { ...parsed.request, isKeepAlive: parsed.request.isKeepAlive && !isDraining };
      socket.write(renderAnswer(request, answer(request, client)));
      if (!request.isKeepAlive) return void socket.end();
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => sockets.delete(socket));
}

/** A server that has no address is of no use: the container ends and is restarted. */
function fail(error: Error): never {
  console.error(`echo: ${error.message}`);
  process.exit(1);
}

function listen(at: number): Server {
  const server = createServer({ allowHalfOpen: true }, serve).on('error', fail);
  // A client that closes its half has asked all it wanted; what is still to be sent is sent.
  server.on('connection', (socket: Socket) => socket.on('end', () => socket.end()));
  const say = (): void => console.log(`echo: ${name} listens on ${bindAddress ?? '*'}:${at}`);
  return bindAddress === undefined ? server.listen(at, say) : server.listen(at, bindAddress, say);
}

const servers = [...new Set([port, httpPort])].map(listen);
const udp = createSocket({ type: bindAddress === undefined ? 'udp6' : 'udp4' });
udp.on('error', fail);
udp.on('message', (message, from) => {
  const text = message.toString('latin1').replace(/\r?\n$/, '');
  udp.send(
    Buffer.from(`${greeting(`${plain(from.address)}:${from.port}`)}: ${text}\n`, 'latin1'),
    from.port,
    from.address,
  );
});
if (bindAddress === undefined) udp.bind(udpPort);
else udp.bind(udpPort, bindAddress);

/*
 * Asked to stop, it goes on answering: other nodes may not know yet. Connections end after their next answer, so that no request is lost on one that closes
 * by itself; after the drain time the idle ones go.
 */
process.on('SIGTERM', () => {
  if (isDraining) return;
  isDraining = true;
  setTimeout(() => {
    for (const server of servers) server.close();
    udp.close();
    for (const socket of sockets) socket.end();
    setTimeout(() => process.exit(0), 100).unref();
  }, drainMs);
});
process.on('SIGINT', () => process.exit(0));

// Pods often end by SIGKILL, which would leave the next start without the cache (55 ms with it, 350 without).
setTimeout(flushCompileCache, 300).unref();
