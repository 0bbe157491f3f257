import { type Kind, apiVersionOf } from '../kind.ts';

/** What an operation does (x-kubernetes-action). */
export type Action = 'list' | 'post' | 'deletecollection' | 'get' | 'put' | 'patch' | 'delete';

export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly action: Action;
  readonly id: string;
  readonly summary: string;
  /** The kind the operation reads or writes; for a scale subresource that is Scale. */
  readonly kind: Kind;
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

interface Place {
  readonly path: string;
  readonly actions: readonly Action[];
  readonly kind: Kind;
  readonly suffix: string;
  readonly path0: readonly Parameter[];
}

function placesOf(kind: Kind, scale: Kind): Place[] {
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
  for (const subresource of kind.subresources) {
    places.push({
      path: `${one}/${subresource}`,
      actions: ['get', 'put', 'patch'],
      kind: subresource === 'scale' ? scale : kind,
      suffix: subresource === 'scale' ? 'Scale' : 'Status',
      path0: [...inNamespace, nameParameter],
    });
  }
  return places;
}

/** Every operation the API offers on a kind. */
export function operationsOf(kind: Kind, scale: Kind): Operation[] {
  return placesOf(kind, scale).flatMap((place) => {
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
