import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodRecord } from './model.ts';

/** The agent's memory of its Pods: one small file each, replaced whole, so that after kill -9 either the old or the new one is there. */
export interface StateFiles {
  /** All readable records; a file that is none is reported and left alone. */
  load(): { readonly records: readonly PodRecord[]; readonly broken: readonly string[] };
  save(record: PodRecord): void;
  /** Removes the Pod's folder and its logs. */
  remove(uid: string): void;
  /** The Pod's folder. */
  directory(uid: string): string;
}

const isRecord = (value: unknown): value is PodRecord =>
  typeof value === 'object' && value !== null && 'uid' in value && 'containers' in value && 'ip' in value;

/** `root` has a folder per Pod, `logs` one per Pod whose name ends in the Pod's uid. */
export function openStateFiles(root: string, logs: string): StateFiles {
  const directory = (uid: string): string => join(root, uid);
  const fileOf = (uid: string): string => join(directory(uid), 'state.json');
  return {
    directory,
    load: () => {
      mkdirSync(root, { recursive: true });
      const records: PodRecord[] = [];
      const broken: string[] = [];
      for (const uid of readdirSync(root)) {
        try {
          const value: unknown = JSON.parse(readFileSync(fileOf(uid), 'utf8'));
          if (isRecord(value)) records.push(value);
          else broken.push(uid);
        } catch {
          broken.push(uid);
        }
      }
      return { records, broken };
    },
    save: (record) => {
      const path = fileOf(record.uid);
      mkdirSync(directory(record.uid), { recursive: true });
      writeFileSync(`${path}.new`, JSON.stringify(record));
      renameSync(`${path}.new`, path);
    },
    remove: (uid) => {
      rmSync(directory(uid), { recursive: true, force: true });
      const folders = existsSync(logs) ? readdirSync(logs) : [];
      for (const name of folders.filter((folder) => folder.endsWith(`_${uid}`))) {
        rmSync(join(logs, name), { recursive: true, force: true });
      }
    },
  };
}
