import { badRequest } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import { matchesFields } from '../../../api/selectors/field-selector.ts';
import { matchesLabels } from '../../../api/selectors/label-selector.ts';
import type { ListQuery } from '../../rest/rest.ts';
import type { Definition } from './definition.ts';

/** Which objects a request is about. */
export interface Selection<T> {
  /** Keys begin with this: 'namespace/', or '' for all namespaces. */
  readonly keyPrefix: string;
  /** The one name asked for by `metadata.name=`, if there is one. */
  readonly name: string | undefined;
  readonly isEverything: boolean;
  /** Says which selection it is: the same text, the same objects. */
  readonly text: string;
  matches(object: T): boolean;
}

type Selectors = Pick<ListQuery, 'labelSelector' | 'fieldSelector'>;

/** Throws BadRequest for a field that cannot be selected by. */
export function selectionOf<T extends KubeObject>(
  { kind, fields = {} }: Definition<T>,
  namespace: string,
  { labelSelector, fieldSelector }: Selectors,
): Selection<T> {
  const keyPrefix = kind.isNamespaced && namespace !== '' ? `${namespace}/` : '';
  const readers = new Map<string, (object: T) => string>(Object.entries(fields));
  readers.set('metadata.name', (object) => object.metadata.name);
  if (kind.isNamespaced) readers.set('metadata.namespace', (object) => object.metadata.namespace ?? '');
  const wanted = fieldSelector.map(({ field }) => {
    const read = readers.get(field);
    if (read !== undefined) return [field, read] as const;
    throw badRequest(`field label not supported: ${field}`);
  });
  const isEverything = labelSelector.length === 0 && wanted.length === 0;
  return {
    keyPrefix,
    name: fieldSelector.find(({ field, operator }) => field === 'metadata.name' && operator === '=')?.value,
    isEverything,
    text: isEverything ? keyPrefix : JSON.stringify([keyPrefix, labelSelector, fieldSelector]),
    matches(object) {
      if (isEverything) return true;
      if (!matchesLabels(labelSelector, object.metadata.labels)) return false;
      if (wanted.length === 0) return true;
      return matchesFields(
        fieldSelector,
        Object.fromEntries(wanted.map(([field, read]) => [field, read(object)])),
      );
    },
  };
}
