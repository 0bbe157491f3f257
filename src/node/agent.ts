import { mkdirSync, readFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { dirname, join } from 'node:path';
import { nodes, type Node } from '../api/core/v1/node.ts';
import { pods, type Pod } from '../api/core/v1/pod.ts';
import { services, type Service } from '../api/core/v1/service.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/event-recorder.ts';
import { createInformer, hasSynced, type Informer } from '../client/informer.ts';
import type { NodeConfig } from './config.ts';
import { referencesFrom } from './environment/references.ts';
import { createIpam } from './network/ipam.ts';
import type { PodDependencies } from './pods/dependencies.ts';
import { createPodSet, type PodSet } from './pods/pod-set.ts';
import { createServiceAccountTokens, rotateTokens } from './volumes/service-account-tokens.ts';
import { openStateFiles } from './pods/state-files.ts';
import { createStatusWriter } from './pods/status-writer.ts';
import { keepRegistered } from './register/register.ts';
import { openRoom } from './room.ts';
import type { KubeletServer } from './server/kubelet-server.ts';

export interface NodeInformers {
  readonly nodes: Informer<Node>;
  readonly services: Informer<Service>;
}

export interface NodeAgentDependencies {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Given (and run) by a process that follows these objects anyway; by default the agent follows them itself. */
  readonly informers?: NodeInformers;
}

export interface NodeAgent {
  /**
   * Runs the node's Pods until `signal` aborts. Pods go on then, for the next agent to adopt, unless the configuration says otherwise.
   * Rejects when the node's network or folders cannot be set up.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the Pods that were there are adopted and new ones are being started. */
  readonly ready: Promise<void>;
}

/** How long Pods have when they end with the agent. */
const stopGraceMs = 2000;

/** The agent of one node. With `network: sandbox` the calling thread is in the node's network namespace already (`ensureNodeNetwork`, `enterNetns`). */
export function createNodeAgent(config: NodeConfig, dependencies: NodeAgentDependencies): NodeAgent {
  const ready = Promise.withResolvers<void>();
  return {
    ready: ready.promise,
    run: (signal) => run(withCompileCache(config), dependencies, { signal, onReady: ready.resolve }),
  };
}

function ownInformers({ client, clock, logger }: NodeAgentDependencies, signal: AbortSignal): NodeInformers {
  const informers = {
    nodes: createInformer<Node>({ client, kind: nodes, clock, logger }),
    services: createInformer<Service>({ client, kind: services, clock, logger }),
  };
  void informers.nodes.run(signal);
  void informers.services.run(signal);
  return informers;
}

function readNodeResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

/** Built-in images share the compiled code of this process, if it keeps any (its folder holds one per version and flags). */
function withCompileCache(config: NodeConfig): NodeConfig {
  const own = getCompileCacheDir();
  return own === undefined || config.compileCacheDir !== undefined
    ? config
    : { ...config, compileCacheDir: dirname(own) };
}

interface Running {
  readonly signal: AbortSignal;
  readonly onReady: () => void;
}

async function run(
  config: NodeConfig,
  given: NodeAgentDependencies,
  { signal, onReady }: Running,
): Promise<void> {
  const { clock, logger, client } = given;
  mkdirSync(config.stateDir, { recursive: true });
  const informers = given.informers ?? ownInformers(given, signal);
  const events = createEventRecorder({ client, component: 'kubelet', host: config.nodeName, clock, logger });
  const room = await openRoom({ config, clock, logger, nodes: informers.nodes });
  const tokens = createServiceAccountTokens({ client, clock });
  const deps: PodDependencies = {
    ...{ config, client, clock, logger, events, signal },
    runtime: room.runtime,
    network: room.network,
    ipam: createIpam(config.podCIDR, clock),
    files: openStateFiles(join(config.stateDir, 'pods'), join(config.stateDir, 'logs')),
    references: referencesFrom(client, clock, tokens),
    status: createStatusWriter({ client, clock, logger, signal }),
    services: () => informers.services.list(),
    nodeResolvConf: readNodeResolvConf(),
  };
  const podSet = createPodSet(deps);
  let server: KubeletServer | undefined;
  try {
    server = await openServer(deps, podSet);
    await Promise.all([
      events.run(signal),
      keepRegistered({ config, client, clock, logger, kubeletPort: () => server?.port }, signal),
      followPods(deps, podSet, informers.services).then(onReady),
      rotateTokens({ tokens, clock, logger, pods: () => podsOf(podSet, deps) }, signal),
      new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      }),
    ]);
    if (config.isStoppingPods ?? config.network === 'none') await podSet.stop(stopGraceMs);
  } finally {
    podSet.release();
    server?.close();
    room.close();
  }
}

const podsOf = (podSet: PodSet, { files }: PodDependencies) =>
  podSet.workers().map((worker) => ({ pod: worker.pod(), directory: files.directory(worker.uid) }));

/** The kubelet API is loaded when it is served: TLS costs more than all the rest of an idle agent. */
async function openServer(deps: PodDependencies, podSet: PodSet): Promise<KubeletServer | undefined> {
  const { kubeletTls, kubeletPort, nodeIP, stateDir } = deps.config;
  if (kubeletTls === undefined) return undefined;
  const { serveKubelet } = await import('./server/kubelet-server.ts');
  return serveKubelet({
    tls: kubeletTls,
    port: kubeletPort,
    host: nodeIP,
    stateDir,
    podSet,
    clock: deps.clock,
    runtime: deps.runtime,
    hasPodNetwork: deps.config.network !== 'none',
  });
}

/** Brings the Pods bound to this node to life, after taking over those that live. */
async function followPods(deps: PodDependencies, podSet: PodSet, known: Informer<Service>): Promise<void> {
  const { client, clock, logger, config, signal } = deps;
  const fieldSelector = `spec.nodeName=${config.nodeName}`;
  const informer = createInformer<Pod>({ client, kind: pods, fieldSelector, clock, logger });
  void informer.run(signal);
  // Without the Services a container would start without their variables.
  await Promise.all([hasSynced(informer, signal), hasSynced(known, signal)]);
  if (signal.aborted) return;
  podSet.adopt(informer.list());
  informer.onChange((change) => podSet.change(change));
}
