import type { Agent } from 'node:http';
import https from 'node:https';
import { nodeHttp } from '../base/node-http.ts';
import { plainHeaders, readBody } from './connection.ts';
import type { Connection } from './connection.ts';
import type { TransportRequest, TransportResponse } from './transport.ts';

/** The kernel probes a silent peer after 5 s, ten times a second apart: a dead one shows within 15 s. */
const keepAliveAfterMs = 5_000;

/** A pool of HTTP/1.1 connections; a watch has one for itself. `tls` undefined speaks plain HTTP. */
export function createHttp1Connection(origin: URL, tls: https.AgentOptions | undefined): Connection {
  const agent =
    tls === undefined
      ? new nodeHttp.Agent({ keepAlive: true })
      : new https.Agent({ ...tls, keepAlive: true, ALPNProtocols: ['http/1.1'] });
  let isClosed = false;
  return {
    isUsable: () => !isClosed,
    request: (request) => send(origin, agent, request),
    retire: () => {
      isClosed = true;
      // Connections that nobody uses end; the others are not kept when their answer is whole.
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets)) sockets?.forEach((socket) => socket.destroy());
    },
    close: () => {
      isClosed = true;
      agent.destroy();
    },
  };
}

function send(origin: URL, agent: Agent, request: TransportRequest): Promise<TransportResponse> {
  const { method, path, headers, body, signal } = request;
  const module = origin.protocol === 'http:' ? nodeHttp : https;
  return new Promise((resolve, reject) => {
    const outgoing = module.request({
      agent,
      method,
      path,
      headers: { ...headers },
      hostname: origin.hostname.replace(/^\[|\]$/g, ''),
      port: origin.port === '' ? undefined : Number(origin.port),
      signal,
    });
    outgoing.once('socket', (socket) => {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveAfterMs);
    });
    outgoing.on('error', (cause) =>
      reject(new Error(`${method} ${path}: no answer from the server`, { cause })),
    );
    outgoing.once('response', (response) => {
      resolve({
        status: response.statusCode ?? 0,
        headers: plainHeaders(response.headers),
        body: readBody(response, signal, () => !response.complete),
      });
    });
    outgoing.end(body);
  });
}
