import { request, type RequestOptions } from 'node:https';

interface Frame {
  readonly type: string;
  readonly object: {
    readonly code?: number;
    readonly metadata?: { readonly name: string; readonly resourceVersion: string };
  };
}

/**
 * The simplest client that is right: it lists, watches from there, resumes from the last version it saw when the
 * connection ends, and lists again when it is told that this is too old.
 */
export async function followPlainly(
  options: RequestOptions,
  path: string,
  { state, signal }: { readonly state: Map<string, string>; readonly signal: AbortSignal },
): Promise<{ readonly lists: number; readonly watches: number }> {
  let [lists, watches] = [0, 0];
  let version: string | undefined;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const { items, metadata } = JSON.parse(await whole(options, path, signal)) as {
          items: Required<Frame['object']>[];
          metadata: { resourceVersion: string };
        };
        lists++;
        state.clear();
        for (const { metadata: each } of items) state.set(each.name, each.resourceVersion);
        version = metadata.resourceVersion;
      }
      watches++;
      for await (const line of lines(options, `${path}?watch=1&resourceVersion=${version}`, signal)) {
        const { type, object } = JSON.parse(line) as Frame;
        if (type === 'ERROR' || object.metadata === undefined) {
          version = undefined;
          break;
        }
        const { name, resourceVersion } = object.metadata;
        if (type === 'DELETED') state.delete(name);
        else state.set(name, resourceVersion);
        version = resourceVersion;
      }
    } catch {
      // Whatever it was: once more.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { lists, watches };
}

async function* chunks(options: RequestOptions, path: string, signal: AbortSignal): AsyncGenerator<string> {
  const response = await new Promise<AsyncIterable<Buffer> & { statusCode?: number }>((resolve, reject) => {
    request({ ...options, path, agent: false, signal }, resolve)
      .on('error', reject)
      .end();
  });
  if (response.statusCode !== 200) throw new Error(`the server answered ${response.statusCode}`);
  for await (const chunk of response) yield chunk.toString('latin1');
}

async function whole(options: RequestOptions, path: string, signal: AbortSignal): Promise<string> {
  let text = '';
  for await (const chunk of chunks(options, path, signal)) text += chunk;
  return text;
}

async function* lines(options: RequestOptions, path: string, signal: AbortSignal): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks(options, path, signal)) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
