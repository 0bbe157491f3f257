import { apiVersionOf, type KubeObject } from '../../api/kind.ts';
import type { Verb } from '../request-info.ts';
import type { Connect, CreateAction, Resource } from '../rest/rest.ts';
import { objectBody, presentationOf, readScope, writeScope } from './call.ts';
import { objectAnswer } from './respond.ts';
import type { Handle } from './call.ts';
import { bindPod, evictPod } from './pod-actions.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { endingStream, untilAborted } from './streams.ts';
import type { Streams } from './streams.ts';
import { getObject, patch, update } from './verbs.ts';

/** What stands under an object's own path. */
export interface Subresource {
  readonly name: string;
  /** What it answers with, as discovery says. */
  readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: Readonly<Partial<Record<Verb, Handle>>>;
  /** Takes methods that mean nothing for objects too, and paths below its own: a proxy. */
  readonly isOpen?: boolean;
}

/** Subresources that lead out of the server, of the resource with that group and plural. */
export type Connectors = (kind: {
  readonly group: string;
  readonly plural: string;
}) => readonly Subresource[];

export interface SubresourceOptions {
  readonly streams: Streams;
  readonly connectors?: Connectors;
}

/** Every subresource of a resource, in alphabetical order. */
export function subresourcesOf(
  resource: Resource<KubeObject>,
  { streams, connectors }: SubresourceOptions,
): readonly Subresource[] {
  const { kind } = resource;
  const own = { group: kind.group, version: kind.version, kind: kind.kind };
  const found: Subresource[] = [
    ...(special.get(`${kind.group}/${kind.plural}`) ?? []),
    ...(connectors?.(kind) ?? []),
  ];
  if (kind.subresources.includes('status')) {
    found.push({ name: 'status', responseKind: own, verbs: { get: getObject, patch, update } });
  }
  if (kind.subresources.includes('scale')) {
    const scale = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
    const verbs = { get: getScale, patch: patchScale, update: updateScale };
    found.push({ name: 'scale', responseKind: scale, verbs });
  }
  for (const [name, action] of Object.entries(resource.creates ?? {})) {
    const { group, version, kind: answer } = action.kind;
    const responseKind = { group, version, kind: answer };
    found.push({ name, responseKind, verbs: { create: createHandle(action) } });
  }
  for (const [name, connect] of Object.entries(resource.connect ?? {})) {
    found.push({ name, responseKind: own, verbs: { get: connectHandle(connect, streams) } });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What only one resource has, by group and plural. */
const special: ReadonlyMap<string, readonly Subresource[]> = new Map([
  [
    '/pods',
    [
      {
        name: 'binding',
        responseKind: { group: '', version: 'v1', kind: 'Binding' },
        verbs: { create: bindPod },
      },
      {
        name: 'eviction',
        responseKind: { group: 'policy', version: 'v1', kind: 'Eviction' },
        verbs: { create: evictPod },
      },
    ],
  ],
  [
    '/namespaces',
    [{ name: 'finalize', responseKind: { group: '', version: 'v1', kind: 'Namespace' }, verbs: { update } }],
  ],
  [
    'certificates.k8s.io/certificatesigningrequests',
    [
      {
        name: 'approval',
        responseKind: { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest' },
        verbs: { get: getObject, patch, update },
      },
    ],
  ],
]);

/** Answers a POST with an object of the action's own kind. */
function createHandle(action: CreateAction): Handle {
  return async (call, warnings) => {
    const presentation = presentationOf(call);
    const scope = writeScope(call, warnings, 'CreateOptions');
    const body = await objectBody(call, scope, action.kind.schema);
    const object = await action.create(scope, call.info.name, body);
    const apiVersion = apiVersionOf(action.kind);
    const toJson = (each: KubeObject): string =>
      JSON.stringify({ ...each, kind: action.kind.kind, apiVersion });
    const shown = { ...call.resource, kind: action.kind, columns: [], toJson };
    return objectAnswer(shown, object, { presentation, status: 201 });
  };
}

/** Answers with what a connected stream carries, until either side ends it or the server stops. */
function connectHandle(connect: Connect<KubeObject>, streams: Streams): Handle {
  return async (call, warnings) => {
    const { signal, end } = streams.open(call.request.signal);
    try {
      const scope = { ...readScope(call, warnings), signal };
      const object = await call.resource.read.get(scope, call.info.name);
      const { contentType, body } = await connect(scope, object, call.query);
      return {
        status: 200,
        headers: { 'content-type': contentType },
        body: endingStream(untilAborted(body, signal), end),
      };
    } catch (error) {
      end();
      throw error;
    }
  };
}
