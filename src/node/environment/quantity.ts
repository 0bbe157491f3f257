const binary: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const decimalPower: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const nano = 1_000_000_000n;

/** A Kubernetes quantity (`250m`, `64Mi`, `1e3`) in billionths; 0 for text that is none. */
export function parseQuantity(text: string): bigint {
  const match = /^([0-9]+)(?:\.([0-9]*))?(?:([eE])([+-]?[0-9]+)|([KMGTPE]i|[numkMGTPE]))?$/.exec(text);
  if (match === null) return 0n;
  const [, whole = '0', fraction = '', , exponent, suffix = ''] = match;
  const digits = BigInt(whole + fraction);
  const factor = binary[suffix];
  if (factor !== undefined) return (digits * factor * nano) / 10n ** BigInt(fraction.length);
  const power =
    9 - fraction.length + (exponent === undefined ? (decimalPower[suffix] ?? 0) : Number(exponent));
  return power >= 0 ? digits * 10n ** BigInt(power) : digits / 10n ** BigInt(-power);
}

/** The quotient of two quantities rounded up; 0 for a divisor of 0. */
export function ceilDivide(value: bigint, divisor: bigint): bigint {
  return divisor === 0n ? 0n : (value + divisor - 1n) / divisor;
}
