import type { Container } from '../../api/core/v1/container.ts';
import { pods, type Pod, type PodStatus } from '../../api/core/v1/pod.ts';
import { isConflict, isNotFound } from '../../api/errors/api-error.ts';
import type { CancelTimer } from '../../base/clock.ts';
import { messageOf } from '../../base/thrown.ts';
import { hostnameOf } from '../environment/dns.ts';
import type { ContainerProcess, Exit, PodNamespaces } from '../runtime/model.ts';
import { containerStart, inputOf } from './container-start.ts';
import type { PodDependencies } from './dependencies.ts';
import { afterFailedStart } from './failed-start.ts';
import {
  newContainerRecord,
  withContainer,
  type ContainerRecord,
  type ContainerRun,
  type PodRecord,
} from './model.ts';
import { afterExit, afterStart, containersOf, planPod, terminationOf, type PodPlan } from './plan.ts';
import { crashLoopMessage, podStatus, withConditions } from './status.ts';
import { superviseContainer, type SupervisedContainer } from './supervised-container.ts';

/**
 * A Pod that is gone keeps its address this long: who still has it as an endpoint is refused by it at once. Without it
 * packets would meet nothing until every proxy has heard.
 */
const LINGER_MS = 1000;

/** Runs one Pod: looks at what is and what shall be, does the next step, and again. */
export interface PodWorker {
  readonly uid: string;
  /** The Pod's latest version; undefined when the API has it no more. */
  update(pod: Pod | undefined): void;
  /** The record as it is now. */
  record(): PodRecord;
  /** The latest version of the Pod. */
  pod(): Pod;
  /** A running container's streams and end; undefined when it does not run. */
  running(container: string): Pick<ContainerProcess, 'io' | 'exited'> | undefined;
  /** Stops everything without telling the API; resolves when no process, address or device is left. What is known stays on the disk. */
  stop(graceMs: number): Promise<void>;
  /** Leaves the Pod running and forgets it. */
  release(): void;
}

const retryMs = 1000;
/** What a Pod gets whose object was taken away from under it. */
const orphanGraceMs = 1000;
const defaultGraceSeconds = 30;

export interface PodWorkerInput {
  readonly deps: PodDependencies;
  readonly pod: Pod;
  /** What an earlier agent left. */
  readonly record?: PodRecord;
  /** The Pod is gone: processes, network and files. */
  readonly onGone: () => void;
}

export function createPodWorker(input: PodWorkerInput): PodWorker {
  const worker = new Worker(input);
  worker.begin();
  return worker;
}

class Worker implements PodWorker {
  readonly uid: string;
  readonly #deps: PodDependencies;
  readonly #onGone: () => void;
  readonly #live = new Map<string, SupervisedContainer>();
  #pod: Pod;
  #record: PodRecord;
  #namespaces: PodNamespaces | undefined;
  #published: PodStatus | undefined;
  #isBusy = false;
  #isAgain = false;
  #isEnded = false;
  #isOrphan = false;
  #cancelWake: CancelTimer = () => undefined;

