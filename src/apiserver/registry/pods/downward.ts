import type { ObjectFieldSelector, ResourceFieldSelector } from '../../../api/core/v1/references.ts';
import { invalidValue, notSupported, required, type FieldError } from '../../../api/errors/field-error.ts';
import { parseQuantity } from '../../../api/quantity.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { invalidEach } from '../rules/fields.ts';

/** Fields of a Pod that a variable can hold. */
export const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

/** Fields of a Pod that a file can hold. */
export const FILE_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

/** Fields that can be named at all, wherever it is. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  ...ENV_FIELDS,
  ...FILE_FIELDS,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

export function fieldRefFaults(
  { apiVersion = '', fieldPath }: ObjectFieldSelector,
  supported: readonly string[],
  path: string,
): FieldError[] {
  if (apiVersion === '') return [required(`${path}.apiVersion`)];
  if (fieldPath === '') return [required(`${path}.fieldPath`)];
  const unknown = (why: string): FieldError[] => [
    invalidValue(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`),
  ];
  if (apiVersion !== 'v1') return unknown(`unsupported pod version: ${apiVersion}`);
  const subscripted = /^(.*)\['(.*)'\]$/s.exec(fieldPath);
  if (subscripted !== null) {
    const [, field = '', key = ''] = subscripted;
    if (field === 'metadata.annotations') return invalidEach(path, key, qualifiedName(key.toLowerCase()));
    if (field === 'metadata.labels') return invalidEach(path, key, qualifiedName(key));
    return unknown(`field label does not support subscript: ${fieldPath}`);
  }
  // As clients of the first days call it.
  const field = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath;
  if (!KNOWN_FIELDS.has(field)) return unknown(`field label not supported: ${fieldPath}`);
  return supported.includes(field) ? [] : [notSupported(`${path}.fieldPath`, field, supported)];
}

const RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const SIZES = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];
const UNITS: Readonly<Record<string, readonly [units: readonly string[], list: string, what: string]>> = {
  cpu: [['1m', '1'], '1m and 1', 'cpu'],
  memory: [SIZES, SIZES.join(', '), 'memory'],
  'ephemeral-storage': [SIZES, SIZES.join(', '), 'local ephemeral storage'],
  hugepages: [SIZES, SIZES.join(', '), 'hugepages'],
};

export function resourceRefFaults(
  { resource, divisor = '0' }: ResourceFieldSelector,
  path: string,
): FieldError[] {
  if (resource === '') return [required(`${path}.resource`)];
  const isHuge = /^(limits|requests)\.hugepages-/.test(resource);
  if (!isHuge && !RESOURCES.includes(resource))
    return [notSupported(`${path}.resource`, resource, RESOURCES)];
  const nano = parseQuantity(divisor)?.nano;
  const [units, list, what] = UNITS[isHuge ? 'hugepages' : resource.replace(/^\w+\./, '')] ?? [[], '', ''];
  if (nano === 0n || units.some((unit) => parseQuantity(unit)?.nano === nano)) return [];
  const detail = `only divisor's values ${list} are supported with the ${what} resource`;
  return [invalidValue(`${path}.divisor`, resource, detail)];
}
