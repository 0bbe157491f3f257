import type { Container } from '../../api/core/v1/container.ts';
import type { KubeObject } from '../../api/kind.ts';
import type { LabelSelector } from '../../api/meta/v1/label-selector.ts';
import { formatLabelSelector, fromLabelSelector } from '../../api/selectors/label-selector.ts';
import type { Column } from '../rest/rest.ts';

type Cell<T> = Column<T>['cell'];

/** A column that is always shown. */
export const column = <T>(
  name: string,
  type: Column<T>['type'],
  [description, cell]: [string, Cell<T>],
): Column<T> => ({
  name,
  type,
  description,
  priority: 0,
  cell,
});

/** A column for `-o wide`. */
export const wide = <T>(shown: Column<T>): Column<T> => ({ ...shown, priority: 1 });

export const nameColumn = <T extends KubeObject>(): Column<T> => ({
  ...column<T>('Name', 'string', [
    'Name must be unique within a namespace.',
    ({ metadata }) => metadata.name,
  ]),
  format: 'name',
});

export const ageColumn = <T extends KubeObject>(): Column<T> =>
  column('Age', 'string', [
    'How long ago the object was created.',
    ({ metadata }, now) => agoText(metadata.creationTimestamp, now),
  ]);

/** '<unknown>' without a time. */
export const agoText = (time: string | undefined, now: number): string =>
  time === undefined ? '<unknown>' : durationText(now - Date.parse(time));

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

interface Unit {
  readonly size: number;
  readonly name: string;
  /** The smaller unit shown beside it. */
  readonly minor?: number;
  readonly minorName?: string;
  readonly upTo: number;
}

const UNITS: readonly Unit[] = [
  { size: MINUTE, name: 'm', minor: 1, minorName: 's', upTo: 10 * MINUTE },
  { size: MINUTE, name: 'm', upTo: 3 * HOUR },
  { size: HOUR, name: 'h', minor: MINUTE, minorName: 'm', upTo: 8 * HOUR },
  { size: HOUR, name: 'h', upTo: 2 * DAY },
  { size: DAY, name: 'd', minor: HOUR, minorName: 'h', upTo: 8 * DAY },
  { size: DAY, name: 'd', upTo: 2 * YEAR },
  { size: YEAR, name: 'y', minor: DAY, minorName: 'd', upTo: 8 * YEAR },
];

/** Two units at most, and one where the second would say little (upstream: duration.HumanDuration). */
export function durationText(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  const unit: Unit = UNITS.find(({ upTo }) => seconds < upTo) ?? { size: YEAR, name: 'y', upTo: Infinity };
  const major = `${Math.floor(seconds / unit.size)}${unit.name}`;
  if (unit.minor === undefined) return major;
  const rest = Math.floor((seconds % unit.size) / unit.minor);
  return rest === 0 ? major : `${major}${rest}${unit.minorName}`;
}

const MAX_SHOWN = 3;

/** The first three, and how many more there are. */
export function shortList(texts: readonly string[], empty: string): string {
  if (texts.length === 0) return empty;
  const shown = texts.slice(0, MAX_SHOWN).join(',');
  return texts.length > MAX_SHOWN ? `${shown} + ${texts.length - MAX_SHOWN} more...` : shown;
}

/** `a=1,b=2` by key; '<none>' without labels. */
export function labelsText(labels: Readonly<Record<string, string>> = {}): string {
  const texts = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return texts.length === 0 ? '<none>' : texts.sort().join(',');
}

export function selectorText(selector: LabelSelector): string {
  return formatLabelSelector(fromLabelSelector(selector)) || '<none>';
}

/** Containers, Images and Selector of a workload, for `-o wide`. */
export const templateColumns = <T>(
  containersOf: (object: T) => readonly Container[],
  selectorOf: (object: T) => LabelSelector,
): readonly Column<T>[] => [
  wide(
    column('Containers', 'string', [
      'Names of each container in the template.',
      (object) =>
        containersOf(object)
          .map(({ name }) => name)
          .join(','),
    ]),
  ),
  wide(
    column('Images', 'string', [
      'Images referenced by each container in the template.',
      (object) =>
        containersOf(object)
          .map(({ image = '' }) => image)
          .join(','),
    ]),
  ),
  wide(
    column('Selector', 'string', [
      'The Pods that belong to it.',
      (object) => selectorText(selectorOf(object)),
    ]),
  ),
];
