import type { Event } from '../../api/core/v1/event.ts';
import type { FieldError } from '../../api/errors/field-error.ts';
import { eventsOfGroup } from '../../api/events/v1/event.ts';
import type { KindVersion } from '../../api/kind-version.ts';
import type { KubeObject } from '../../api/kind.ts';
import { kindVersions } from '../../api/versions.ts';
import type { Resource } from '../rest/rest.ts';
import { groupEventFaults } from './events/validation.ts';
import { versionedResource } from './generic/versions.ts';
import type { Change } from './strategy.ts';

type Rules = (change: Change<KubeObject>) => readonly FieldError[];

/** What only holds for writes through one version. */
const rules: ReadonlyMap<KindVersion, Rules> = new Map([
  [eventsOfGroup, (change: Change<KubeObject>) => groupEventFaults(change as Change<Event>)],
]);

/** The resources of all further versions of what is stored. */
export function versionedResources(stored: readonly Resource<KubeObject>[]): readonly Resource<KubeObject>[] {
  return kindVersions.flatMap((version) => {
    const resource = stored.find(({ kind }) => kind === version.stored);
    if (resource === undefined) return [];
    const validate = rules.get(version);
    return [
      versionedResource({ version, stored: resource, ...(validate === undefined ? {} : { validate }) }),
    ];
  });
}
