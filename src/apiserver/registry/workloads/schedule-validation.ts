import { invalidValue, required, type FieldError } from '../../../api/errors/field-error.ts';

/** A schedule of a CronJob, in the words of the parser that upstream uses (robfig/cron, ParseStandard). */

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of week', min: 0, max: 6, words: DAYS },
];
const DESCRIPTORS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];
const EVERY = /^@every (?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$/;

/** `hasTimeZone`: the zone has a field of its own, and may not stand in the schedule as well. */
export function scheduleFaults(path: string, schedule: string, hasTimeZone: boolean): FieldError[] {
  if (schedule === '') return [required(path)];
  const errors: FieldError[] = [];
  if (/^\s*(?:CRON_)?TZ=/.test(schedule) || schedule.includes('TZ')) {
    const detail = hasTimeZone
      ? 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
      : 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    errors.push(invalidValue(path, schedule, detail));
    return errors;
  }
  const problem = scheduleProblem(schedule);
  return problem === undefined ? errors : [...errors, invalidValue(path, schedule, problem)];
}

function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    if (DESCRIPTORS.includes(schedule) || EVERY.test(schedule)) return undefined;
    return `unrecognized descriptor: ${schedule}`;
  }
  const parts = schedule.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return `expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`;
  }
  for (const [i, field] of FIELDS.entries()) {
    for (const expression of (parts[i] ?? '').split(',')) {
      const problem = rangeProblem(expression, field);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function rangeProblem(expression: string, field: Field): string | undefined {
  const [range = '', step, ...more] = expression.split('/');
  if (more.length > 0) return `too many slashes: ${expression}`;
  const [low = '', high, ...others] = range.split('-');
  if (others.length > 0) return `too many hyphens: ${expression}`;
  const isAny = low === '*' || low === '?';
  const start = isAny ? field.min : numberOf(low, field);
  if (typeof start === 'string') return start;
  const written = high === undefined ? start : numberOf(high, field);
  if (typeof written === 'string') return written;
  const end = isAny || (step !== undefined && high === undefined) ? field.max : written;
  if (step !== undefined) {
    const size = numberOf(step, { ...field, words: [] });
    if (typeof size === 'string') return size;
    if (size === 0) return `step of range should be a positive number: ${expression}`;
  }
  if (start < field.min) return `beginning of range (${start}) below minimum (${field.min}): ${expression}`;
  if (end > field.max) return `end of range (${end}) above maximum (${field.max}): ${expression}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expression}`;
  return undefined;
}

/** The number, or what is wrong with it. */
function numberOf(text: string, { words = [], min }: Field): number | string {
  const index = words.indexOf(text.toLowerCase());
  if (index >= 0) return index + min;
  if (/^\d+$/.test(text)) return Number(text);
  if (/^-\d+$/.test(text)) return `negative number (${text}) not allowed: ${text}`;
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}

export function timeZoneFaults(path: string, zone: string): FieldError[] {
  if (zone === '') return [invalidValue(path, zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local') {
    const detail = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    return [invalidValue(path, zone, detail)];
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return [];
  } catch {
    return [invalidValue(path, zone, `unknown time zone ${zone}`)];
  }
}
