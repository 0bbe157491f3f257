import type { Node } from '../../../api/core/v1/node.ts';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { labelValueRule, qualifiedName } from '../../../api/validation/names.ts';
import { cidrFaults, cidrWarnings, sloppyCidr } from '../rules/addresses.ts';
import { invalidEach } from '../rules/fields.ts';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** Blocks that `prev` has may be spelled as they are. */
export function nodeFaults(node: Node, prev?: Node): FieldError[] {
  return [...taintFaults(node), ...podCIDRFaults(node, prev), ...addressFaults(node)];
}

function taintFaults({ spec }: Node): FieldError[] {
  const seen = new Set<string>();
  return (spec.taints ?? []).flatMap((taint, i) => {
    const path = `metadata.taints[${i}]`;
    const errors = invalidEach(`${path}.key`, taint.key, qualifiedName(taint.key));
    errors.push(...invalidEach(`${path}.value`, taint.value, labelValueRule(taint.value ?? '')));
    if (taint.effect === '') errors.push(required(`${path}.effect`));
    else if (!EFFECTS.includes(taint.effect))
      errors.push(notSupported(`${path}.effect`, taint.effect, EFFECTS));
    const id = `${taint.key}:${taint.effect}`;
    if (seen.has(id))
      errors.push({ ...duplicate(path, taint), detail: 'taints must be unique by key and effect pair' });
    seen.add(id);
    return errors;
  });
}

/** Blocks that are spelled unwisely. */
export const nodeWarnings = ({ spec: { podCIDRs = [] } }: Node): readonly string[] =>
  podCIDRs.flatMap((text, i) => cidrWarnings(`spec.podCIDRs[${i}]`, text));

function podCIDRFaults({ spec }: Node, prev: Node | undefined): FieldError[] {
  const list = spec.podCIDRs ?? [];
  const standing = new Set(prev?.spec.podCIDRs);
  const path = 'spec.podCIDRs';
  const errors = list.flatMap((text, i) => cidrFaults(`${path}[${i}]`, text, standing));
  const families = new Set(list.map((text) => sloppyCidr(text)?.cidr.family));
  if (errors.length === 0 && families.size < list.length) {
    errors.push(invalidValue(path, list, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

function addressFaults({ status }: Node): FieldError[] {
  const seen = new Set<string>();
  return (status?.addresses ?? []).flatMap((address, i) => {
    const id = `${address.type} ${address.address}`;
    const isRepeated = seen.size === seen.add(id).size;
    return isRepeated ? [duplicate(`status.addresses[${i}]`, address)] : [];
  });
}

/** A node's Pod addresses and its machine stay what they are. */
export function nodeChangeFaults(next: Node, prev: Node): FieldError[] {
  const errors: FieldError[] = [];
  const old = prev.spec.podCIDRs ?? [];
  if (old.length > 0 && (next.spec.podCIDRs ?? []).join() !== old.join()) {
    errors.push(
      forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'),
    );
  }
  if (prev.spec.providerID && next.spec.providerID !== prev.spec.providerID) {
    errors.push(
      forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'),
    );
  }
  return errors;
}
