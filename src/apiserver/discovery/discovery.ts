import { createHash } from 'node:crypto';
import { apiVersionOf } from '../../api/kind.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import { allKinds } from '../../api/kinds.ts';
import { kindVersions } from '../../api/versions.ts';
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

/** The order in which upstream prefers groups; clients take the first that has what a user named. */
const groupOrder = [
  '',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'apiextensions.k8s.io',
  'admissionregistration.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];
const rankOf = (group: string): number => {
  const rank = groupOrder.indexOf(group);
  return rank < 0 ? groupOrder.length : rank;
};

/** Finished versions before unfinished ones, and of each the newest first: v2 v1 v1beta2 v1beta1 v1alpha1. */
function versionRank(version: string): readonly number[] {
  const [, major = '0', stage, step = '0'] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
  return [stage === undefined ? 2 : stage === 'beta' ? 1 : 0, Number(major), Number(step)];
}

function byPreference(a: GroupVersion, b: GroupVersion): number {
  if (a.group !== b.group) return rankOf(a.group) - rankOf(b.group) || (a.group < b.group ? -1 : 1);
  const [left, right] = [versionRank(a.version), versionRank(b.version)];
  return left.map((rank, i) => (right[i] ?? 0) - rank).find((difference) => difference !== 0) ?? 0;
}

/** In the order of preference, which begins with the core group; the resources of each by name. */
export function groupVersionsOf(all: readonly Served[]): readonly GroupVersion[] {
  const byName = Map.groupBy(all, ({ resource }) => apiVersionOf(resource.kind));
  const found = [...byName.values()].flatMap((served) => {
    const [first] = served;
    if (first === undefined) return [];
    const { group, version } = first.resource.kind;
    const sorted = served.toSorted((a, b) => (a.resource.kind.plural < b.resource.kind.plural ? -1 : 1));
    return [{ group, version, served: sorted }];
  });
  return found.sort(byPreference);
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
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.isNamespaced,
      kind: kind.kind,
      verbs: [...verbs].sort(),
      ...namesOf(kind),
      ...storageVersion(kind),
    },
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

const namesOf = ({ shortNames, categories }: Kind) => ({
  ...(shortNames.length === 0 ? {} : { shortNames }),
  ...(categories.length === 0 ? {} : { categories }),
});

/** Says in which version the objects are stored; upstream's way to hash it. Questions are not stored. */
function storageVersion(kind: Kind): { readonly storageVersionHash?: string } {
  const stored = kindVersions.find((version) => version.kind === kind)?.stored ?? kind;
  if (!allKinds.includes(stored)) return {};
  const name = `${stored.group}/${stored.version}/${stored.kind}`;
  return { storageVersionHash: createHash('sha256').update(name).digest().subarray(0, 8).toString('base64') };
}

/** GET /api and /apis in one document per path (apidiscovery.k8s.io APIGroupDiscoveryList). */
export function aggregatedDiscovery(all: readonly Served[], version: 'v2' | 'v2beta1') {
  const byGroup = Map.groupBy(groupVersionsOf(all), ({ group }) => group);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: [...byGroup].map(([group, versions]) => ({
      metadata: { name: group },
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
    ...namesOf(kind),
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
