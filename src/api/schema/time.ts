const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-]\d\d):(\d\d))$/;

const layout = '2006-01-02T15:04:05Z07:00';

/** RFC 3339 text of a moment in UTC. `decimals` is 0 (Time) or 6 (MicroTime). */
export function formatTime(epochMs: number, decimals: 0 | 6 = 0): string {
  const iso = new Date(epochMs).toISOString();
  return decimals === 0 ? `${iso.slice(0, 19)}Z` : `${iso.slice(0, -1)}000Z`;
}

/** The text in UTC with exactly `decimals` decimals (more are cut). Throws RangeError in upstream's words. */
export function canonicalTime(text: string, decimals: 0 | 6): string {
  const match = rfc3339.exec(text);
  const epochMs = match === null ? NaN : Date.parse(text);
  // Date.parse carries 30 February over into March; Go refuses it.
  const offset = match?.[8] === undefined ? 0 : offsetMs(match[8], match[9] ?? '00');
  const isReal = !Number.isNaN(epochMs) && new Date(epochMs + offset).getUTCDate() === Number(match?.[3]);
  if (!isReal)
    throw new RangeError(`parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse`);
  const seconds = new Date(epochMs).toISOString().slice(0, 19);
  if (decimals === 0) return `${seconds}Z`;
  return `${seconds}.${(match?.[7] ?? '.').slice(1).padEnd(6, '0').slice(0, 6)}Z`;
}

const offsetMs = (hours: string, minutes: string): number =>
  (Number(hours) * 60 + Math.sign(Number(`${hours}1`)) * Number(minutes)) * 60_000;
