import {
  bool,
  inline,
  list,
  type MessageType,
  message,
  optional,
  pointer,
  required,
  set,
  string,
} from '../../schema/schema.ts';
import { listMeta } from './list-meta.ts';
import { objectMeta } from './object-meta.ts';

/** What describes the API itself, for clients that want it in protobuf. None of it is stored or ever written. */

const meta = (short: string): string => `io.k8s.apimachinery.pkg.apis.meta.v1.${short}`;
const aggregated = (short: string): string => `io.k8s.api.apidiscovery.v2.${short}`;

const groupVersion = message(meta('GroupVersionForDiscovery'), 'A version of a group.', {
  groupVersion: required([1, string], 'Group and version.'),
  version: required([2, string], 'The version alone.'),
});
const serverAddress = message(meta('ServerAddressByClientCIDR'), 'Where clients reach the server.', {
  clientCIDR: required([1, string], 'The clients.'),
  serverAddress: required([2, string], 'Host and port.'),
});
const apiVersions = message(meta('APIVersions'), 'The versions of the core group.', {
  versions: required([1, list(string)], 'Their names.'),
  serverAddressByClientCIDRs: required([2, list(serverAddress)], 'Where clients reach the server.'),
});
const apiGroup = message(meta('APIGroup'), 'A group and its versions.', {
  name: required([1, string], 'The group.'),
  versions: required([2, list(groupVersion)], 'Its versions.'),
  preferredVersion: optional([3, groupVersion], 'The version to prefer.'),
  serverAddressByClientCIDRs: optional([4, list(serverAddress)], 'Where clients reach the server.'),
});
const apiGroupList = message(meta('APIGroupList'), 'All groups.', {
  groups: required([1, list(apiGroup)], 'The groups.'),
});
/** A message around a list, which JSON does not show. */
const verbs = message(meta('Verbs'), 'What can be done.', { verbs: required([1, list(string)], 'Verbs.') });
const apiResource = message(meta('APIResource'), 'A resource.', {
  name: required([1, string], 'Its plural.'),
  namespaced: required([2, bool], 'Whether it stands in a namespace.'),
  kind: required([3, string], 'The kind of its objects.'),
  ...inline(4, verbs),
  shortNames: optional([5, list(string)], 'Short names.'),
  singularName: required([6, string], 'Its singular.'),
  categories: optional([7, list(string)], 'Groups of resources it is one of, such as all.'),
  group: optional([8, string], 'The group of its objects, where it is another.'),
  version: optional([9, string], 'The version of its objects, where it is another.'),
  storageVersionHash: optional([10, string], 'Which version is stored.'),
});
const apiResourceList = message(meta('APIResourceList'), 'The resources of a version.', {
  groupVersion: required([1, string], 'Group and version.'),
  resources: required([2, list(apiResource)], 'The resources.'),
});

const groupVersionKind = message(meta('GroupVersionKind'), 'A kind.', {
  group: required([1, string], 'Group.'),
  version: required([2, string], 'Version.'),
  kind: required([3, string], 'Kind.'),
});
const subresource = message(aggregated('APISubresourceDiscovery'), 'What stands under a resource.', {
  subresource: required([1, string], 'Its name.'),
  responseKind: pointer([2, groupVersionKind], 'What it answers with.'),
  acceptedTypes: optional([3, list(groupVersionKind)], 'What it takes.'),
  verbs: required([4, set(string)], 'What can be done.'),
});
const resource = message(aggregated('APIResourceDiscovery'), 'A resource.', {
  resource: required([1, string], 'Its plural.'),
  responseKind: pointer([2, groupVersionKind], 'What it answers with.'),
  scope: required([3, string], 'Cluster or Namespaced.'),
  singularResource: required([4, string], 'Its singular.'),
  verbs: required([5, set(string)], 'What can be done.'),
  shortNames: optional([6, set(string)], 'Short names.'),
  categories: optional([7, set(string)], 'Groups of resources it is one of.'),
  subresources: optional([8, list(subresource)], 'What stands under it.'),
});
const version = message(aggregated('APIVersionDiscovery'), 'A version of a group.', {
  version: required([1, string], 'Its name.'),
  resources: optional([2, list(resource)], 'Its resources.'),
  freshness: optional([3, string], 'Current or Stale.'),
});
const group = message(aggregated('APIGroupDiscovery'), 'A group.', {
  metadata: optional([1, objectMeta], 'Its name.'),
  versions: optional([2, list(version)], 'Its versions.'),
});
const groupDiscoveryList = message(aggregated('APIGroupDiscoveryList'), 'Groups with all of theirs.', {
  metadata: optional([1, listMeta], 'Nothing.'),
  items: required([2, list(group)], 'The groups.'),
});

/** By apiVersion and kind. The documents of the core group have no apiVersion, as those of Kubernetes 1.1 had none. */
export const discoveryMessages: readonly (readonly [
  apiVersion: string,
  kind: string,
  schema: MessageType,
])[] = [
  ['', 'APIVersions', apiVersions],
  ['', 'APIResourceList', apiResourceList],
  ['v1', 'APIResourceList', apiResourceList],
  ['v1', 'APIGroup', apiGroup],
  ['v1', 'APIGroupList', apiGroupList],
  ['apidiscovery.k8s.io/v2', 'APIGroupDiscoveryList', groupDiscoveryList],
  ['apidiscovery.k8s.io/v2beta1', 'APIGroupDiscoveryList', groupDiscoveryList],
];
