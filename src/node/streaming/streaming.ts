import { Readable } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/thrown.ts';
import type { PodRecord } from '../pods/model.ts';
import type { ContainerProcess, ContainerRuntime, ProcessRecord } from '../runtime/model.ts';
import { Refusal } from '../server/refusal.ts';
import { refuseCommand, runCommand, sizesOf } from './command.ts';
import { forwardPorts } from './port-forward.ts';
import { openRemoteStreams, streamChoice } from './remote-command.ts';
import type { Upgrade } from './web-socket.ts';

export interface StreamingDeps {
  readonly runtime: Pick<ContainerRuntime, 'openExec'>;
  readonly clock: Clock;
  /** Whether Pods have a network of their own. */
  readonly hasPodNetwork: boolean;
  readonly nodeIP: string;
}

export interface StreamingRequest {
  readonly upgrade: Upgrade;
  readonly pod: PodRecord;
  /** Absent for a port-forward. */
  readonly container?: string;
  readonly query: URLSearchParams;
  readonly running: (container: string) => Pick<ContainerProcess, 'io' | 'exited'> | undefined;
}

/** Throws Refusal 500 in upstream's words. */
function runningProcess(pod: PodRecord, container: string): ProcessRecord {
  const record = pod.containers.find(({ name }) => name === container);
  if (record?.run === undefined) throw new Refusal(500, `container not found (${JSON.stringify(container)})`);
  return record.run.process;
}

/** Runs a command in a container for a client. Rejects with Refusal while it can still be answered in HTTP. */
export async function serveExec(deps: StreamingDeps, asked: StreamingRequest): Promise<void> {
  const { upgrade, pod, container = '', query } = asked;
  const process = runningProcess(pod, container);
  const choice = streamChoice(query);
  const argv = query.getAll('command');
  if (argv.length === 0) throw new Refusal(400, 'you must specify at least 1 command argument');
  const remote = await openRemoteStreams(upgrade, choice, deps.clock);
  try {
    const { hasStdin, isTty } = choice;
    const sizes = sizesOf(remote, deps.clock);
    await sizes.first;
    const local = await deps.runtime.openExec(process, { argv, hasStdin, isTty });
    await runCommand(remote, local, { clock: deps.clock, argv, sizes });
  } catch (error) {
    await refuseCommand(remote, messageOf(error));
  }
}

/** More than this waiting for a client that does not read, and it is cut off: the container must not wait for it. */
const MAX_BACKLOG = 4 * 1024 * 1024;

/** Joins a client to the streams of a container's own program. Rejects with Refusal while it can still be answered in HTTP. */
export async function serveAttach(deps: StreamingDeps, asked: StreamingRequest): Promise<void> {
  const { upgrade, container = '', query, running } = asked;
  const process = running(container);
  if (process === undefined) throw new Refusal(500, `container not found (${JSON.stringify(container)})`);
  const choice = streamChoice(query);
  const remote = await openRemoteStreams(upgrade, choice, deps.clock);
  try {
    const stdin = choice.hasStdin ? process.io.openStdin() : undefined;
    const outputs = { stdout: openOutput(), stderr: openOutput() };
    const deaf = process.io.listen((stream, chunk) => {
      const output = outputs[stream];
      if (output.destroyed) return;
      output.push(chunk);
      if (output.readableLength > MAX_BACKLOG) output.destroy();
    });
    const left = Promise.withResolvers<undefined>();
    const ended = process.exited.then(() => undefined);
    const exited = Promise.race([ended, left.promise]);
    void exited.then(() => {
      deaf();
      for (const output of Object.values(outputs)) if (!output.destroyed) output.push(null);
    });
    const resize = (size: { readonly width: number; readonly height: number }): void =>
      process.io.resize(size);
    const kill = (): void => {
      stdin?.destroy();
      left.resolve(undefined);
    };
    const local = { ...outputs, ...(stdin !== undefined && { stdin }), resize, exited, kill };
    const sizes = sizesOf(remote, deps.clock);
    await runCommand(remote, local, { clock: deps.clock, argv: [], sizes });
  } catch (error) {
    await refuseCommand(remote, messageOf(error));
  }
}

const openOutput = (): Readable => new Readable({ read: () => undefined });

/** Carries connections to ports of a Pod. */
export async function servePortForward(deps: StreamingDeps, asked: StreamingRequest): Promise<void> {
  const { upgrade, pod, query } = asked;
  const running = pod.containers.find(({ run }) => run !== undefined)?.run?.process;
  if (running === undefined) throw new Refusal(500, `pod ${pod.name} is not running`);
  const hasOwn = deps.hasPodNetwork && pod.ip !== deps.nodeIP;
  const target = {
    pod: `${pod.name}_${pod.namespace}`,
    uid: pod.uid,
    // Without a network of its own a Pod is known by its address alone.
    hosts: deps.hasPodNetwork ? ['127.0.0.1', '::1'] : [pod.ip, '127.0.0.1', '::1'],
    ...(hasOwn && { netns: `/proc/${running.pid}/ns/net` }),
  };
  await forwardPorts(upgrade, target, { clock: deps.clock, query });
}
