import type { Event } from '../../../api/core/v1/event.ts';
import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';

/** An event lies in the namespace of what it is about; events of things without one lie in `default`. */
export function eventFaults({ metadata, involvedObject }: Event): FieldError[] {
  const { namespace = '' } = involvedObject;
  const own = metadata.namespace ?? '';
  const isFine =
    namespace === '' ? own === '' || own === 'default' || own === 'kube-system' : namespace === own;
  if (isFine) return [];
  return [invalidValue('involvedObject.namespace', namespace, 'does not match event.namespace')];
}
