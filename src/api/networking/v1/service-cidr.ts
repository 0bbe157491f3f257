import type { Kind } from '../../kind.ts';
import { condition } from '../../meta/v1/condition.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  list,
  listMap,
  message,
  optional,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const serviceCIDRSpec = message(
  'io.k8s.api.networking.v1.ServiceCIDRSpec',
  'The addresses that Services may get.',
  {
    cidrs: optional([1, list(string)], 'One or two blocks of addresses, one per family.'),
  },
);
export type ServiceCIDRSpec = Infer<typeof serviceCIDRSpec>;

export const serviceCIDRStatus = message(
  'io.k8s.api.networking.v1.ServiceCIDRStatus',
  'Whether its addresses are given out.',
  {
    conditions: optional([1, listMap(condition, ['type'])], 'Aspects of its state; Ready is one.', {
      patchMergeKey: 'type',
    }),
  },
);
export type ServiceCIDRStatus = Infer<typeof serviceCIDRStatus>;

export const serviceCIDR = message(
  'io.k8s.api.networking.v1.ServiceCIDR',
  'Blocks of addresses from which Services get their cluster IPs.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, serviceCIDRSpec], 'The addresses.'),
    status: optional([3, serviceCIDRStatus], 'What is known of it.'),
  },
);
export type ServiceCIDR = Infer<typeof serviceCIDR>;

export const serviceCIDRs: Kind<ServiceCIDR> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  singular: 'servicecidr',
  shortNames: [],
  categories: [],
  isNamespaced: false,
  subresources: ['status'],
  schema: serviceCIDR,
};
