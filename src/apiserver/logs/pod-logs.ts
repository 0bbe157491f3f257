import type { IncomingMessage } from 'node:http';
import { badRequest, internal, serviceUnavailable } from '../../api/errors/api-error.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { hostPort } from '../../net/host-port.ts';
import type { ApiServerConfig } from '../config.ts';
import { agentAddress } from '../connect/agent.ts';
import type { Connect, ReadHandler, RequestScope, StreamResponse } from '../rest/rest.ts';
import { logOptions } from './log-options.ts';
import type { LogOptions } from './log-options.ts';

export interface PodLogsOptions {
  /** Where nodes are looked up. */
  readonly nodes: Pick<ReadHandler<Node>, 'get'>;
  /** How agents are called; absent = every log is 503. */
  readonly kubelet: ApiServerConfig['kubelet'];
}

const LOG_TYPE = 'text/plain';

/** GET pods/NAME/log: asks the agent of the Pod's node and passes on what it sends, as it comes. */
export function createPodLogs({ nodes, kubelet }: PodLogsOptions): Connect<Pod> {
  return async (scope, pod, query): Promise<StreamResponse> => {
    const options = logOptions(query, pod.metadata.name);
    const container = pickContainer(pod, options.container);
    const { nodeName } = pod.spec;
    // A Pod without a node has written nothing yet.
    if (nodeName === undefined || nodeName === '') return { contentType: LOG_TYPE, body: nothing() };
    if (kubelet === undefined)
      throw serviceUnavailable('this API server has no client certificate for node agents');
    const node = await nodes.get({ ...scope, namespace: '' }, nodeName);
    const { host, port } = agentAddress(node);
    const path = ['containerLogs', scope.namespace, pod.metadata.name, container]
      .map(encodeURIComponent)
      .join('/');
    const answer = await callAgent({
      url: `https://${hostPort(host, port)}/${path}?${options.agentQuery.toString()}`,
      kubelet,
      scope,
      isUnverified: options.isUnverified,
    });
    if (answer.statusCode !== 200) throw await agentRefusal(answer, pod, { ...options, container });
    return { contentType: LOG_TYPE, body: answer };
  };
}

/** Throws 400 in upstream's words when the container is not named and not the only one, or is not there. */
export function pickContainer({ metadata, spec }: Pod, wanted: string): string {
  const names = spec.containers.map(({ name }) => name);
  const initNames = (spec.initContainers ?? []).map(({ name }) => name);
  if (wanted !== '') {
    if (![...names, ...initNames].includes(wanted)) {
      throw badRequest(`container ${wanted} is not valid for pod ${metadata.name}`);
    }
    return wanted;
  }
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  const choice = `a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(' ')}]`;
  throw badRequest(
    initNames.length === 0 ? choice : `${choice} or one of the init containers: [${initNames.join(' ')}]`,
  );
}

interface AgentCall {
  readonly url: string;
  readonly kubelet: NonNullable<ApiServerConfig['kubelet']>;
  readonly scope: RequestScope;
  readonly isUnverified: boolean;
}

async function callAgent({ url, kubelet, scope, isUnverified }: AgentCall): Promise<IncomingMessage> {
  const { get } = await import('node:https');
  const { ca, cert, key } = kubelet;
  return new Promise((resolve, reject) => {
    const request = get(
      url,
      { ca, cert, key, signal: scope.signal, rejectUnauthorized: !isUnverified, agent: false },
      resolve,
    );
    request.on('error', (cause) =>
      reject(internal(new Error(`Get ${JSON.stringify(url)}: ${cause.message}`, { cause }))),
    );
  });
}

/** The agent's own words; where it has none, what the Pod's status says about a container that does not run yet. */
async function agentRefusal(
  answer: IncomingMessage,
  pod: Pod,
  { container, isPrevious }: LogOptions,
): Promise<Error> {
  const text = (await readText(answer)).trim();
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const status = statuses.find(({ name }) => name === container);
  const named = `container ${JSON.stringify(container)} in pod ${JSON.stringify(pod.metadata.name)}`;
  if (answer.statusCode === 400 && text !== '') return badRequest(text);
  if (isPrevious) return badRequest(`previous terminated ${named} not found`);
  const isStarted = status?.state?.running !== undefined || status?.state?.terminated !== undefined;
  if (!isStarted) {
    const reason = status?.state?.waiting?.reason ?? 'ContainerCreating';
    return badRequest(`${named} is waiting to start: ${reason}`);
  }
  return internal(text === '' ? `the agent of the node answered ${answer.statusCode}` : text);
}

/** A refusal is short; more than this is not one. */
const REFUSAL_LIMIT = 16 * 1024;

async function readText(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > REFUSAL_LIMIT) break;
  }
  return text;
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // Ends at once.
}
