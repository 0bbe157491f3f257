import {
  createCounter,
  createGauge,
  createHistogram,
  createInstruments,
  exponentialBounds,
} from '../../base/instruments.ts';
import type { Instruments } from '../../base/instruments.ts';
import type { Clock } from '../../base/clock.ts';
import { isStream, type HttpResponse } from '../http/message.ts';
import { whenSent, type Observe } from '../http/observation.ts';
import type { RequestInfo } from '../request-info.ts';

/** Bounds and labels of all these are upstream's (apiserver/pkg/endpoints/metrics, storage/etcd3/metrics). */
const REQUEST_SECONDS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const STORAGE_SECONDS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const TARGET = ['group', 'version', 'resource', 'subresource', 'scope'];

export interface ServerMetrics {
  readonly instruments: Instruments;
  readonly observe: Observe;
  /** Storage operations as upstream counts those to etcd: `seconds` each took, and whether it failed. */
  readonly stored: (operation: string, key: string, outcome: StoredOutcome) => void;
  /** `count` events have been handed to one watcher. */
  readonly watched: (kind: WatchedKind, count: number) => void;
}

export interface StoredOutcome {
  readonly seconds: number;
  readonly isFailed: boolean;
}

export interface WatchedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface ServerMetricsOptions {
  readonly clock: Clock;
  /** Whether there is such a resource: what is not served must not make label values. */
  readonly isServed: (group: string, version: string, resource: string) => boolean;
  /** Objects by resource, as `services` or `deployments.apps`. */
  readonly objects: () => Iterable<readonly [resource: string, count: number]>;
}

export function createServerMetrics(options: ServerMetricsOptions): ServerMetrics {
  const instruments = createInstruments();
  const storage = storageMetrics(instruments);
  const watchEvents = instruments.add(
    createCounter({
      name: 'apiserver_watch_events_total',
      help: 'Number of events sent in watch clients',
      labels: ['group', 'version', 'kind'],
    }),
  );
  instruments.add(
    createGauge(
      {
        name: 'apiserver_storage_objects',
        help: 'Number of stored objects at the time of last check split by kind.',
        labels: ['resource'],
      },
      () => [...options.objects()].map(([resource, count]) => [[resource], count] as const),
    ),
  );
  return {
    instruments,
    observe: requestMetrics(instruments, options),
    stored: storage,
    watched: ({ group, version, kind }, count) => watchEvents.add([group, version, kind], count),
  };
}

function storageMetrics(instruments: Instruments): ServerMetrics['stored'] {
  const labels = ['operation', 'group', 'resource'];
  const seconds = instruments.add(
    createHistogram(
      {
        name: 'etcd_request_duration_seconds',
        help: 'Storage request latency in seconds for each operation and object type, whichever store is used.',
        labels,
      },
      STORAGE_SECONDS,
    ),
  );
  const total = instruments.add(
    createCounter({
      name: 'etcd_requests_total',
      help: 'Storage request counts for each operation and object type, whichever store is used.',
      labels,
    }),
  );
  const errors = instruments.add(
    createCounter({
      name: 'etcd_request_errors_total',
      help: 'Failed storage request counts for each operation and object type, whichever store is used.',
      labels,
    }),
  );
  const figuresOf = remembered((operation: string) =>
    remembered((prefix: string) => {
      const values = [operation, ...resourceOfKey(prefix)];
      return { total: total.of(values), seconds: seconds.of(values), errors: errors.of(values) };
    }),
  );
  return (operation, key, outcome) => {
    const own = figuresOf(operation)(prefixOf(key));
    own.total();
    own.seconds(outcome.seconds);
    if (outcome.isFailed) own.errors();
  };
}

/** What was made for something is not made again. Only for things of which there are few. */
function remembered<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    let found = made.get(key);
    if (found === undefined) made.set(key, (found = make(key)));
    return found;
  };
}

const ROOT = '/registry/';

/** `/registry/RESOURCE[.GROUP]`, or '' for a key that is no object's. */
function prefixOf(key: string): string {
  if (!key.startsWith(ROOT)) return '';
  const end = key.indexOf('/', ROOT.length);
  return end < 0 ? key : key.slice(0, end);
}

/** Group and resource of a prefix; what is no object has neither. */
function resourceOfKey(prefix: string): readonly [group: string, resource: string] {
  const name = prefix.slice(ROOT.length);
  const dot = name.indexOf('.');
  return dot < 0 ? ['', name] : [name.slice(dot + 1), name.slice(0, dot)];
}

interface Facts {
  readonly verb: string;
  readonly isDryRun: boolean;
  readonly target: readonly string[];
  readonly isMutating: boolean;
}

/** What is counted of the requests of one sort. */
interface RequestFigures {
  readonly answered: (status: number) => () => void;
  readonly seconds: (value: number) => void;
  readonly size: (value: number) => void;
  readonly running: (by: number) => void;
}

function requestInstruments(instruments: Instruments) {
  const labels = ['verb', 'dry_run', ...TARGET, 'component'];
  const total = instruments.add(
    createCounter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      labels: [...labels, 'code'],
    }),
  );
  const seconds = instruments.add(
    createHistogram(
      {
        name: 'apiserver_request_duration_seconds',
        help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
        labels,
      },
      REQUEST_SECONDS,
    ),
  );
  const sizes = instruments.add(
    createHistogram(
      {
        name: 'apiserver_response_sizes',
        help: 'Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.',
        labels: ['verb', ...TARGET, 'component'],
      },
      exponentialBounds(1000, 10, 7),
    ),
  );
  const inflight = instruments.add(inflightGauge());
  const long = instruments.add(
    createCounter({
      name: 'apiserver_longrunning_requests',
      help: 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component.',
      labels: ['verb', ...TARGET, 'component'],
    }),
  );
  return { total, seconds, sizes, inflight, long };
}

