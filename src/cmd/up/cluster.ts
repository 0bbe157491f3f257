import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Server } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { runComponent, type Component } from './component.ts';
import { openDataDir, writeCluster, writeResolvConf, type ClusterFile, type DataDir } from './data-dir.ts';
import { leftoversGone } from './leftover-processes.ts';
import { checkMachine } from './machine.ts';
import { createHostDoor, type HostDoor } from './host-door.ts';
import { hostResolver } from './host-resolver.ts';
import { portOf, takePort } from './host-ports.ts';
import type { ControlPlaneConfig, NodeProcessConfig } from './messages.ts';
import type { UpOptions } from './options.ts';
import { preparePki, type PkiRequest } from './pki.ts';
import { planCluster, type ClusterPlan } from './plan.ts';
import { createSandbox, type Argv, type Sandbox } from './sandbox.ts';
import { UserError } from './user-error.ts';

/** What happens while a cluster starts and runs, for people. */
export interface Progress {
  step(what: string): void;
  warn(what: string): void;
}

export interface Cluster {
  readonly root: string;
  readonly kubeconfig: string;
  readonly apiUrl: string;
  readonly dnsPort: number;
  readonly nodes: readonly string[];
  /** Aborts when a part ended for good; its reason is the UserError that says why. `stop` is still to be called. */
  readonly failed: AbortSignal;
  /** Stops every process and frees the data directory. */
  stop(): Promise<void>;
}

interface Parts {
  readonly dataDir: DataDir;
  /** The API's socket, taken before anything starts so that a taken port ends the start at once. */
  readonly api: Server;
  readonly apiPort: number;
  readonly door: HostDoor;
  readonly plan: ClusterPlan;
  readonly components: Component[];
  /** Aborted when the cluster cannot go on, or is not wanted any more; the reason says why. */
  readonly ending: AbortController;
  sandbox?: Sandbox;
  certificates?: Promise<void>;
}

export interface ClusterDeps {
  readonly clock: Clock;
  readonly progress: Progress;
  /** Gives up the start; a cluster that runs is ended by its `stop`. */
  readonly signal: AbortSignal;
}

const CONTROL_PLANE_NAME = 'control-plane';
const CONTROL_PLANE = join(import.meta.dirname, '..', 'control-plane', 'main.ts');
const NODE = join(import.meta.dirname, '..', 'node', 'main.ts');
const DIRECT_IMPORTS = join(import.meta.dirname, '..', 'component', 'direct-imports.ts');

/** This machine's first address that others can reach; loopback when it has none. */
function hostAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((a) => a.family === 'IPv4' && !a.internal)?.address ?? '127.0.0.1';
}

function program(main: string, config: ControlPlaneConfig | NodeProcessConfig): Argv {
  // Small young generation: these processes are idle most of the time, and it is what they keep.
  const flags = ['--max-semi-space-size=2', '--import', DIRECT_IMPORTS];
  return [process.execPath, ...flags, main, JSON.stringify(config)];
}

/**
 * Starts a whole cluster and resolves when it serves: API, names and every node. On any failure, and when the signal
 * aborts, all that was started is stopped again, and it rejects with a UserError.
 */
export async function startCluster(options: UpOptions, deps: ClusterDeps): Promise<Cluster> {
  checkMachine(options);
  const dataDir = openDataDir(options.dataDir);
  let api: Server | undefined;
  let parts: Parts | undefined;
  try {
    if (dataDir.wasKilled) await leftoversGone(dataDir.root, deps.clock, deps.signal);
    api = await takePort('--api-port', options.apiPort);
    const dns = await takePort('--dns-port', { ...options.dnsPort, hasUdp: true });
    const dnsPort = portOf(dns);
    dns.close();
    const plan = planCluster({
      options,
      root: dataDir.root,
      run: dataDir.run,
      pki: dataDir.pki,
      apiPort: portOf(api),
      dnsPort,
      hostIP: hostAddress(),
    });
    const door = createHostDoor({
      resolver: hostResolver(),
      clock: deps.clock,
      onRefused: (port, reason) =>
        deps.progress.warn(`port ${port} is not carried to this machine's loopback yet: ${reason}`),
    });
    parts = {
      dataDir,
      api,
      apiPort: portOf(api),
      door,
      plan,
      components: [],
      ending: new AbortController(),
    };
    await bootUnlessEnding(parts, options, deps);
    return describe(parts, dnsPort);
  } catch (error) {
    if (parts !== undefined) await stopParts(parts);
    api?.close();
    dataDir.release('failed to start');
    throw error;
  }
}

/** Boots. When the cluster is to end before that is done, it stops what runs by then, and rejects with the reason. */
async function bootUnlessEnding(parts: Parts, options: UpOptions, deps: ClusterDeps): Promise<void> {
  const { ending } = parts;
  const interrupt = (): void =>
    ending.abort(new UserError('stopped before the cluster was up', { exitCode: 130 }));
  // A part that was stopped lets the waiting for it fail, so the boot ends soon.
  const onEnding = (): void => void stopParts(parts);
  if (deps.signal.aborted) interrupt();
  deps.signal.addEventListener('abort', interrupt);
  ending.signal.addEventListener('abort', onEnding);
  try {
    await boot(parts, options, deps);
    ending.signal.throwIfAborted();
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : error;
  } finally {
    deps.signal.removeEventListener('abort', interrupt);
    ending.signal.removeEventListener('abort', onEnding);
  }
}

