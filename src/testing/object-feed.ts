import type { Kind, KubeObject } from '../api/kind.ts';
import { objectKey } from '../api/kind.ts';
import { matchesLabels, parseLabelSelector } from '../api/selectors/label-selector.ts';
import type { Transport, TransportRequest, TransportResponse } from '../client/transport.ts';

/**
 * An API server reduced to what an informer needs: list, and watch from any version, with label selectors, over objects
 * a test puts in. No validation, no defaults: an object comes out as it went in.
 */
export interface ObjectFeed {
  readonly transport: Transport;
  /** Creates or replaces; the same turn's changes reach a watcher in one piece. */
  put<T extends KubeObject>(kind: Kind<T>, object: T): void;
  remove<T extends KubeObject>(kind: Kind<T>, object: T): void;
  /** While false every request fails and the watches that ran are broken. */
  setReachable(isReachable: boolean): void;
}

interface Happened {
  readonly version: number;
  readonly plural: string;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

interface Watcher {
  readonly plural: string;
  readonly isWanted: (object: KubeObject) => boolean;
  readonly send: (line: string) => void;
  readonly fail: () => void;
}

export function createObjectFeed(): ObjectFeed {
  const objects = new Map<string, Map<string, KubeObject>>();
  const watchers = new Set<Watcher>();
  const history: Happened[] = [];
  let version = 1;
  let isUp = true;

  const ofPlural = (plural: string): Map<string, KubeObject> => {
    const known = objects.get(plural) ?? new Map<string, KubeObject>();
    objects.set(plural, known);
    return known;
  };
  const announce = (change: Happened): void => {
    history.push(change);
    for (const watcher of watchers) tell(watcher, change);
  };
  const set = <T extends KubeObject>(kind: Kind<T>, object: T, after: KubeObject | undefined): void => {
    const key = objectKey(object);
    const known = ofPlural(kind.plural);
    const before = known.get(key);
    if (after === undefined) known.delete(key);
    else known.set(key, after);
    announce({ version, plural: kind.plural, before, after });
  };

  const request = (req: TransportRequest): Promise<TransportResponse> => {
    if (!isUp) return Promise.reject(new Error('the test server cannot be reached'));
    const url = new URL(req.path, 'http://test');
    const plural = url.pathname.split('/').at(-1) ?? '';
    const selector = parseLabelSelector(url.searchParams.get('labelSelector') ?? '');
    const isWanted = (object: KubeObject): boolean => matchesLabels(selector, object.metadata.labels ?? {});
    if (url.searchParams.get('watch') === 'true') {
      const from = Number(url.searchParams.get('resourceVersion') ?? version);
      const missed = history.filter((change) => change.version > from);
      return Promise.resolve(response(watchBody({ plural, isWanted, missed, watchers }, req.signal)));
    }
    const items = [...ofPlural(plural).values()].filter(isWanted);
    const list = { metadata: { resourceVersion: String(version) }, items };
    return Promise.resolve(response(once(JSON.stringify(list))));
  };

  return {
    transport: { request, close: () => undefined },
    put: (kind, object) => set(kind, object, versioned(object, ++version)),
    remove: (kind, object) => {
      version++;
      set(kind, object, undefined);
    },
    setReachable: (isReachable) => {
      isUp = isReachable;
      if (!isUp) for (const watcher of watchers) watcher.fail();
    },
  };
}

function tell(watcher: Watcher, { version, plural, before, after }: Happened): void {
  if (watcher.plural !== plural) return;
  const was = before !== undefined && watcher.isWanted(before);
  const is = after !== undefined && watcher.isWanted(after);
  if (is) watcher.send(eventLine(was ? 'MODIFIED' : 'ADDED', after));
  else if (was) watcher.send(eventLine('DELETED', versioned(before, version)));
}

const versioned = (object: KubeObject, version: number): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(version) },
});

const eventLine = (type: string, object: KubeObject): string => `${JSON.stringify({ type, object })}\n`;

const response = (body: AsyncIterable<Uint8Array>): TransportResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body,
});

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

interface WatchStart extends Pick<Watcher, 'plural' | 'isWanted'> {
  readonly missed: readonly Happened[];
  readonly watchers: Set<Watcher>;
}

function watchBody(
  { plural, isWanted, missed, watchers }: WatchStart,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  let waiting: string[] = [];
  let failure: Error | undefined;
  let wake: () => void = () => undefined;
  const watcher: Watcher = {
    plural,
    isWanted,
    send: (line) => {
      waiting.push(line);
      wake();
    },
    fail: () => {
      failure = new Error('the connection broke');
      wake();
    },
  };
  // Registered before the body is read: what happens in between is not lost.
  for (const change of missed) tell(watcher, change);
  watchers.add(watcher);
  signal?.addEventListener('abort', () => wake(), { once: true });
  return (async function* () {
    try {
      while (signal?.aborted !== true) {
        if (failure !== undefined) throw failure;
        if (waiting.length > 0) {
          const text = waiting.join('');
          waiting = [];
          yield Buffer.from(text);
          continue;
        }
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      watchers.delete(watcher);
    }
  })();
}
