/** What the conditions of workloads have in common. */
export interface WorkloadCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly lastUpdateTime?: string;
}

/** `conditions` with `next` in its place; its transition time is the old one as long as its status stays. */
export function withCondition<C extends WorkloadCondition>(conditions: readonly C[], next: C): readonly C[] {
  const current = conditions.find(({ type }) => type === next.type);
  if (current === undefined) return [...conditions, next];
  if (current.status === next.status && current.reason === next.reason && current.message === next.message) {
    return conditions;
  }
  const lastTransitionTime =
    current.status === next.status ? current.lastTransitionTime : next.lastTransitionTime;
  return conditions.map((condition) => (condition === current ? { ...next, lastTransitionTime } : condition));
}

export const withoutCondition = <C extends WorkloadCondition>(
  conditions: readonly C[],
  type: string,
): readonly C[] =>
  conditions.some((condition) => condition.type === type)
    ? conditions.filter((condition) => condition.type !== type)
    : conditions;

/** Equality of statuses, where a server leaves out zero values: absent equals 0, '' and []. */
export function isSameStatus(a: object, b: object): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([, item]) => !isZero(item))
    .sort(([x], [y]) => (x < y ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, canonical(item)]));
}

const isZero = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === 0 ||
  value === '' ||
  value === false ||
  (Array.isArray(value) && value.length === 0);
