import { isJsonObject } from '../../../base/json.ts';
import type { ObjectRule } from '../../kind.ts';

const nameLabel = 'kubernetes.io/metadata.name';

/** Every Namespace carries its name as a label, so that selectors can name it. */
export const nameAsLabel: ObjectRule = (namespace) => {
  const { metadata } = namespace;
  if (!isJsonObject(metadata) || typeof metadata.name !== 'string' || metadata.name === '') return namespace;
  const labels = isJsonObject(metadata.labels) ? metadata.labels : {};
  if (labels[nameLabel] !== undefined) return namespace;
  return { ...namespace, metadata: { ...metadata, labels: { ...labels, [nameLabel]: metadata.name } } };
};
