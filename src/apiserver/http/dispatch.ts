import { ApiError, pageNotFound } from '../../api/errors/api-error.ts';
import { deprecationOf, type KubeObject } from '../../api/kind.ts';
import type { ResourceRequest, Verb } from '../request-info.ts';
import type { Resource, WatchEvent } from '../rest/rest.ts';
import { presentationOf, readScope } from './call.ts';
import type { Call, Handle } from './call.ts';
import { watchQuery } from './list-options.ts';
import type { HttpResponse } from './message.ts';
import { wrongMethod } from './refusals.ts';
import type { Presentation } from './respond.ts';
import { endingStream } from './streams.ts';
import type { Streams } from './streams.ts';
import { subresourcesOf } from './subresources.ts';
import type { Subresource, SubresourceOptions } from './subresources.ts';
import { verbs } from './verbs.ts';
import { watchText } from './watch.ts';

/** A watch without a timeout of its own ends after this long, and up to twice as long (upstream's min-request-timeout). */
const WATCH_SECONDS = 1800;

export type Dispatch = (call: Omit<Call, 'resource'>) => Promise<HttpResponse>;

interface Route {
  readonly resource: Resource<KubeObject>;
  /** What who asks for a deprecated kind is told. */
  readonly deprecation: string | undefined;
  readonly main: ReadonlyMap<Verb, Handle>;
  readonly subresources: ReadonlyMap<string, Subresource>;
}

const keyOf = (group: string, version: string, plural: string): string => `${group}/${version}/${plural}`;

/** Finds the resource and the verb of a request, and adds the warnings to the answer. Throws 404 and 405. */
export function createDispatch(
  resources: readonly Resource<KubeObject>[],
  options: SubresourceOptions,
): Dispatch {
  const watch = watchHandle(options.streams);
  const routes = new Map(
    resources.map((resource): [string, Route] => [
      keyOf(resource.kind.group, resource.kind.version, resource.kind.plural),
      {
        resource,
        deprecation: deprecationOf(resource.kind),
        main: mainVerbs(resource, watch),
        subresources: new Map(subresourcesOf(resource, options).map((each) => [each.name, each])),
      },
    ]),
  );
  return async (partial) => {
    const { info } = partial;
    const route = routes.get(keyOf(info.group, info.version, info.resource));
    if (route === undefined) throw pageNotFound();
    const handle = findHandle(route, info);
    const warnings: string[] = route.deprecation === undefined ? [] : [route.deprecation];
    try {
      const response = await handle({ ...partial, resource: route.resource }, warnings);
      return warnings.length === 0 ? response : withWarnings(response, warnings);
    } catch (error) {
      if (warnings.length > 0 && error instanceof ApiError) warningsOf.set(error, warnings);
      throw error;
    }
  };
}

/** Refusals that come with warnings. */
const warningsOf = new WeakMap<ApiError, readonly string[]>();

/** The answer to a refused request, with what there was to warn of. */
export function withWarningsOf(error: unknown, response: HttpResponse): HttpResponse {
  const warnings = error instanceof ApiError ? warningsOf.get(error) : undefined;
  return warnings === undefined ? response : withWarnings(response, warnings);
}

function mainVerbs(resource: Resource<KubeObject>, watch: Handle): ReadonlyMap<Verb, Handle> {
  const all: Readonly<Record<Verb, Handle>> = { ...verbs, watch };
  const names = (Object.keys(all) as Verb[]).filter((verb) => resource.verbs.includes(verb));
  return new Map(names.map((verb) => [verb, all[verb]]));
}

function findHandle({ resource, main, subresources }: Route, info: ResourceRequest): Handle {
  const subresource = subresources.get(info.subresource);
  if (info.rest.length > 0 && subresource?.isOpen !== true) throw pageNotFound();
  const { isNamespaced } = resource.kind;
  const isInNamespace = info.namespace !== '';
  if (isInNamespace && !isNamespaced) throw pageNotFound();
  if (isNamespaced && !isInNamespace) {
    // Across all namespaces there is only reading of the collection.
    if (info.name !== '') throw pageNotFound();
    if (info.verb !== 'list' && info.verb !== 'watch') throw wrongMethod();
  }
  if (info.subresource !== '') {
    if (subresource === undefined) throw pageNotFound();
    if (info.verb === '' && subresource.isOpen === true) return subresource.verbs.get ?? refuse();
    return (info.verb === '' ? undefined : subresource.verbs[info.verb]) ?? refuse();
  }
  const isOnCollection = info.name === '';
  const isCollectionVerb = collectionVerbs.has(info.verb);
  if (info.verb === '' || isOnCollection !== isCollectionVerb) return refuse();
  return main.get(info.verb) ?? refuse();
}

const collectionVerbs: ReadonlySet<string> = new Set(['list', 'watch', 'create', 'deletecollection']);

function refuse(): never {
  throw wrongMethod();
}

/** Upstream's limits, in characters: of all warnings, and of each once they are more than that together. */
const WARNINGS_LENGTH = 4096;
const LONG_WARNING = 256;

/** RFC 7234 5.5: code 299, no agent, quoted text. Each sentence once; those beyond the limit are left out. */
function withWarnings(response: HttpResponse, warnings: readonly string[]): HttpResponse {
  const texts = [...new Set(warnings.map((text) => text.replace(/[^\x20-\x7e]+/g, ' ')))];
  const isLong = texts.reduce((sum, { length }) => sum + length, 0) > WARNINGS_LENGTH;
  const quoted: string[] = [];
  let room = WARNINGS_LENGTH;
  for (const whole of texts) {
    const text = isLong ? whole.slice(0, LONG_WARNING) : whole;
    room -= text.length;
    if (room < 0) break;
    quoted.push(`299 - "${text.replace(/["\\]/g, '\\$&')}"`);
  }
  return { ...response, headers: { ...response.headers, warning: quoted } };
}

const watchHandle =
  (streams: Streams): Handle =>
  async (call, warnings) => {
    const presentation = presentationOf(call, 'watch');
    const query = watchQuery(call.query);
    const seconds = query.timeoutSeconds ?? WATCH_SECONDS * (1 + Math.random());
    const { signal, end } = streams.open(call.request.signal, seconds * 1000);
    const events = call.resource.read.watch({ ...readScope(call, warnings), signal }, query);
    return { ...(await watchAnswer(call, events, { presentation, end })), status: 200 };
  };

/** JSON lines, or frames of protobuf. */
async function watchAnswer(
  { resource, now }: Call,
  events: AsyncIterable<readonly WatchEvent<KubeObject>[]>,
  { presentation, end }: { readonly presentation: Presentation; readonly end: () => void },
): Promise<Pick<HttpResponse, 'headers' | 'body'>> {
  const { accepted } = presentation;
  if (accepted.encoding !== 'protobuf') {
    const text = watchText({ resource, events, presentation, now });
    return { headers: { 'content-type': 'application/json' }, body: endingStream(text, end) };
  }
  const { protobufWatch } = await import('./protobuf.ts');
  const frames = protobufWatch({ resource, events, accepted });
  const type = 'application/vnd.kubernetes.protobuf;stream=watch';
  return { headers: { 'content-type': type }, body: endingStream(frames, end) };
}
