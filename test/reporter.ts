import { Readable } from 'node:stream';
import { spec } from 'node:test/reporters';

interface Coverage {
  readonly totals: { readonly coveredLinePercent: number };
  readonly files: readonly {
    readonly path: string;
    readonly coveredLinePercent: number;
    readonly totalLineCount: number;
  }[];
}
interface Event {
  readonly type: string;
  readonly data: { readonly summary?: Coverage; readonly file?: string; readonly counts?: Counts };
}
interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cancelled: number;
}

/** The spec reporter, with the coverage table shortened to what a reader acts on, and the counts in the last line. */
async function* report(source: AsyncIterable<Event>): AsyncGenerator<string> {
  let coverage: Coverage | undefined;
  let counts: Counts | undefined;
  const events = async function* (): AsyncGenerator<Event> {
    for await (const event of source) {
      if (event.type === 'test:coverage') coverage = event.data.summary;
      else yield event;
      if (event.type === 'test:summary' && event.data.file === undefined) counts = event.data.counts;
    }
  };
  for await (const text of Readable.from(events()).pipe(new spec())) yield String(text);
  if (coverage !== undefined) yield describeCoverage(coverage);
  if (counts !== undefined) {
    yield `\n${counts.passed} passed, ${counts.failed + counts.cancelled} failed, ${counts.skipped} skipped\n`;
  }
}

function describeCoverage({ totals, files }: Coverage): string {
  const weakest = files
    .filter((f) => f.totalLineCount > 0)
    .sort(
      (a, b) =>
        (1 - b.coveredLinePercent / 100) * b.totalLineCount -
        (1 - a.coveredLinePercent / 100) * a.totalLineCount,
    )
    .slice(0, 12)
    .map(
      (f) => `  ${f.coveredLinePercent.toFixed(1).padStart(5)} %  ${f.path.replace(`${process.cwd()}/`, '')}`,
    );
  return `\nlines of src run by the tests: ${totals.coveredLinePercent.toFixed(2)} % of ${files.length} files; most uncovered lines in\n${weakest.join('\n')}\n`;
}

// The runner loads a reporter by its default export.
export { report as default };
