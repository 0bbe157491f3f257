import { connect } from 'node:net';
import type { Container } from '../../api/core/v1/container.ts';
import type { HTTPGetAction, Probe } from '../../api/core/v1/probe.ts';
import { nodeHttp } from '../../base/node-http.ts';
import type { ExecResult } from '../runtime/model.ts';
import type { Prober, ProbeResult } from './model.ts';

export interface ProbeTarget {
  readonly podIP: string;
  readonly container: Container;
  /** Runs a command in the container. */
  readonly exec: (argv: readonly string[], timeoutMs: number) => Promise<ExecResult>;
}

const failure = (message: string): ProbeResult => ({ isSuccess: false, message });
const success: ProbeResult = { isSuccess: true, message: '' };

/** A port by number or by the name the container gives it; undefined when there is none of that name. */
export function resolvePort(port: number | string, container: Container): number | undefined {
  const number = Number(port);
  if (Number.isInteger(number) && number > 0) return number;
  return container.ports?.find(({ name }) => name === port)?.containerPort;
}

/** Makes single tries of a container's probes, from the node, as upstream's pkg/probe. */
export function createProber(target: ProbeTarget): Prober {
  return async (probe) => {
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    if (probe.exec !== undefined) return probeExec(target, probe.exec.command ?? [], timeoutMs);
    if (probe.httpGet !== undefined) return probeHttp(target, probe.httpGet, timeoutMs);
    if (probe.tcpSocket !== undefined) return probeTcp(target, probe.tcpSocket, timeoutMs);
    return failure(unsupported(probe));
  };
}

const unsupported = (probe: Probe): string =>
  probe.grpc === undefined ? 'missing probe handler' : 'gRPC probes are not supported by this node';

async function probeExec(
  target: ProbeTarget,
  command: readonly string[],
  timeoutMs: number,
): Promise<ProbeResult> {
  const { exitCode, output } = await target.exec(command, timeoutMs);
  if (exitCode === 0) return success;
  if (exitCode === -1) return failure(`command "${command.join(' ')}" timed out`);
  return failure(
    output.trim() === '' ? `command "${command.join(' ')}" exited with ${exitCode}` : output.trim(),
  );
}

function probeTcp(
  { podIP, container }: ProbeTarget,
  { port, host }: NonNullable<Probe['tcpSocket']>,
  timeoutMs: number,
): Promise<ProbeResult> {
  const number = resolvePort(port, container);
  if (number === undefined) return Promise.resolve(failure(`couldn't find port: ${String(port)}`));
  return new Promise((resolve) => {
    const socket = connect({ host: host ?? podIP, port: number });
    const end = (result: ProbeResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () => end(failure(`dial tcp ${podIP}:${number}: i/o timeout`)));
    socket.once('connect', () => end(success));
    socket.once('error', (error) => end(failure(`dial tcp ${podIP}:${number}: ${error.message}`)));
  });
}

/** Sent unless the probe says otherwise. */
const userAgent = 'kube-probe/1.34';

async function probeHttp(
  target: ProbeTarget,
  action: HTTPGetAction,
  timeoutMs: number,
): Promise<ProbeResult> {
  const port = resolvePort(action.port, target.container);
  if (port === undefined) return failure(`couldn't find port: ${action.port}`);
  const host = action.host ?? target.podIP;
  const given = Object.fromEntries((action.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  const headers = { 'User-Agent': userAgent, Accept: '*/*', Connection: 'close', ...given };
  const isTls = action.scheme?.toUpperCase() === 'HTTPS';
  const url = `${isTls ? 'https' : 'http'}://${host}:${port}${action.path ?? '/'}`;
  const { request } = isTls ? await import('node:https') : nodeHttp;
  return new Promise((resolve) => {
    const options = { headers, agent: false, rejectUnauthorized: false } as const;
    const req = request(url, options, (response) => {
      const status = response.statusCode ?? 0;
      // As upstream: redirects count as success, their target is not followed to another host.
      resolve(
        status >= 200 && status < 400 ? success : failure(`HTTP probe failed with statuscode: ${status}`),
      );
      req.destroy();
    });
    const timer = setTimeout(() => {
      resolve(failure(`Get "${url}": context deadline exceeded`));
      req.destroy();
    }, timeoutMs);
    req.on('error', (error) => resolve(failure(`Get "${url}": ${error.message}`)));
    req.on('close', () => clearTimeout(timer));
    req.end();
  });
}
