/** What a run of tests tells of one test: of these the reporter needs the file and the counts. */
interface Event {
  readonly type: string;
  readonly data: { readonly file?: string; readonly counts?: Counts; readonly success?: boolean };
}
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cancelled: number;
}

/** How a run ended, and which files of those that were run failed. */
export interface RunResult {
  readonly files: readonly string[];
  readonly counts: Counts;
}

/** A reporter for `test/run.ts` to read: the `RunResult` as JSON. A run that was broken off writes nothing. */
async function* report(source: AsyncIterable<Event>): AsyncGenerator<string> {
  const files = new Set<string>();
  let counts: Counts | undefined;
  for await (const { type, data } of source) {
    // The file of a test is the one it is written in, which may be a table's; a process that broke off has no summary of its own.
    if (type === 'test:fail' && data.file?.endsWith('.test.ts') === true) files.add(data.file);
    if (type !== 'test:summary') continue;
    if (data.file === undefined) counts = data.counts;
    else if (data.success !== true) files.add(data.file);
  }
  if (counts !== undefined) yield JSON.stringify({ files: [...files], counts } satisfies RunResult);
}

// The runner loads a reporter by its default export.
export { report as default };