async function boot(parts: Parts, options: UpOptions, deps: ClusterDeps): Promise<void> {
  const { dataDir, plan, api, ending } = parts;
  const isSandbox = options.network === 'sandbox';
  ending.signal.throwIfAborted();
  const pki = preparePki(pkiRequest(parts, options, deps.clock));
  // Waited for below; a failure in between is told there.
  pki.catch(() => undefined);
  parts.certificates = pki;
  if (isSandbox) parts.sandbox = await openSandbox(parts);
  const launch = (name: string, argv: Argv, openListener?: () => Promise<Server>): Component => {
    ending.signal.throwIfAborted();
    const component = runComponent({
      name,
      argv: parts.sandbox?.enter(argv) ?? argv,
      logFile: join(dataDir.logs, `${name}.log`),
      ...(openListener === undefined ? {} : { openListener }),
      clock: deps.clock,
      onSpawn: (self) =>
        void pki.then(
          () => self.send({ type: 'pki-ready' }),
          () => undefined,
        ),
      onMessage: (message, from) => parts.door.handle(message, from),
      onRestart: (who, how) =>
        deps.progress.warn(`${who} ${how}; starting it again (log: ${join(dataDir.logs, `${who}.log`)})`),
      onSlow: (who, how) => deps.progress.warn(`${who} ${how}`),
      onGiveUp: (error) => ending.abort(error),
    });
    parts.components.push(component);
    return component;
  };
  const apiListener = (): Promise<Server> =>
    api.listening ? Promise.resolve(api) : takePort('--api-port', { port: parts.apiPort, isFixed: true });
  const controlPlane = launch(CONTROL_PLANE_NAME, program(CONTROL_PLANE, plan.controlPlane), apiListener);
  await pki;
  await controlPlane.ready('api');
  deps.progress.step(`API server   https://127.0.0.1:${parts.apiPort}`);
  const cluster = clusterFile(parts, options);
  writeResolvConf(dataDir.root, cluster);
  writeCluster(dataDir.root, cluster);
  const nodes = plan.nodes.map((node) => launch(node.name, program(NODE, node)));
  await controlPlane.ready('dns');
  deps.progress.step(`cluster DNS  ${plan.controlPlane.dns.clusterIP}`);
  await Promise.all(nodes.map((node) => node.ready('node')));
  deps.progress.step(`nodes        ${plan.nodes.map((n) => n.name).join(', ')}`);
}

async function openSandbox({ dataDir, ending }: Parts): Promise<Sandbox> {
  const sandbox = await createSandbox(dataDir.run);
  void sandbox.ended.then((how) =>
    ending.abort(
      new UserError(
        `the sandbox ${how}, and everything in it is gone; start the cluster again (--data-dir keeps its state)`,
      ),
    ),
  );
  return sandbox;
}

function pkiRequest({ dataDir, plan, apiPort }: Parts, options: UpOptions, clock: Clock): PkiRequest {
  const { controlPlane, nodes } = plan;
  const kubernetesIP = controlPlane.dns.clusterIP.replace(/\.10$/, '.1');
  const names = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const server = `https://127.0.0.1:${apiPort}`;
  const inside = `https://${controlPlane.advertise.host}:${controlPlane.advertise.port}`;
  const files = [
    dataDir.kubeconfig,
    ...(options.writeKubeconfig === undefined ? [] : [options.writeKubeconfig]),
  ];
  return {
    dir: dataDir.pki,
    clock,
    nodes: nodes.map((n) => ({ name: n.name, addresses: [n.nodeIP] })),
    apiServerHosts: [
      ...new Set(['127.0.0.1', '::1', 'localhost', controlPlane.advertise.host, kubernetesIP, ...names]),
    ],
    kubeconfigs: [
      ...files.map((file) => ({ file, server })),
      { file: `${dataDir.kubeconfig}.sandbox`, server: inside },
    ],
  };
}

function clusterFile({ dataDir, plan, sandbox }: Parts, options: UpOptions): ClusterFile {
  return {
    pid: process.pid,
    network: options.network,
    kubeconfig: dataDir.kubeconfig,
    runDir: dataDir.run,
    ...(sandbox === undefined
      ? {}
      : { sandbox: { pid: sandbox.pid, hasUserNamespace: sandbox.hasUserNamespace } }),
    nodes: plan.nodes.map((n) => ({ name: n.name, ip: n.nodeIP })),
    clusterDNS: plan.controlPlane.dns.clusterIP,
    clusterDomain: plan.controlPlane.clusterDomain,
  };
}

/** Nodes first, so that they can still say goodbye to the API; the sandbox last. A second call does no harm. */
async function stopParts(parts: Parts): Promise<void> {
  parts.ending.abort();
  const [controlPlane, ...nodes] = parts.components;
  await Promise.all(nodes.map((node) => node.stop()));
  await controlPlane?.stop();
  await parts.sandbox?.close();
  await parts.certificates?.catch(() => undefined);
  parts.door.close();
}

function describe(parts: Parts, dnsPort: number): Cluster {
  const stop = async (): Promise<void> => {
    await stopParts(parts);
    parts.api.close();
    parts.dataDir.release('stopped');
  };
  return {
    root: parts.dataDir.root,
    kubeconfig: parts.dataDir.kubeconfig,
    apiUrl: `https://127.0.0.1:${parts.apiPort}`,
    dnsPort,
    nodes: parts.plan.nodes.map((n) => n.name),
    failed: parts.ending.signal,
    stop,
  };
}
