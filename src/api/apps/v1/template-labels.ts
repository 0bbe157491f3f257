import { isJsonObject } from '../../../base/json.ts';
import type { ObjectRule } from '../../kind.ts';
import { hostNetworkPorts } from '../../core/v1/pod-defaults.ts';

/** A workload without labels takes those of its Pod template; templates in the node's network get host ports. */
export const labelsFromTemplate: ObjectRule = (object) => {
  if (!isJsonObject(object.spec) || !isJsonObject(object.spec.template)) return object;
  const { template } = object.spec;
  let next = object;
  const labels = isJsonObject(template.metadata) ? template.metadata.labels : undefined;
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  if (isJsonObject(labels) && metadata.labels === undefined) {
    next = { ...next, metadata: { ...metadata, labels: { ...labels } } };
  }
  if (!isJsonObject(template.spec)) return next;
  const spec = hostNetworkPorts(template.spec);
  if (spec === template.spec) return next;
  return { ...next, spec: { ...object.spec, template: { ...template, spec } } };
};
