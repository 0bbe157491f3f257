import { readdirSync, readFileSync } from 'node:fs';

/** Fields of /proc/PID/stat from the third on; the name before may hold anything. */
const statFields = (pid: number | string): string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');

/** Process ids by parent. */
function childrenOf(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = statFields(name);
      const parent = Number(fields[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      continue; // it ended meanwhile
    }
  }
  return children;
}

/**
 * Memory of a process and everything below it, in MB: `proportional` counts a page that several of them share once
 * (the sum of Pss of /proc/PID/smaps_rollup), `sum` as often as it is mapped (the sum of Rss).
 */
export function residentMegabytes(pid: number): { readonly proportional: number; readonly sum: number } {
  const children = childrenOf();
  let [pss, rss] = [0, 0];
  const visit = (p: number): void => {
    try {
      const text = readFileSync(`/proc/${p}/smaps_rollup`, 'utf8');
      pss += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
      rss += Number(/^Rss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    } catch {
      // it ended meanwhile
    }
    for (const child of children.get(p) ?? []) visit(child);
  };
  visit(pid);
  return { proportional: pss / 1024, sum: rss / 1024 };
}

/** Processor time of a process and all below it, those that have ended and were waited for among them, in milliseconds. */
export function treeProcessorMs(pid: number): number {
  const children = childrenOf();
  const visit = (p: number): number => {
    let ticks = 0;
    try {
      const fields = statFields(p);
      // Fields 14 to 17 of the whole line: its own, and those of its children that ended.
      ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    } catch {
      // it ended meanwhile
    }
    return (children.get(p) ?? []).reduce((sum, child) => sum + visit(child), ticks * 10);
  };
  return visit(pid);
}

/** Processor time that a process has used so far, in milliseconds: what a request costs, however busy the machine is. */
export function processorMs(pid: number): number {
  const fields = statFields(pid);
  // In ticks of 10 ms: fields 14 and 15 of the whole line.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
