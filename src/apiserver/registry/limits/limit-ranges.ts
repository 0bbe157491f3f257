import type { LimitRange, LimitRangeItem } from '../../../api/core/v1/quota.ts';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { parseQuantity } from '../../../api/quantity.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { invalidEach } from '../rules/fields.ts';
import { quantityFaults } from './validation.ts';

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];
const ONE = 1_000_000_000n;

/** Upstream's ValidateLimitRange: each sort once, and amounts in their order. */
export function limitRangeFaults({ spec }: LimitRange): FieldError[] {
  const seen = new Set<string>();
  return (spec?.limits ?? []).flatMap((item, i) => {
    const path = `spec.limits[${i}]`;
    const errors = typeFaults(item.type, `${path}.type`);
    if (seen.size === seen.add(item.type).size) errors.push(duplicate(`${path}.type`, item.type));
    return [...errors, ...amountFaults(item, path), ...orderFaults(item, path)];
  });
}

function typeFaults(type: string, path: string): FieldError[] {
  const errors = invalidEach(path, type, qualifiedName(type));
  if (errors.length > 0 || type.includes('/') || TYPES.includes(type)) return errors;
  return [invalidValue(path, type, 'must be a standard limit type or fully qualified')];
}

function amountFaults(item: LimitRangeItem, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['max', 'min'] as const)
    errors.push(...quantityFaults(`${path}.${field}`, item[field]));
  for (const field of ['default', 'defaultRequest'] as const) {
    if (item.type !== 'Pod') errors.push(...quantityFaults(`${path}.${field}`, item[field]));
    else if (Object.keys(item[field] ?? {}).length > 0)
      errors.push(forbiddenField(`${path}.${field}`, "may not be specified when `type` is 'Pod'"));
  }
  if (
    item.type === 'PersistentVolumeClaim' &&
    (item.min?.['storage'] ?? item.max?.['storage']) === undefined
  ) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${path}.limits`, detail));
  }
  return [...errors, ...quantityFaults(`${path}.maxLimitRequestRatio`, item.maxLimitRequestRatio)];
}

const nanoOf = (text: string): bigint => parseQuantity(text)?.nano ?? 0n;

/** What a pair of amounts is called, and which of the two is told to be wrong. */
type Pair = readonly [less: Amounts, more: Amounts, told: 'less' | 'more', field: string];
type Amounts = readonly [name: string, of: Readonly<Record<string, string>> | undefined];

function orderFaults(item: LimitRangeItem, path: string): FieldError[] {
  const isPod = item.type === 'Pod';
  const min: Amounts = ['min', item.min];
  const max: Amounts = ['max', item.max];
  const request: Amounts = ['default request', isPod ? undefined : item.defaultRequest];
  const limit: Amounts = ['default limit', isPod ? undefined : item.default];
  const plain: Amounts = ['default', limit[1]];
  const pairs: readonly Pair[] = [
    [min, max, 'less', 'min'],
    [min, request, 'more', 'defaultRequest'],
    [request, max, 'less', 'defaultRequest'],
    [request, limit, 'less', 'defaultRequest'],
    [min, plain, 'less', 'default'],
    [plain, max, 'more', 'default'],
  ];
  const errors: FieldError[] = [];
  for (const [[lessName, less = {}], [moreName, more = {}], told, field] of pairs) {
    for (const [resource, low] of Object.entries(less)) {
      const high = more[resource];
      if (high === undefined || nanoOf(low) <= nanoOf(high)) continue;
      const detail = `${lessName} value ${low} is greater than ${moreName} value ${high}`;
      errors.push(invalidValue(`${path}.${field}[${resource}]`, told === 'less' ? low : high, detail));
    }
  }
  for (const [resource, ratio] of Object.entries(item.maxLimitRequestRatio ?? {})) {
    const at = `${path}.maxLimitRequestRatio[${resource}]`;
    if (nanoOf(ratio) < ONE) errors.push(invalidValue(at, ratio, `ratio ${ratio} is less than 1`));
    const [least, most] = [item.min?.[resource], item.max?.[resource]];
    if (least === undefined || most === undefined) continue;
    const possible = Number(nanoOf(most)) / Number(nanoOf(least));
    if (Number(nanoOf(ratio)) / Number(ONE) > possible)
      errors.push(invalidValue(at, ratio, `ratio ${ratio} is greater than max/min = ${possible.toFixed(6)}`));
  }
  return errors;
}
