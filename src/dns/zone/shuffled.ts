import type { ResourceRecord } from '../wire/model.ts';

/**
 * The addresses of an answer in a random order, so that clients which take the first one spread; other records stay in
 * front in their own order: a CNAME comes before what it leads to. `random` gives 0 <= value < 1.
 */
export function shuffled(
  records: readonly ResourceRecord[],
  random: () => number,
): readonly ResourceRecord[] {
  if (records.length < 2) return records;
  const isAddress = ({ type }: ResourceRecord): boolean => type === 'A' || type === 'AAAA';
  const addresses = records.filter(isAddress);
  for (let i = addresses.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [addresses[i], addresses[j]];
    if (a !== undefined && b !== undefined) [addresses[i], addresses[j]] = [b, a];
  }
  return [...records.filter((record) => !isAddress(record)), ...addresses];
}
