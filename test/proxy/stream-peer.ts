/**
 * Two ends of one long connection, and a caller of many short ones, each a program of its own:
 *   serve PORT               echoes what it gets, after printing `ready`
 *   hold HOST PORT           says something every 10 ms and waits for its echo; at the end of its input prints how often, or what went wrong
 *   connect HOST PORT        connects again and again, one connection after the other; at the end of its input prints {n, failures}
 */
import net from 'node:net';

async function echoOnce(socket: net.Socket, text: string): Promise<void> {
  socket.write(text);
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no echo')), 5000);
    const end = (error?: Error): void => {
      clearTimeout(timer);
      socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.once('data', () => end());
    socket.once('error', end);
    socket.once('close', () => end(new Error('closed')));
  });
}

function serve(port: number): void {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(port, '::', () => console.log('ready'));
}

/** Becomes true when nobody writes to the input any more. */
function atEnd(): { isOver: boolean } {
  const state = { isOver: false };
  process.stdin.resume().once('end', () => (state.isOver = true));
  return state;
}

const opened = (host: string, port: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host, port }, () => resolve(socket));
    socket.once('error', reject);
  });

async function hold(host: string, port: number): Promise<void> {
  const state = atEnd();
  const socket = await opened(host, port);
  console.log('ready');
  let n = 0;
  try {
    for (; !state.isOver; n++) {
      await echoOnce(socket, `hello ${n}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    console.log(JSON.stringify({ n, failures: [] }));
  } catch (error) {
    console.log(JSON.stringify({ n, failures: [String(error)] }));
  }
  process.exit();
}

async function connectAgain(host: string, port: number): Promise<void> {
  const state = atEnd();
  const failures: string[] = [];
  let n = 0;
  console.log('ready');
  for (; !state.isOver; n++) {
    try {
      const socket = await opened(host, port);
      await echoOnce(socket, 'hello');
      socket.destroy();
    } catch (error) {
      failures.push(String(error));
    }
  }
  console.log(JSON.stringify({ n, failures }));
  process.exit();
}

const [verb, first = '', second = ''] = process.argv.slice(2);
if (verb === 'serve') serve(Number(first));
else if (verb === 'hold') await hold(first, Number(second));
else await connectAgain(first, Number(second));