  constructor({ deps, pod, record, onGone }: PodWorkerInput) {
    this.uid = pod.metadata.uid ?? '';
    this.#deps = deps;
    this.#pod = pod;
    this.#onGone = onGone;
    const { name, namespace = '' } = pod.metadata;
    const known = new Map(record?.containers.map((container) => [container.name, container]));
    this.#record = {
      uid: this.uid,
      namespace,
      name,
      ip: record?.ip ?? '',
      startedAt: record?.startedAt ?? deps.clock.now(),
      containers: containersOf(pod).map((c) => known.get(c.name) ?? newContainerRecord(c.name)),
      ...(record?.finished !== undefined && { finished: record.finished }),
    };
  }

  record(): PodRecord {
    return this.#record;
  }

  pod(): Pod {
    return this.#pod;
  }

  running(container: string): Pick<ContainerProcess, 'io' | 'exited'> | undefined {
    return this.#live.get(container)?.process;
  }

  /** Takes over the containers an earlier agent started, then works. */
  begin(): void {
    for (const container of containersOf(this.#pod)) {
      const known = this.#record.containers.find(({ name }) => name === container.name);
      if (known?.run === undefined) continue;
      const process = this.#deps.runtime.adopt(known.run.process, {
        ...known.run,
        input: inputOf(container),
      });
      this.#supervise({ container, run: known.run, process, known });
    }
    if (this.#live.size > 0) this.#setUpNetwork();
    this.#kick();
  }

  update(pod: Pod | undefined): void {
    if (pod === undefined) this.#isOrphan = true;
    else this.#pod = pod;
    this.#kick();
  }

  async stop(graceMs: number): Promise<void> {
    this.#isEnded = true;
    this.#cancelWake();
    await Promise.all([...this.#live.values()].map((live) => live.stop(graceMs)));
    this.#dropNetwork();
  }

  release(): void {
    this.#isEnded = true;
    this.#cancelWake();
    for (const live of this.#live.values()) {
      live.release();
      live.process.release();
    }
  }

  /** One round at a time; a change during a round makes one more. */
  #kick(): void {
    if (this.#isEnded) return;
    this.#isAgain = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    void this.#rounds().finally(() => {
      this.#isBusy = false;
    });
  }

  async #rounds(): Promise<void> {
    while (this.#isAgain && !this.#isEnded) {
      this.#isAgain = false;
      try {
        await this.#round();
      } catch (err) {
        this.#deps.logger.warn('a Pod cannot be brought on, trying again', { pod: this.#key(), err });
        this.#wakeAt(this.#deps.clock.now() + retryMs);
      }
    }
  }

  async #round(): Promise<void> {
    const { clock } = this.#deps;
    const pod = this.#isOrphan ? asDeleted(this.#pod) : this.#pod;
    const plan = planPod({ pod, record: this.#record, nowMs: clock.now() });
    for (const { container, why } of plan.stop) this.#stopContainer(container, why);
    if (plan.finished !== undefined) this.#set({ ...this.#record, finished: plan.finished });
    if (plan.start.length > 0) {
      if (!this.#setUpNetwork()) return;
      for (const container of plan.start) await this.#start(container);
      this.#isAgain = true;
    }
    if (pod.metadata.deletionTimestamp !== undefined && this.#live.size === 0) return this.#end();
    this.#publish();
    if (plan.wakeAt !== undefined) this.#wakeAt(plan.wakeAt);
    if (this.#record.finished !== undefined && this.#live.size === 0 && this.#namespaces !== undefined)
      this.#dropNetwork();
  }

  /** Gives the Pod its address and namespaces; false (and a later try) when that fails. */
  #setUpNetwork(): boolean {
    if (this.#namespaces !== undefined) return true;
    const { network, ipam, config, events, clock } = this.#deps;
    const isHostNetwork = this.#pod.spec.hostNetwork === true;
    try {
      const ip = isHostNetwork ? config.nodeIP : ipam.allocate(this.uid);
      this.#set({ ...this.#record, ip });
      const pod = { uid: this.uid, hostname: hostnameOf(this.#pod), ip, isHostNetwork };
      this.#namespaces = network.setUp(pod).namespaces;
      return true;
    } catch (error) {
      const message = `Failed to create pod sandbox: ${messageOf(error)}`;
      events.record(pods, this.#pod, { type: 'Warning', reason: 'FailedCreatePodSandBox', message });
      this.#publish();
      this.#wakeAt(clock.now() + retryMs);
      return false;
    }
  }

  async #start(container: Container): Promise<void> {
    const { deps, uid } = { deps: this.#deps, uid: this.uid };
    const known = this.#containerRecord(container.name);
    const nRestarts = known.terminated === undefined ? known.restartCount : known.restartCount + 1;
    if (known.terminated !== undefined && known.backoffMs > 10_000) this.#tellBackOff(known);
    const startedAt = deps.clock.now();
    const containerID = `portico://${crypto.randomUUID().replaceAll('-', '')}`;
    try {
      const spec = await containerStart({
        ...deps,
        pod: this.#pod,
        container,
        podIP: this.#record.ip,
        namespaces: this.#namespaces ?? {},
        services: deps.services(),
        podDirectory: deps.files.directory(uid),
        nRestarts,
      });
      if (this.#isEnded) return;
      const process = deps.runtime.start(spec);
      const run: ContainerRun = {
        process: process.record,
        startedAt,
        containerID,
        directory: spec.directory,
        logPath: spec.logPath,
      };
      this.#change(container.name, (former) => afterStart(former, container, run));
      this.#note('Created', `Created container: ${container.name}`);
      this.#note('Started', `Started container ${container.name}`);
      this.#supervise({ container, run, process, known });
    } catch (error) {
      this.#cannotStart(container, error, { startedAt, containerID });
    }
  }

  #cannotStart(
    container: Container,
    error: unknown,
    attempt: { readonly startedAt: number; readonly containerID: string },
  ): void {
    const { clock, events } = this.#deps;
    const message = `Error: ${messageOf(error)}`;
    events.record(pods, this.#pod, { type: 'Warning', reason: 'Failed', message });
    this.#change(container.name, (former) =>
      afterFailedStart(former, error, { ...attempt, nowMs: clock.now() }),
    );
  }

  #supervise(started: {
    readonly container: Container;
    readonly run: ContainerRun;
    readonly process: SupervisedContainer['process'];
    readonly known: ContainerRecord;
  }): void {
    const { container, run, process } = started;
    const live = superviseContainer({
      ...started,
      deps: this.#deps,
      pod: this.#pod,
      podIP: this.#record.ip,
      change: (change) => {
        if (this.#live.get(container.name) !== live || this.#isEnded) return;
        this.#change(container.name, change);
        this.#kick();
      },
    });
    this.#live.set(container.name, live);
    void process.exited.then((exit) => this.#ended(container.name, run, exit));
  }

  #ended(name: string, run: ContainerRun, exit: Exit): void {
    this.#live.get(name)?.release();
    this.#live.delete(name);
    if (this.#isEnded) return;
    const termination = terminationOf(run, exit, this.#deps.clock.now());
    this.#change(name, (former) => afterExit(former, termination));
    const now = this.#containerRecord(name);
    if (now.notBefore > this.#deps.clock.now() && this.#pod.spec.restartPolicy !== 'Never')
      this.#tellBackOff(now);
    this.#kick();
  }

  #stopContainer(container: Container, why: PodPlan['stop'][number]['why']): void {
    const live = this.#live.get(container.name);
    if (live === undefined) return;
    const spec = (this.#pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000;
    switch (why) {
      case 'deleted': {
        const given = this.#pod.metadata.deletionGracePeriodSeconds;
        return void live.stop(this.#isOrphan ? orphanGraceMs : given === undefined ? spec : given * 1000);
      }
      case 'unhealthy': {
        const own = container.livenessProbe?.terminationGracePeriodSeconds;
        return void live.stop(own === undefined ? spec : own * 1000);
      }
      case 'done':
      case 'deadline':
        return void live.stop(spec);
    }
  }

  /** Removes what the Pod had and, unless the API did so before, the Pod itself. */
  async #end(): Promise<void> {
    const { files, status, client } = this.#deps;
    if (!this.#isOrphan) {
      this.#publish();
      await status.settled(this.uid);
      const { name, namespace } = this.#pod.metadata;
      try {
        await client.delete(
          pods,
          { name, namespace },
          { gracePeriodSeconds: 0, preconditions: { uid: this.uid } },
        );
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
    }
    this.#isEnded = true;
    this.#cancelWake();
    files.remove(this.uid);
    status.forget(this.uid);
    this.#cancelWake = this.#deps.clock.after(LINGER_MS, () => {
      this.#dropNetwork();
      this.#onGone();
    });
  }

  #dropNetwork(): void {
    const { network, ipam } = this.#deps;
    network.tearDown(this.uid, this.#pod.spec.hostNetwork === true ? '' : this.#record.ip);
    ipam.release(this.uid);
    this.#namespaces = undefined;
  }

  #publish(): void {
    const { clock, status, config } = this.#deps;
    if (this.#isOrphan) return;
    const pod = withConditions(this.#pod, this.#published);
    this.#published = podStatus({ pod, record: this.#record, nowMs: clock.now(), hostIP: config.nodeIP });
    status.set(this.#pod, this.#published);
  }

  #wakeAt(at: number): void {
    this.#cancelWake();
    if (this.#isEnded) return;
    this.#cancelWake = this.#deps.clock.after(Math.max(0, at - this.#deps.clock.now()), () => this.#kick());
  }

  #tellBackOff(known: ContainerRecord): void {
    const message = `Back-off restarting failed container ${known.name} in pod ${this.#record.name}_${this.#record.namespace}(${this.uid})`;
    this.#deps.events.record(pods, this.#pod, { type: 'Warning', reason: 'BackOff', message });
    this.#deps.logger.debug(crashLoopMessage(this.#pod, known), { pod: this.#key() });
  }

  #note(reason: string, message: string): void {
    this.#deps.events.record(pods, this.#pod, { type: 'Normal', reason, message });
  }

  #containerRecord(name: string): ContainerRecord {
    return this.#record.containers.find((container) => container.name === name) ?? newContainerRecord(name);
  }

  #change(name: string, change: (record: ContainerRecord) => ContainerRecord): void {
    this.#set(withContainer(this.#record, name, change));
  }

  #set(record: PodRecord): void {
    this.#record = record;
    if (!this.#isEnded) this.#deps.files.save(record);
  }

  #key(): string {
    return `${this.#record.namespace}/${this.#record.name}`;
  }
}

/** A Pod that is no more in the API is treated as one that shall go. */
const asDeleted = (pod: Pod): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, deletionTimestamp: pod.metadata.deletionTimestamp ?? '1970-01-01T00:00:00Z' },
});
