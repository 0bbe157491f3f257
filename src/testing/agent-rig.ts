import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Container } from '../api/core/v1/container.ts';
import { pods, type Pod } from '../api/core/v1/pod.ts';
import { isNotFound } from '../api/errors/api-error.ts';
import { realClock } from '../base/clock.ts';
import { memoryLogger, type LogLine } from '../base/logger.ts';
import { enterNetns } from '../kernel/netns/named-netns.ts';
import { createNodeAgent } from '../node/agent.ts';
import type { NodeConfig } from '../node/config.ts';
import { ensureNodeNetwork, nodeNetnsPath } from '../node/network/node-network.ts';
import type { PodRecord } from '../node/pods/model.ts';
import { startInProcessApi, type InProcessApi } from './in-process-api.ts';
import { sandboxFolder } from './sandbox.ts';

/** A real API server and real agents of one node in this process. */
export interface AgentRig {
  readonly api: InProcessApi;
  readonly config: NodeConfig;
  /** An empty folder. */
  readonly root: string;
  /** Starts an agent and waits until it follows its Pods; `stop` leaves the Pods running. */
  startAgent(): Promise<{ stop(): Promise<void> }>;
  createPod(name: string, containers: readonly Container[], spec?: Partial<Pod['spec']>): Promise<Pod>;
  stop(): Promise<void>;
}

/** Waits for `probe` to give something; at most a minute, on a busy machine. */
export async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; await realClock.sleep(10)) {
    const found = await probe().catch(() => undefined);
    if (found !== undefined) return found;
  }
  throw new Error('gave up waiting');
}

/** The node's folders on a tmpfs, its network namespace entered: for a test file that called `inSandbox`. */
export function enterSandboxNode(): { readonly root: string; readonly config: NodeConfig } {
  const root = sandboxFolder('portico-agent-');
  const config = nodeConfig(root, { network: 'sandbox' });
  const netnsPath = nodeNetnsPath(config.netnsDir, config.nodeName);
  const { nodeIP, podCIDR } = config;
  ensureNodeNetwork({ fabricAddress: '172.18.0.1/16', nodeIP, podCIDR, netnsPath });
  enterNetns(netnsPath);
  return { root, config };
}

export const nodeConfig = (
  root: string,
  more: Partial<NodeConfig> & Pick<NodeConfig, 'network'>,
): NodeConfig => ({
  nodeName: 'node-1',
  nodeIP: '172.18.0.2',
  podCIDR: '10.244.0.0/24',
  stateDir: join(root, 'state'),
  netnsDir: join(root, 'netns'),
  clusterDNS: '10.96.0.10',
  clusterDomain: 'cluster.local',
  kubeletPort: 0,
  ...more,
});

export interface RigOptions {
  readonly root: string;
  readonly config: NodeConfig;
  readonly lines?: LogLine[];
}

export function startAgentRig({ root, config, lines = [] }: RigOptions): AgentRig {
  const api = startInProcessApi();
  const agents: (() => Promise<void>)[] = [];
  return {
    api,
    config,
    root,
    startAgent: async () => {
      const agent = createNodeAgent(config, {
        client: api.client,
        clock: realClock,
        logger: memoryLogger(lines),
      });
      const ending = new AbortController();
      const done = agent.run(ending.signal);
      const stop = (): Promise<void> => {
        ending.abort();
        return done;
      };
      agents.push(stop);
      await Promise.race([agent.ready, done]);
      return { stop };
    },
    createPod: (name, containers, spec = {}) =>
      api.client.create(pods, {
        metadata: { name, namespace: 'default' },
        spec: { nodeName: config.nodeName, terminationGracePeriodSeconds: 1, containers, ...spec },
      }),
    stop: async () => {
      await Promise.all(agents.map((stop) => stop()));
      await api.stop();
    },
  };
}

/** A container that answers on port 9376. */
export const echo = (more: Partial<Container> = {}): Container => ({
  name: 'echo',
  image: 'portico/echo',
  args: ['--port', '9376'],
  ...more,
});

/** A container that runs a shell script on the machine's file system. */
export const script = (text: string, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: 'host',
  command: ['sh', '-c', text],
  ...more,
});

/** Waits until the Pod is as wanted; fails with the status it has after `timeoutMs`. */
export async function podIs(
  { api }: Pick<AgentRig, 'api'>,
  name: string,
  [isWanted, timeoutMs = 60_000]: readonly [(pod: Pod) => boolean, number?],
): Promise<Pod> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const pod = await api.client.get(pods, { namespace: 'default', name });
    if (isWanted(pod)) return pod;
    assert.ok(Date.now() < end, `${name}: ${JSON.stringify(pod.status, undefined, 1)}`);
    await realClock.sleep(10);
  }
}

export const hasPhase =
  (phase: string) =>
  (pod: Pod): boolean =>
    pod.status?.phase === phase;

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';

export async function podIsGone(
  { api }: Pick<AgentRig, 'api'>,
  name: string,
  timeoutMs = 60_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await api.client.get(pods, { namespace: 'default', name }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (found === undefined) return;
    assert.ok(Date.now() < end, `${name} is still there: ${JSON.stringify(found)}`);
    await realClock.sleep(10);
  }
}

/** What a run of a container printed. */
export function logOf({ config }: Pick<AgentRig, 'config'>, pod: Pod, container: string): string {
  const { namespace, name, uid } = pod.metadata;
  const run = pod.status?.containerStatuses?.find((status) => status.name === container)?.restartCount ?? 0;
  const path = join(config.stateDir, 'logs', `${namespace}_${name}_${uid}`, container, `${run}.log`);
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.split(' ').slice(3).join(' '))
    .join('\n');
}

/** What a server on port 9376 answers to `text`. */
export async function ask(ip: string, text: string): Promise<string> {
  const socket = connect(9376, ip);
  socket.end(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

/** What the agent keeps of a Pod. */
export const recordOf = ({ config }: Pick<AgentRig, 'config'>, pod: Pod): PodRecord =>
  JSON.parse(
    readFileSync(join(config.stateDir, 'pods', pod.metadata.uid ?? '', 'state.json'), 'utf8'),
  ) as PodRecord;
