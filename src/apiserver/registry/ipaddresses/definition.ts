import { type IPAddress, ipAddresses, type ParentReference } from '../../../api/networking/v1/ip-address.ts';
import { type FieldError, required } from '../../../api/errors/field-error.ts';
import { dns1123Subdomain, pathSegmentName } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { canonicalIpFaults } from '../rules/addresses.ts';
import { immutableFaults, invalidEach } from '../rules/fields.ts';

/** Who has the address: resource, namespace and name, as kubectl shows it. */
export function parentText({ spec: { parentRef } }: IPAddress): string {
  if (parentRef === undefined) return '<none>';
  const { group = '', resource = '', namespace = '', name = '' } = parentRef;
  const of = (group === '' ? resource : `${resource}.${group}`).toLowerCase();
  return [of, namespace, name].filter((part) => part !== '').join('/');
}

function parentFaults(parent: ParentReference | undefined): FieldError[] {
  const path = 'spec.parentRef';
  if (parent === undefined) return [required(path)];
  const { group = '', resource = '', namespace = '', name = '' } = parent;
  const segment = (field: string, value: string): FieldError[] =>
    invalidEach(`${path}.${field}`, value, pathSegmentName(value));
  return [
    ...(group === '' ? [] : invalidEach(`${path}.group`, group, dns1123Subdomain(group))),
    ...(resource === '' ? [required(`${path}.resource`)] : segment('resource', resource)),
    ...(name === '' ? [required(`${path}.name`)] : segment('name', name)),
    ...(namespace === '' ? [] : segment('namespace', namespace)),
  ];
}

export const ipAddressDefinition: Definition<IPAddress> = {
  kind: ipAddresses,
  name: (name) => canonicalIpFaults('', name).map(({ detail }) => detail),
  strategy: {
    prepare: ({ next }) => next,
    validate: ({ next, prev }) =>
      prev === undefined
        ? parentFaults(next.spec.parentRef)
        : immutableFaults('spec.parentRef', next.spec.parentRef, prev.spec.parentRef),
  },
  columns: [
    nameColumn(),
    column('ParentRef', 'string', ['The object that has the address.', parentText]),
    ageColumn(),
  ],
  resourceVersion: 'optional',
};
