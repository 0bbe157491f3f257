/**
 * Kubernetes quantities: a decimal number with a suffix (apimachinery/pkg/api/resource/quantity.go).
 * Values are kept in billionths, the smallest unit the API knows.
 */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface Quantity {
  readonly nano: bigint;
  readonly format: QuantityFormat;
}

const nanoPerUnit = 1_000_000_000n;
const maxNano = (2n ** 63n - 1n) * nanoPerUnit;

const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:([KMGTPE]i)|([eE][+-]?\d{1,4})|([numkMGTPE]?))$/;

/** num/den rounded away from zero, as amounts below a billionth are. */
function divideUp(num: bigint, den: bigint): bigint {
  const quotient = num / den;
  return num % den === 0n ? quotient : quotient + (num < 0n ? -1n : 1n);
}

function scaled(mantissa: bigint, exponent10: number): bigint {
  return exponent10 >= 0
    ? mantissa * 10n ** BigInt(exponent10)
    : divideUp(mantissa, 10n ** BigInt(-exponent10));
}

const clamp = (nano: bigint): bigint => (nano > maxNano ? maxNano : nano < -maxNano ? -maxNano : nano);

/** The value of `100m`, `1.5Gi`, `1e3`; undefined when the text is no quantity. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = text.length <= 256 ? pattern.exec(text) : null;
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', binary, exponent, decimal = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);
  if (binary !== undefined) {
    const shift = BigInt(10 * binarySuffixes.indexOf(binary));
    const nano = divideUp((digits << shift) * nanoPerUnit, 10n ** BigInt(fraction.length));
    return { nano: clamp(nano), format: 'BinarySI' };
  }
  const power =
    exponent === undefined ? 3 * (decimalSuffixes.indexOf(decimal) - 3) : Number(exponent.slice(1));
  // Beyond these bounds the result is zero or the cap, whatever the digits are.
  const bounded = Math.max(-300, Math.min(300, power));
  const nano = scaled(digits, 9 + bounded - fraction.length);
  return { nano: clamp(nano), format: exponent === undefined ? 'DecimalSI' : 'DecimalExponent' };
}

function formatDecimal(nano: bigint, format: 'DecimalSI' | 'DecimalExponent'): string {
  let mantissa = nano;
  let step = 0;
  while (step < decimalSuffixes.length - 1 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    step++;
  }
  if (format === 'DecimalSI') return `${mantissa}${decimalSuffixes[step]}`;
  const power = 3 * (step - 3);
  return power === 0 ? `${mantissa}` : `${mantissa}e${power}`;
}

/** The one way the API writes this value: no fraction, the largest suffix that loses nothing. */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0';
  const kibi = 1024n * nanoPerUnit;
  if (format !== 'BinarySI') return formatDecimal(nano, format);
  if (nano > -kibi && nano < kibi) return formatDecimal(nano, 'DecimalSI');
  let mantissa = divideUp(nano, nanoPerUnit);
  let step = 0;
  while (step < binarySuffixes.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    step++;
  }
  return `${mantissa}${binarySuffixes[step]}`;
}

const quantityError =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** The canonical form of a quantity's text. Throws RangeError in upstream's words. */
export function canonicalQuantity(text: string): string {
  const quantity = parseQuantity(text.trim());
  if (quantity === undefined) throw new RangeError(quantityError);
  return formatQuantity(quantity);
}
