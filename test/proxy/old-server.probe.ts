/**
 * `old-server.probe.ts KUBECONFIG PORT`: an API server of Kubernetes 1.20 as far as EndpointSlices go, in front of the one of the kubeconfig. It knows
 * discovery.k8s.io in v1beta1 only, speaks plain HTTP/1.1, prints `ready`, and then each request for slices.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { loadKubeconfig } from '../../src/client/kubeconfig.ts';

const GROUP = '/apis/discovery.k8s.io';
const KNOWN = { groupVersion: 'discovery.k8s.io/v1beta1', version: 'v1beta1' };

const [path = '', port = ''] = process.argv.slice(2);
const { server, ca, cert, key } = await loadKubeconfig(readFileSync(path, 'utf8'));
const agent = new Agent({ ca, cert, key, keepAlive: true });

function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function forward(from: IncomingMessage, to: ServerResponse): void {
  const headers = { ...from.headers, host: new URL(server).host };
  const onward = request(new URL(from.url ?? '/', server), { agent, method: from.method, headers });
  onward.on('response', (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(to);
  });
  onward.on('error', () => to.destroy());
  to.on('close', () => onward.destroy());
  from.pipe(onward);
}

createServer((from, to) => {
  const url = from.url ?? '/';
  if (url.includes('/endpointslices')) console.log(url);
  if (url === GROUP)
    say(to, 200, {
      kind: 'APIGroup',
      apiVersion: 'v1',
      name: 'discovery.k8s.io',
      versions: [KNOWN],
      preferredVersion: KNOWN,
    });
  else if (url.startsWith(`${GROUP}/v1/`))
    say(to, 404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 });
  else forward(from, to);
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
