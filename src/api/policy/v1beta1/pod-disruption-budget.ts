import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import type { KindVersion } from '../../kind-version.ts';
import type { Kind } from '../../kind.ts';
import { message } from '../../schema/schema.ts';
import { podDisruptionBudget, podDisruptionBudgets } from '../v1/pod-disruption-budget.ts';

const kind: Kind = {
  ...podDisruptionBudgets,
  version: 'v1beta1',
  schema: message(
    'io.k8s.api.policy.v1beta1.PodDisruptionBudget',
    podDisruptionBudget.description,
    podDisruptionBudget.fields,
  ),
};

/** An empty selector means no Pod in this version and every Pod in v1; upstream tells them apart by this label. */
const LABEL = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match';
const none = { matchExpressions: [{ key: LABEL, operator: 'Exists' }] };
const every = { matchExpressions: [{ key: LABEL, operator: 'DoesNotExist' }] };

/** The budget with another selector, where it has one of these. */
function withSelector(
  budget: JsonObject,
  pairs: readonly (readonly [from: JsonObject, to: JsonObject])[],
): JsonObject {
  if (!isJsonObject(budget.spec) || !isJsonObject(budget.spec.selector)) return budget;
  const { selector } = budget.spec;
  const to = pairs.find(([from]) => deepEqual(from, selector))?.[1];
  return to === undefined ? budget : { ...budget, spec: { ...budget.spec, selector: to } };
}

export const podDisruptionBudgetsV1beta1: KindVersion = {
  kind,
  stored: podDisruptionBudgets,
  toStored: (budget) =>
    withSelector(budget, [
      [{}, none],
      [every, {}],
    ]),
  fromStored: (budget) =>
    withSelector(budget, [
      [none, {}],
      [{}, every],
    ]),
};
