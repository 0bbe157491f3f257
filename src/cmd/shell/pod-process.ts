import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodRecord } from '../../node/pods/model.ts';
import type { ClusterFile } from '../up/data-dir.ts';
import { UserError } from '../up/user-error.ts';

/** A running container, as the sandbox numbers its processes. */
export interface PodProcess {
  /** The container's first process: its namespaces are the container's. */
  readonly pid: number;
  /** The container's own environment. */
  readonly env: Readonly<Record<string, string>>;
}

function recordsBelow(folder: string): PodRecord[] {
  const read = (uid: string): PodRecord[] => {
    try {
      return [JSON.parse(readFileSync(join(folder, uid, 'state.json'), 'utf8')) as PodRecord];
    } catch {
      return []; // it is being made or removed
    }
  };
  try {
    return readdirSync(folder).flatMap(read);
  } catch {
    return []; // no Pod ever ran on that node
  }
}

function environment(file: string): Record<string, string> {
  const entries = readFileSync(file, 'utf8').split('\0').filter(Boolean);
  return Object.fromEntries(entries.map((entry) => entry.split(/=(.*)/s, 2) as [string, string]));
}

/** The first running container of `[namespace/]name`; a UserError when there is none. */
export function findPodProcess(cluster: ClusterFile, root: string, pod: string): PodProcess {
  const [name = '', namespace = 'default'] = pod.split('/').reverse();
  const records = cluster.nodes.flatMap((node) => recordsBelow(join(root, 'nodes', node.name, 'pods')));
  const found = records.find((record) => record.namespace === namespace && record.name === name);
  const run = found?.containers.find((container) => container.run !== undefined)?.run;
  if (run === undefined) {
    const reason = found === undefined ? 'there is no such Pod on any node' : 'none of its containers runs';
    throw new UserError(`--pod ${namespace}/${name}: ${reason}; see \`kubectl get pods -n ${namespace}\``);
  }
  const { pid } = run.process;
  const proc = `/proc/${cluster.sandbox?.pid}/root/proc`;
  const [child = pid] = readFileSync(`${proc}/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean);
  return { pid, env: environment(`${proc}/${child}/environ`) };
}
