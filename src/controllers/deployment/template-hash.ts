import type { PodTemplateSpec } from '../../api/core/v1/pod-template.ts';
import { deepEqual } from '../../base/deep-equal.ts';

export const templateHashLabel = 'pod-template-hash';
/** Letters and digits that cannot form words, as upstream's rand.SafeEncodeString uses. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * A short name for a template. It tells templates apart within one Deployment; whether two are the same is decided by
 * comparing them. `nCollisions` gives another name when one is taken.
 */
export function templateHash(template: PodTemplateSpec, nCollisions: number): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${canonicalJson(template)}#${nCollisions}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return [...String(hash)].map((digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('');
}

/** The same for two objects that differ in the order of their fields only. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Whether the templates differ in nothing but the hash label. */
export const isSameTemplate = (a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean =>
  deepEqual(withoutHash(a), withoutHash(b));

function withoutHash(template: PodTemplateSpec | undefined): object {
  const { [templateHashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  return { metadata: { ...template?.metadata, labels }, spec: template?.spec };
}
