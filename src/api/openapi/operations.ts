import { tokenRequests } from '../authentication/v1/authentication.ts';
import { scales } from '../autoscaling/v1/scale.ts';
import { bindings } from '../core/v1/binding.ts';
import { type Kind, apiVersionOf } from '../kind.ts';

/** What an operation does (x-kubernetes-action). */
export type Action = 'list' | 'post' | 'deletecollection' | 'get' | 'put' | 'patch' | 'delete';

export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly action: Action;
  readonly id: string;
  readonly summary: string;
  /** The kind the operation reads or writes; for a scale subresource that is Scale. Undefined for a stream. */
  readonly kind: Kind | undefined;
  readonly parameters: readonly Parameter[];
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});

const nameParameter: Parameter = {
  name: 'name',
  in: 'path',
  type: 'string',
  description: 'Name of the object.',
};
const namespaceParameter: Parameter = {
  name: 'namespace',
  in: 'path',
  type: 'string',
  description: 'Namespace of the objects.',
};
const selecting: readonly Parameter[] = [
  query('fieldSelector', 'string', 'Only objects whose fields match.'),
  query('labelSelector', 'string', 'Only objects whose labels match.'),
];
const listing: readonly Parameter[] = [
  ...selecting,
  query('allowWatchBookmarks', 'boolean', 'Whether the watch also sends bookmarks.'),
  query('continue', 'string', 'Token of the next piece of a list.'),
  query('limit', 'integer', 'The most objects in one answer.'),
  query('resourceVersion', 'string', 'The revision to read at or to watch from.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  query('sendInitialEvents', 'boolean', 'Whether the watch begins with the present objects.'),
  query('timeoutSeconds', 'integer', 'How long the request may last.'),
  query('watch', 'boolean', 'Send changes instead of a list.'),
];
const writing: readonly Parameter[] = [
  query('dryRun', 'string', 'All when nothing is to be stored.'),
  query('fieldManager', 'string', 'Name of the writer.'),
  query('fieldValidation', 'string', 'What happens to unknown and duplicate fields: Ignore, Warn or Strict.'),
];
const deleting: readonly Parameter[] = [
  query('dryRun', 'string', 'All when nothing is to be stored.'),
  query('gracePeriodSeconds', 'integer', 'How long the object may take to end.'),
  query('orphanDependents', 'boolean', 'Old form of propagationPolicy.'),
  query('propagationPolicy', 'string', 'What happens to the objects this one owns.'),
];

const parametersOf: Readonly<Record<Action, readonly Parameter[]>> = {
  list: listing,
  post: writing,
  deletecollection: [...listing, ...deleting],
  get: [],
  put: writing,
  patch: [...writing, query('force', 'boolean', 'Take fields over from other writers.')],
  delete: deleting,
};

const verbs: Readonly<Record<Action, { readonly method: Operation['method']; readonly word: string }>> = {
  list: { method: 'get', word: 'list' },
  post: { method: 'post', word: 'create' },
  deletecollection: { method: 'delete', word: 'deleteCollection' },
  get: { method: 'get', word: 'read' },
  put: { method: 'put', word: 'replace' },
  patch: { method: 'patch', word: 'patch' },
  delete: { method: 'delete', word: 'delete' },
};

/** 'CoreV1' or 'AppsV1'; 'DiscoveryV1' for discovery.k8s.io. */
function idPart(kind: Kind): string {
  const group = kind.group === '' ? 'core' : kind.group.replace(/\.k8s\.io$/, '');
  const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
  return capital(group) + capital(kind.version);
}

/** '/api/v1' for the core group, otherwise '/apis/group/version'. */
export const rootPathOf = (kind: Pick<Kind, 'group' | 'version'>): string =>
  `${kind.group === '' ? '/api' : '/apis'}/${apiVersionOf(kind)}`;

/** How one kind is served; a kind of which nothing is said is served with every verb and the subresources it names. */
export interface ServedKind {
  readonly verbs: readonly string[];
  readonly subresources: readonly {
    readonly name: string;
    readonly verbs: readonly string[];
    readonly responseKind: Pick<Kind, 'group' | 'version' | 'kind'>;
  }[];
}

/** What subresources answer with beside the kind itself. */
const answerKinds: readonly Kind[] = [scales, bindings, tokenRequests];

const verbOf: Readonly<Record<Action, string>> = {
  list: 'list',
  post: 'create',
  deletecollection: 'deletecollection',
  get: 'get',
  put: 'update',
  patch: 'patch',
  delete: 'delete',
};
const oneActions: readonly Action[] = ['get', 'post', 'put', 'patch', 'delete'];

interface Place {
  readonly path: string;
  readonly actions: readonly Action[];
  /** Undefined for a stream, such as a log. */
  readonly kind: Kind | undefined;
  readonly suffix: string;
  readonly path0: readonly Parameter[];
}

function placesOf(kind: Kind, served: ServedKind): Place[] {
  const root = rootPathOf(kind);
  const scope = kind.isNamespaced ? '/namespaces/{namespace}' : '';
  const inNamespace = kind.isNamespaced ? [namespaceParameter] : [];
  const all = `${root}${scope}/${kind.plural}`;
  const one = `${all}/{name}`;
  const places: Place[] = [
    { path: all, actions: ['list', 'post', 'deletecollection'], kind, suffix: '', path0: inNamespace },
    {
      path: one,
      actions: ['get', 'put', 'patch', 'delete'],
      kind,
      suffix: '',
      path0: [...inNamespace, nameParameter],
    },
  ];
  if (kind.isNamespaced) {
    const path = `${root}/${kind.plural}`;
    places.push({ path, actions: ['list'], kind, suffix: 'ForAllNamespaces', path0: [] });
  }
  const path0 = [...inNamespace, nameParameter];
  for (const each of served.subresources) {
    const actions = oneActions.filter((action) => each.verbs.includes(verbOf[action]));
    const suffix = each.name.charAt(0).toUpperCase() + each.name.slice(1);
    places.push({ path: `${one}/${each.name}`, actions, kind: answerOf(kind, each), suffix, path0 });
  }
  return places.map((place) => ({
    ...place,
    actions: isOwn(place)
      ? place.actions.filter((action) => served.verbs.includes(verbOf[action]))
      : place.actions,
  }));
}

const isOwn = ({ suffix }: Place): boolean => suffix === '' || suffix === 'ForAllNamespaces';

/** A log is said to be of its Pod's kind, but is a stream: only what can be written is surely an object. */
function answerOf(
  kind: Kind,
  { responseKind, verbs: allowed }: ServedKind['subresources'][number],
): Kind | undefined {
  const { group, version, kind: name } = responseKind;
  const isSame = (each: Kind): boolean =>
    each.group === group && each.version === version && each.kind === name;
  if (!isSame(kind)) return answerKinds.find(isSame);
  return allowed.includes('update') ? kind : undefined;
}

/** As `kind` itself says it. */
const servedWhole = (kind: Kind): ServedKind => ({
  verbs: Object.values(verbOf),
  subresources: kind.subresources.map((name) => ({
    name,
    verbs: ['get', 'patch', 'update'],
    responseKind: name === 'scale' ? scales : kind,
  })),
});

/** The kinds that operations speak of, whether they are stored or not. */
export const kindsOf = (operations: readonly Operation[]): readonly Kind[] => [
  ...new Set(operations.flatMap(({ kind }) => (kind === undefined ? [] : [kind]))),
];

/** Bodies and answers of objects come as any of these. */
export const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const streamTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
/** A list may be watched. */
export const answerTypes = ({ action, kind }: Operation): readonly string[] => {
  if (kind === undefined) return ['*/*'];
  return action === 'list' ? [...objectTypes, ...streamTypes] : objectTypes;
};

export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** Every operation the API offers on a kind. */
export function operationsOf(kind: Kind, served: ServedKind = servedWhole(kind)): Operation[] {
  return placesOf(kind, served).flatMap((place) => {
    const scope = place.suffix !== 'ForAllNamespaces' && kind.isNamespaced ? 'Namespaced' : '';
    return place.actions.map((action): Operation => {
      const { method, word } = verbs[action];
      return {
        path: place.path,
        method,
        action,
        id: `${word}${idPart(kind)}${scope}${kind.kind}${place.suffix}`,
        summary: `${word} ${kind.kind}${place.suffix === '' ? '' : ` ${place.suffix}`}`,
        kind: place.kind,
        parameters: [...place.path0, ...parametersOf[action]],
      };
    });
  });
}