function requestMetrics(instruments: Instruments, { clock, isServed }: ServerMetricsOptions): Observe {
  const { total, seconds, sizes, inflight, long } = requestInstruments(instruments);
  const all = new Map<string, RequestFigures>();
  /** Those of all requests of one sort, of which there are few. */
  const figuresOf = ({ verb, isDryRun, target }: Facts): RequestFigures => {
    const key = `${verb} ${isDryRun} ${target.join(' ')}`;
    let figures = all.get(key);
    if (figures === undefined) {
      const short = [verb, ...target, 'apiserver'];
      const values = [verb, isDryRun ? 'All' : '', ...target, 'apiserver'];
      figures = {
        answered: remembered((status: number) => total.of([...values, String(status)])),
        seconds: seconds.of(values),
        size: sizes.of(short),
        running: long.of(short),
      };
      all.set(key, figures);
    }
    return figures;
  };
  return ({ method }) => {
    const startedAt = clock.now();
    // HTTP/2 lets clients make up methods, and each would be counted for ever.
    let facts: Facts = {
      verb: knownVerb(method),
      isDryRun: false,
      target: NOWHERE,
      isMutating: method !== 'GET',
    };
    let hasBegun = false;
    return {
      asked(info, query) {
        facts = factsOf(method, info, { query, isServed });
        hasBegun = facts.verb !== 'WATCH' && facts.verb !== 'CONNECT';
        if (hasBegun) inflight.begin(facts.isMutating);
      },
      answered(response) {
        const { verb } = facts;
        const figures = figuresOf(facts);
        const done = (): void => figures.seconds((clock.now() - startedAt) / 1000);
        figures.answered(response.status)();
        if (hasBegun) inflight.end(facts.isMutating);
        if (!isStream(response.body)) {
          if (verb === 'GET' || verb === 'LIST') figures.size(lengthOf(response));
          done();
          return response;
        }
        figures.running(1);
        return whenSent(response, () => {
          figures.running(-1);
          if (verb !== 'WATCH' && verb !== 'CONNECT') done();
        });
      },
    };
  };
}

/** Named a counter, but it goes both ways. */
function inflightGauge() {
  const running = { readOnly: 0, mutating: 0 };
  const gauge = createGauge(
    {
      name: 'apiserver_current_inflight_requests',
      help: 'Number of currently used inflight request limit of this apiserver per request kind.',
      labels: ['request_kind'],
    },
    () => Object.entries(running).map(([kind, count]) => [[kind], count] as const),
  );
  const change = (isMutating: boolean, by: number): void => {
    running[isMutating ? 'mutating' : 'readOnly'] += by;
  };
  return {
    ...gauge,
    begin: (isMutating: boolean): void => change(isMutating, 1),
    end: (isMutating: boolean): void => change(isMutating, -1),
  };
}

/** Characters stand for bytes: almost all are ASCII, and counting exactly would cost more than the figure is worth. */
function lengthOf({ body }: HttpResponse): number {
  if (typeof body === 'string' || body instanceof Uint8Array) return body.length;
  return Array.isArray(body) ? (body as readonly string[]).reduce((sum, piece) => sum + piece.length, 0) : 0;
}

const NOWHERE: readonly string[] = ['', '', '', '', ''];
const verbNames: Readonly<Record<string, string>> = { create: 'POST', update: 'PUT' };
const connecting: ReadonlySet<string> = new Set(['proxy', 'exec', 'attach', 'portforward', 'log']);
/** Paths that are no resources and yet worth a label of their own. */
const knownPath = /^\/(healthz|livez|readyz|metrics|version|api|apis|openapi\/v[23])$/;

interface FactsContext {
  readonly query: URLSearchParams;
  readonly isServed: ServerMetricsOptions['isServed'];
}

function factsOf(method: string, info: RequestInfo, { query, isServed }: FactsContext): Facts {
  const isMutating = method !== 'GET' && method !== 'HEAD';
  if (!info.isResource) {
    const target = ['', '', '', knownPath.test(info.path) ? info.path : '', ''];
    return { verb: knownVerb(method), isDryRun: false, target, isMutating };
  }
  const { group, version, resource, subresource, namespace, name } = info;
  if (!isServed(group, version, resource))
    return { verb: knownVerb(method), isDryRun: false, target: NOWHERE, isMutating };
  const isConnect = connecting.has(subresource) && info.verb !== '';
  const verb = isConnect ? 'CONNECT' : (verbNames[info.verb] ?? info.verb.toUpperCase());
  const scope = name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
  const target = [group, version, resource, isKnownSubresource(subresource) ? subresource : '', scope];
  return { verb: verb === '' ? 'OTHER' : verb, isDryRun: query.has('dryRun'), target, isMutating };
}

const subresourceNames: ReadonlySet<string> = new Set([
  ...connecting,
  'status',
  'scale',
  'binding',
  'eviction',
  'finalize',
  'token',
  'approval',
  'ephemeralcontainers',
  'resize',
]);
const isKnownSubresource = (name: string): boolean => subresourceNames.has(name);

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const knownVerb = (method: string): string => (methods.has(method) ? method : 'OTHER');
