// Lets proxies work with one API server, one after the other, each in a network namespace of its own, and prints a line for each:
// argv is a JSON of Question. Runs in namespaces of its own.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { sandboxFolder } from '../../src/testing/sandbox.ts';
import { quantile } from '../figure.ts';
import { residentMegabytes, treeProcessorMs } from '../resident.ts';
import { lastWords, readsEndpoints, startContender, stopContender } from './contender.ts';
import type { Contender } from './contender.ts';
import { addressOf, startObjects } from './objects.ts';
import type { Kind, Objects } from './objects.ts';
import { createPlace, prepareHost } from './place.ts';
import type { Place } from './place.ts';

export interface Question {
  readonly contenders: readonly Contender[];
  readonly sizes: readonly number[];
  readonly endpoints: number;
  readonly repeats: number;
  /** How long one measurement may take; what is not done by then is given up. */
  readonly limitSeconds: number;
  readonly kubernetesBin?: string;
}

/** Numbers of one run; a time that is missing was beyond the limit. */
export interface Measured {
  readonly contender: Contender;
  readonly services: number;
  /** Milliseconds, `rss` in MB. */
  readonly numbers: Readonly<Record<string, number>>;
  /** How many of each kind of change were made within the limit. */
  readonly changes: Readonly<Record<string, number>>;
  /** The end of the log of one that did not get through the full load. */
  readonly note?: string;
  /** It ended by itself. */
  readonly hasEnded: boolean;
}

/** Services asked in a full load: these many, evenly spread, the first and the last among them. */
const SAMPLE = 200;
const question = JSON.parse(process.argv[2] ?? '') as Question;
const limitMs = question.limitSeconds * 1000;

/** Waits until the processes have rested for a second, and no longer than a minute. */
async function untilQuiet(pid: number): Promise<void> {
  for (let [i, quiet] = [0, 0]; i < 240 && quiet < 4; i++) {
    const before = treeProcessorMs(pid);
    await sleep(250);
    quiet = treeProcessorMs(pid) - before <= 20 ? quiet + 1 : 0;
  }
}

class Run {
  readonly numbers: Record<string, number> = {};
  readonly changes: Record<string, number> = {};
  readonly #place: Place;
  readonly #child: ChildProcess;
  readonly #pid: number;
  /** So many changes of each kind, or fewer where there was no time for more Services. */
  #repeats = question.repeats;

  constructor(place: Place, child: ChildProcess) {
    [this.#place, this.#child, this.#pid] = [place, child, child.pid ?? 0];
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits until `isDone`; false when the time is over, or the process. */
  async #until(isDone: () => boolean, endMs: number): Promise<boolean> {
    while (!isDone()) {
      if (performance.now() > endMs || this.hasEnded) return false;
      await sleep(1);
    }
    return true;
  }

  /** From the start of the process to the last Service that answers; false: beyond the limit. */
  async fullLoad(services: number): Promise<boolean> {
    const startMs = performance.now();
    const asked = Math.min(SAMPLE, services);
    for (let i = 0; i < asked; i++) {
      const n = asked === 1 ? 0 : Math.round((i * (services - 1)) / (asked - 1));
      const isThere = await this.#until(() => this.#answers('steady', n), startMs + limitMs);
      if (!isThere) return false;
    }
    this.numbers['full_load'] = performance.now() - startMs;
    this.numbers['full_load_cpu'] = treeProcessorMs(this.#pid);
    await untilQuiet(this.#pid);
    this.numbers['rss'] = residentMegabytes(this.#pid).sum;
    return true;
  }

  /** Median time from before the change is sent to the first packet that shows it; and processor time of each, until all is quiet. */
  async change(name: string, kind: Kind, work: (n: number) => Promise<unknown>): Promise<void> {
    const times: number[] = [];
    const endMs = performance.now() + limitMs;
    const wanted = name !== 'remove_service';
    const cpuBefore = treeProcessorMs(this.#pid);
    for (let n = 0; n < this.#repeats && performance.now() < endMs; n++) {
      const startMs = performance.now();
      const written = work(n);
      const isSeen = await this.#until(() => this.#answers(kind, n) === wanted, endMs);
      const seenMs = performance.now();
      await written;
      if (!isSeen) break;
      times.push(seenMs - startMs);
      await untilQuiet(this.#pid);
    }
    this.changes[name] = times.length;
    if (name === 'add_service') this.#repeats = times.length;
    if (times.length === 0) return;
    this.numbers[name] = quantile(times, 0.5);
    this.numbers[`${name}_cpu`] = (treeProcessorMs(this.#pid) - cpuBefore) / times.length;
  }

  #answers(kind: Kind, n: number): boolean {
    return this.#place.isAnswered(addressOf(kind, n));
  }
}

async function measure(contender: Contender, services: number, objects: Objects): Promise<Measured> {
  const name = [contender.proxy, contender.mode, contender.backend, contender.minSyncPeriod, services].join(
    '-',
  );
  const place = createPlace(folder, name);
  const dir = `${folder}/${name}.d`;
  const { kubeconfig } = objects;
  const child: ChildProcess = startContender(contender, {
    dir,
    kubeconfig,
    netns: place.netns,
    kubernetesBin: question.kubernetesBin,
  });
  const run = new Run(place, child);
  let note: string | undefined;
  let nAdded = 0;
  let hasEnded = false;
  try {
    if (await run.fullLoad(services)) {
      await run.change('add_service', 'late', (n) => ((nAdded = n + 1), objects.create(n)));
      await run.change('change_endpoint', 'moved', (n) => objects.move(n, true));
      await run.change('remove_service', 'late', (n) => objects.remove(n));
    } else {
      run.numbers['full_load_cpu'] = treeProcessorMs(child.pid ?? 0);
      note = lastWords(dir);
      hasEnded = run.hasEnded;
    }
  } finally {
    await stopContender(child);
    place.close();
    for (let n = 0; n < question.repeats; n++) await objects.move(n, false);
    for (let n = run.changes['remove_service'] ?? 0; n < nAdded; n++) {
      await objects.remove(n).catch(() => undefined);
    }
  }
  const { numbers, changes } = run;
  return { contender, services, numbers, changes, hasEnded, ...(note === undefined ? {} : { note }) };
}

const folder = sandboxFolder('portico-compare-');
const server = await prepareHost();
const objects = await startObjects({
  dir: folder,
  endpoints: question.endpoints,
  repeats: question.repeats,
  hasEndpoints: question.contenders.some(readsEndpoints),
});
for (const services of question.sizes) {
  await objects.grow(services);
  for (const contender of question.contenders) {
    const measured = await measure(contender, services, objects);
    process.stdout.write(`${JSON.stringify(measured)}\n`);
  }
}
server.kill('SIGKILL');
objects.child.kill('SIGKILL');
process.exit(0);
