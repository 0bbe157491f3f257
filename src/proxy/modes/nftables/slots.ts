import type { ProxyEndpoint } from '../../state/model.ts';

/** Weights are met with so many slots, or two for each endpoint where these are more. */
const maxSlots = 64;

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * The endpoints, each as often as its weight beside the others': exactly where their sum, divided by what they have in common, is
 * small, and otherwise in the nearest proportion, at least once. A slot is drawn for each new connection.
 */
export function slotsOf(endpoints: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  if (endpoints.every(({ weight }) => weight === undefined)) return endpoints;
  const weights = endpoints.map(({ weight = 1 }) => weight);
  const common = weights.reduce(greatestCommonDivisor);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const most = Math.max(maxSlots, 2 * endpoints.length);
  const counts =
    total / common <= most ? weights.map((weight) => weight / common) : apportion(weights, total, most);
  return endpoints.flatMap((endpoint, i) => Array<ProxyEndpoint>(counts[i] ?? 1).fill(endpoint));
}

/** Everybody gets one, and a share rounded down; who is then furthest from the share gives or gets until the sum is right. */
function apportion(weights: readonly number[], total: number, nSlots: number): number[] {
  const ideal = weights.map((weight) => (weight * nSlots) / total);
  const counts = ideal.map((share) => Math.max(1, Math.floor(share)));
  const nWrong = nSlots - counts.reduce((sum, n) => sum + n, 0);
  const step = Math.sign(nWrong);
  for (let left = Math.abs(nWrong); left > 0; left--) {
    const i = furthest(ideal, counts, step);
    counts[i] = (counts[i] ?? 0) + step;
  }
  return counts;
}

/** Index of who lacks most (`step` 1), or has most too many and more than one (`step` -1). */
function furthest(ideal: readonly number[], counts: readonly number[], step: number): number {
  let found = 0;
  let most = -Infinity;
  for (const [i, share] of ideal.entries()) {
    const count = counts[i] ?? 0;
    const distance = step * (share - count);
    if (distance <= most || (step < 0 && count <= 1)) continue;
    most = distance;
    found = i;
  }
  return found;
}
