import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { type Infer, filled, message, optional, string, typeMeta } from '../../schema/schema.ts';

export const parentReference = message(
  'io.k8s.api.networking.v1.ParentReference',
  'The object that an address belongs to.',
  {
    group: optional([1, string], 'API group of the object; empty for the core group.'),
    resource: optional([2, string], 'Its resource, such as services.'),
    namespace: optional([3, string], 'Its namespace.'),
    name: optional([4, string], 'Its name.'),
  },
);
export type ParentReference = Infer<typeof parentReference>;

export const ipAddressSpec = message('io.k8s.api.networking.v1.IPAddressSpec', 'Who has the address.', {
  parentRef: optional([1, parentReference], 'The object the address belongs to.'),
});
export type IPAddressSpec = Infer<typeof ipAddressSpec>;

export const ipAddress = message(
  'io.k8s.api.networking.v1.IPAddress',
  'An address that is taken; its name is the address in canonical form.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, ipAddressSpec], 'Who has the address.'),
  },
);
export type IPAddress = Infer<typeof ipAddress>;

export const ipAddresses: Kind<IPAddress> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  singular: 'ipaddress',
  shortNames: ['ip'],
  categories: [],
  isNamespaced: false,
  subresources: [],
  schema: ipAddress,
};
