import { apiVersionOf } from '../../api/kind.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import type { Resource } from '../rest/rest.ts';
import type { Subresource } from '../http/subresources.ts';

/** A resource and what stands under its objects. */
export interface Served {
  readonly resource: Pick<Resource<KubeObject>, 'kind' | 'verbs'>;
  readonly subresources: readonly Pick<Subresource, 'name' | 'responseKind' | 'verbs'>[];
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly served: readonly Served[];
}

/** In the order of the resources; the core group first when it is there. */
export function groupVersionsOf(all: readonly Served[]): readonly GroupVersion[] {
  const byName = Map.groupBy(all, ({ resource }) => apiVersionOf(resource.kind));
  return [...byName.values()].flatMap((served) => {
    const [first] = served;
    if (first === undefined) return [];
    const { group, version } = first.resource.kind;
    return [{ group, version, served }];
  });
}

/** GET /api (APIVersions). `address` is host:port of this server. */
export const legacyVersions = (address: string) => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
});

/** GET /apis (APIGroupList). */
export const groupList = (all: readonly Served[]) => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupNames(all).map((group) => groupOf(all, group)),
});

/** GET /apis/GROUP (APIGroup), to be served for a name of `groupNames`. */
export function apiGroup(all: readonly Served[], group: string) {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(all, group) };
}

/** The groups beside the core one. */
export const groupNames = (all: readonly Served[]): readonly string[] => [
  ...new Set(groupVersionsOf(all).flatMap(({ group }) => (group === '' ? [] : [group]))),
];

function groupOf(all: readonly Served[], group: string) {
  const versions = groupVersionsOf(all)
    .filter((each) => each.group === group)
    .map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

/** GET /api/v1 and /apis/GROUP/VERSION (APIResourceList). */
export const resourceList = ({ group, version, served }: GroupVersion) => ({
  kind: 'APIResourceList',
  ...(group === '' ? {} : { apiVersion: 'v1' }),
  groupVersion: apiVersionOf({ group, version }),
  resources: served.flatMap(({ resource: { kind, verbs }, subresources }) => [
    { ...describe(kind), singularName: kind.singular, verbs: [...verbs].sort() },
    ...subresources.map((each) => ({
      name: `${kind.plural}/${each.name}`,
      singularName: '',
      namespaced: kind.isNamespaced,
      ...(each.responseKind.group === group && each.responseKind.version === version
        ? {}
        : { group: each.responseKind.group, version: each.responseKind.version }),
      kind: each.responseKind.kind,
      verbs: Object.keys(each.verbs).sort(),
    })),
  ]),
});

const describe = (kind: Kind) => ({
  name: kind.plural,
  namespaced: kind.isNamespaced,
  kind: kind.kind,
  ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
  ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
});

/** GET /api and /apis in one document per path (apidiscovery.k8s.io APIGroupDiscoveryList). */
export function aggregatedDiscovery(all: readonly Served[], version: 'v2' | 'v2beta1') {
  const byGroup = Map.groupBy(groupVersionsOf(all), ({ group }) => group);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: [...byGroup].map(([group, versions]) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versions.map((each) => ({
        version: each.version,
        freshness: 'Current',
        resources: each.served.map(aggregatedResource),
      })),
    })),
  };
}

function aggregatedResource({ resource: { kind, verbs }, subresources }: Served) {
  const scope = kind.isNamespaced ? 'Namespaced' : 'Cluster';
  return {
    resource: kind.plural,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope,
    singularResource: kind.singular,
    verbs: [...verbs].sort(),
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map((each) => ({
            subresource: each.name,
            responseKind: each.responseKind,
            verbs: Object.keys(each.verbs).sort(),
          })),
        }),
  };
}
