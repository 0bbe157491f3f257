import type { Pod } from '../../api/core/v1/pod.ts';
import type { Change } from '../../client/informer.ts';
import type { PodDependencies } from './dependencies.ts';
import type { PodRecord } from './model.ts';
import { isAlive, trySignal } from '../runtime/process/processes.ts';
import { createPodWorker, type PodWorker } from './pod-worker.ts';

/** All Pods of the node: a worker each. */
export interface PodSet {
  /** Takes over what an earlier agent left: Pods in `pods` are adopted, the others removed with all they have. Call it once, with the complete list. */
  adopt(pods: readonly Pod[]): void;
  change(change: Change<Pod>): void;
  workers(): readonly PodWorker[];
  /** Ends every Pod as far as this node goes; the next agent starts them again. */
  stop(graceMs: number): Promise<void>;
  /** Leaves every process running. */
  release(): void;
}

export function createPodSet(deps: PodDependencies): PodSet {
  const workers = new Map<string, PodWorker>();
  /** A Pod of the same name as one that is still being stopped waits here. */
  const begin = (pod: Pod, record?: PodRecord): void => {
    const uid = pod.metadata.uid ?? '';
    if (isOver(pod) && record === undefined) return;
    const worker = createPodWorker({
      deps,
      pod,
      ...(record !== undefined && { record }),
      onGone: () => void workers.delete(uid),
    });
    workers.set(uid, worker);
  };
  return {
    adopt: (pods) => {
      const { records, broken } = deps.files.load();
      const byUid = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]));
      const kept = records.filter((record) => byUid.has(record.uid));
      for (const record of kept) if (record.ip !== '') deps.ipam.reserve(record.uid, record.ip);
      for (const record of records) if (!byUid.has(record.uid)) removeLeftover(deps, record);
      for (const uid of broken) deps.files.remove(uid);
      const known = new Set(kept.map(({ uid }) => uid));
      for (const uid of deps.network.list()) if (!known.has(uid)) deps.network.tearDown(uid, '');
      for (const pod of pods)
        begin(
          pod,
          kept.find(({ uid }) => uid === pod.metadata.uid),
        );
    },
    change: ({ prev, next }) => {
      const [before, now] = [prev?.metadata.uid ?? '', next?.metadata.uid ?? ''];
      if (prev !== undefined && before !== now) workers.get(before)?.update(undefined);
      if (next === undefined) return;
      const worker = workers.get(now);
      if (worker === undefined) begin(next);
      else worker.update(next);
    },
    workers: () => [...workers.values()],
    stop: async (graceMs) => {
      await Promise.all([...workers.values()].map((worker) => worker.stop(graceMs)));
      deps.network.dispose();
    },
    release: () => workers.forEach((worker) => worker.release()),
  };
}

/** A Pod that ended before this agent knew it is history. */
const isOver = ({ status, metadata }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && (status?.phase === 'Succeeded' || status?.phase === 'Failed');

/** Removes a Pod the API does not know any more: its processes at once, then network and files. */
function removeLeftover(deps: PodDependencies, record: PodRecord): void {
  for (const { run } of record.containers) {
    if (run === undefined || !isAlive(run.process)) continue;
    trySignal(-run.process.pid, 'SIGKILL');
    trySignal(run.process.pid, 'SIGKILL');
  }
  deps.network.tearDown(record.uid, record.ip);
  deps.files.remove(record.uid);
  deps.logger.info('removed what was left of a Pod', {
    pod: `${record.namespace}/${record.name}`,
    uid: record.uid,
  });
}
