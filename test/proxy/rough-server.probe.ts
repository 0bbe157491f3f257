/**
 * `rough-server.probe.ts KUBECONFIG PORT`: the API server of the kubeconfig, over plain HTTP/1.1, as it is when it is not well. Prints `ready`,
 * then `done` after each Order it reads from its input, a line of JSON each.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { loadKubeconfig } from '../../src/client/kubeconfig.ts';

export type Order =
  /** Every answer, and every event of a watch, comes so much later. */
  | { readonly do: 'lag'; readonly ms: number }
  /** Watches end. */
  | { readonly do: 'end' }
  /** Of the watches that are open nothing but bookmarks comes any more. */
  | { readonly do: 'bookmarks-only' }
  /** The next requests, so many of them, get this status. */
  | { readonly do: 'refuse'; readonly n: number; readonly status: number }
  /** The watches that are open tell this, as a line for each of them whose path has the text. */
  | { readonly do: 'say'; readonly of: string; readonly line: string };

interface Watch {
  readonly path: string;
  readonly say: (line: string) => void;
  readonly end: () => void;
  hasBookmarksOnly: boolean;
}

const [path = '', port = ''] = process.argv.slice(2);
const { server, ca, cert, key } = await loadKubeconfig(readFileSync(path, 'utf8'));
const agent = new Agent({ ca, cert, key, keepAlive: true });
const watches = new Set<Watch>();
let lagMs = 0;
let refusing = { n: 0, status: 200 };

const later = (act: () => void): unknown => (lagMs === 0 ? act() : setTimeout(act, lagMs));

function relayWatch(url: string, from: IncomingMessage, to: ServerResponse): void {
  const watch: Watch = {
    path: url,
    say: (line) => to.write(`${line}\n`),
    end: () => to.end(),
    hasBookmarksOnly: false,
  };
  watches.add(watch);
  to.on('close', () => watches.delete(watch));
  createInterface({ input: from })
    .on('line', (line) =>
      later(() => {
        if (!watch.hasBookmarksOnly || line.includes('"type":"BOOKMARK"')) watch.say(line);
      }),
    )
    .on('error', () => to.destroy())
    .on('close', () => later(() => to.end()));
}

function forward(from: IncomingMessage, to: ServerResponse): void {
  const url = from.url ?? '/';
  const headers = { ...from.headers, host: new URL(server).host };
  const onward = request(new URL(url, server), { agent, method: from.method, headers });
  onward.on('response', (answer) => {
    answer.on('error', () => to.destroy());
    const isWatch = url.includes('watch=true') && answer.statusCode === 200;
    later(() => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      to.flushHeaders();
      if (isWatch) relayWatch(url, answer, to);
      else answer.pipe(to);
    });
  });
  onward.on('error', () => to.destroy());
  to.on('close', () => onward.destroy());
  from.pipe(onward);
}

function obey(order: Order): void {
  if (order.do === 'lag') lagMs = order.ms;
  else if (order.do === 'refuse') refusing = order;
  else
    for (const watch of watches) {
      if (order.do === 'end') watch.end();
      else if (order.do === 'bookmarks-only') watch.hasBookmarksOnly = true;
      else if (watch.path.includes(order.of)) watch.say(order.line);
    }
}

createServer((from, to) => {
  if (refusing.n === 0) return forward(from, to);
  refusing = { ...refusing, n: refusing.n - 1 };
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: refusing.status };
  to.writeHead(refusing.status, { 'content-type': 'application/json' }).end(JSON.stringify(status));
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));

createInterface({ input: process.stdin }).on('line', (line) => {
  obey(JSON.parse(line) as Order);
  console.log('done');
});
