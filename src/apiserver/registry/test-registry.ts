import { parseFieldSelector } from '../../api/selectors/field-selector.ts';
import { parseLabelSelector } from '../../api/selectors/label-selector.ts';
import { ApiError } from '../../api/errors/api-error.ts';
import type { KubeObject } from '../../api/kind.ts';
import { ipAddresses } from '../../api/networking/v1/ip-address.ts';
import { type FakeClock, fakeClock } from '../../base/clock.ts';
import type { JsonObject } from '../../base/json.ts';
import { silentLogger } from '../../base/logger.ts';
import { parseCidr } from '../../net/cidr.ts';
import { createMemoryStore } from '../../storage/memory/memory-store.ts';
import type { Store } from '../../storage/store.ts';
import type { ListQuery, RequestScope, Resource, WatchEvent, WatchQuery } from '../rest/rest.ts';
import { objectPrefix } from '../cache/stored-object.ts';
import type { RegistryConfig } from './registry-config.ts';
import { createResources, type Registry } from './resources.ts';

/** 2026-01-01T00:00:00Z: when the tests' clock starts. */
export const START_MS = Date.UTC(2026, 0, 1);

export const testConfig: RegistryConfig = {
  serviceCidrs: [cidr('10.96.0.0/12')],
  nodePortRange: { first: 30000, size: 2768 },
  advertise: { address: '172.18.0.1', port: 6443 },
};

export function cidr(text: string): NonNullable<ReturnType<typeof parseCidr>> {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no CIDR`);
  return parsed;
}

export interface TestRegistry {
  readonly registry: Registry;
  readonly store: Store;
  readonly clock: FakeClock;
  resource(plural: string): Resource<KubeObject>;
  stop(): Promise<void>;
}

/** A running registry over a store of its own (or a given one), ready for requests. */
export async function startRegistry(
  options: { readonly store?: Store; readonly config?: Partial<RegistryConfig> } = {},
): Promise<TestRegistry> {
  const store = options.store ?? createMemoryStore();
  const clock = fakeClock(START_MS);
  const config = { ...testConfig, ...options.config };
  const registry = await createResources({ store, config, clock, logger: silentLogger });
  const stopping = new AbortController();
  const running = registry.run(stopping.signal);
  for (let i = 0; i < 200 && !registry.ready(); i++) await new Promise((resolve) => setImmediate(resolve));
  if (!registry.ready()) throw new Error('the registry did not become ready');
  return {
    registry,
    store,
    clock,
    resource(plural) {
      const found = registry.list.find(({ kind }) => kind.plural === plural);
      if (found === undefined) throw new Error(`no resource ${plural}`);
      return found;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

export const scopeOf = (namespace = 'default', changes: Partial<RequestScope> = {}): RequestScope => ({
  namespace,
  user: { name: 'tester', groups: ['system:authenticated'] },
  warnings: [],
  signal: new AbortController().signal,
  fieldValidation: 'Strict',
  isDryRun: false,
  fieldManager: 'test',
  ...changes,
});

export const queryOf = (
  changes: Partial<Omit<WatchQuery, 'labelSelector' | 'fieldSelector'>> & {
    readonly labels?: string;
    readonly fields?: string;
  } = {},
): WatchQuery => {
  const { labels = '', fields = '', ...rest } = changes;
  const base: ListQuery = {
    labelSelector: parseLabelSelector(labels),
    fieldSelector: parseFieldSelector(fields),
  };
  return { allowWatchBookmarks: false, ...base, ...rest };
};

/** The keys of all addresses and node ports that are taken. */
export async function claimedKeys(store: Store): Promise<readonly string[]> {
  const lists = await Promise.all([store.list(objectPrefix(ipAddresses)), store.list('/claims/')]);
  return lists.flatMap(({ entries }) => entries.map(({ key }) => key));
}

/** What a refused request was answered: `code reason: message`. */
export async function refusalOf(request: Promise<unknown>): Promise<string> {
  try {
    await request;
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.reason}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

/** Any object as the JSON it is, for looking into it. */
export const json = (object: unknown): JsonObject => object as JsonObject;

/** Reads a watch in the background: what has come so far, as `TYPE name`. */
export function follow(events: AsyncIterable<readonly WatchEvent<KubeObject>[]>): {
  readonly seen: WatchEvent<KubeObject>[];
  readonly texts: () => string[];
  readonly ended: Promise<void>;
} {
  const seen: WatchEvent<KubeObject>[] = [];
  const ended = (async () => {
    for await (const batch of events) seen.push(...batch);
  })();
  const text = (event: WatchEvent<KubeObject>): string =>
    'object' in event ? `${event.type} ${event.object.metadata.name}` : event.type;
  return { seen, texts: () => seen.map(text), ended };
}

/** Lets everything that is under way come to rest. */
export async function settle(turns = 5): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
