import { badRequest, internal } from '../../api/errors/api-error.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { hostPort } from '../../net/host-port.ts';
import { attributesOf, forbiddenError } from '../authorization/authorize.ts';
import type { Authorizer } from '../authorization/authorize.ts';
import type { ApiServerConfig } from '../config.ts';
import { readScope } from '../http/call.ts';
import type { Call } from '../http/call.ts';
import type { HttpResponse } from '../http/message.ts';
import type { Streams } from '../http/streams.ts';
import { pickContainer } from '../logs/pod-logs.ts';
import { isTrue } from '../request-info.ts';
import type { ReadHandler, RequestScope } from '../rest/rest.ts';
import { agentAddress, agentTls } from './agent.ts';
import { callBackend, forwardedHeaders, upgradeResponse } from './backend.ts';

export interface PodStreamsOptions {
  readonly nodes: Pick<ReadHandler<Node>, 'get'>;
  readonly kubelet: ApiServerConfig['kubelet'];
  readonly streams: Streams;
  readonly authorizer: Authorizer;
}

export type PodStream = 'attach' | 'exec' | 'portforward';

/** `?stdin=true&command=ls` as the agent reads it. */
function commandQuery(query: URLSearchParams): URLSearchParams {
  const asked = new URLSearchParams();
  const flags = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' };
  for (const [name, agents] of Object.entries(flags)) if (isTrue(query.get(name))) asked.set(agents, '1');
  for (const word of query.getAll('command')) asked.append('command', word);
  return asked;
}

const pathOf = (...parts: readonly string[]): string => `/${parts.map(encodeURIComponent).join('/')}`;

function containerTarget(door: string, { info, query }: Call, pod: Pod): string {
  const container = pickContainer(pod, query.get('container') ?? '');
  return `${pathOf(door, info.namespace, pod.metadata.name, container)}?${commandQuery(query).toString()}`;
}

/** What follows the agent's address: path and query. */
const targets: Readonly<Record<PodStream, (call: Call, pod: Pod) => string>> = {
  attach: (call, pod) => containerTarget('attach', call, pod),
  exec: (call, pod) => containerTarget('exec', call, pod),
  portforward: ({ info, query }, pod) => {
    const ports = query.getAll('ports').join(',');
    const asked = ports === '' ? '' : `?port=${encodeURIComponent(ports)}`;
    return `${pathOf('portForward', info.namespace, pod.metadata.name)}${asked}`;
  },
};

/** pods/exec, pods/attach and pods/portforward: found, checked, and carried to the agent of the Pod's node, which speaks the protocols. */
export async function connectPod(
  options: PodStreamsOptions,
  call: Call,
  warnings: string[],
): Promise<HttpResponse> {
  const { request, info } = call;
  const { signal, end } = options.streams.open(request.signal);
  try {
    if (call.info.verb === 'get') await mayCreate(options.authorizer, call);
    const scope = { ...readScope(call, warnings), signal };
    const pod = (await call.resource.read.get(scope, info.name)) as Pod;
    const target = targets[info.subresource as PodStream](call, pod);
    const { nodeName } = pod.spec;
    if (nodeName === undefined || nodeName === '') {
      throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
    }
    if (request.isUpgrade !== true) throw badRequest('Upgrade request required');
    return await reachAgent(options, { scope, nodeName, target }, call);
  } catch (error) {
    end();
    throw error;
  }
}

/** Throws 403 unless the caller may create the subresource: a WebSocket can only be opened by GET, but does what POST does. */
async function mayCreate(authorizer: Authorizer, { user, info, query }: Call): Promise<void> {
  const attributes = attributesOf(user, { method: 'POST', info: { ...info, verb: 'create' }, query });
  const decision = await authorizer(attributes);
  if (!decision.isAllowed) throw forbiddenError(attributes, decision.reason);
}

async function reachAgent(
  { nodes, kubelet }: PodStreamsOptions,
  wanted: { readonly scope: RequestScope; readonly nodeName: string; readonly target: string },
  { request }: Call,
): Promise<HttpResponse> {
  const { scope, nodeName, target } = wanted;
  const tls = agentTls(kubelet);
  const { host, port } = agentAddress(await nodes.get({ ...scope, namespace: '' }, nodeName));
  const { signal } = scope;
  const url = `https://${hostPort(host, port)}${target}`;
  const headers = forwardedHeaders(request, true);
  delete headers['content-length'];
  try {
    const answer = await callBackend({ url, method: request.method, headers, tls, signal });
    return upgradeResponse(answer, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof Error) || !('syscall' in error || 'code' in error)) throw error;
    throw internal(new Error(`error dialing backend: ${error.message}`, { cause: error }));
  }
}
