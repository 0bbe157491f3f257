import type { LabelSelector } from '../../../api/meta/v1/label-selector.ts';
import type { PodTemplateSpec } from '../../../api/core/v1/pod-template.ts';
import { fromLabelSelector, matchesLabels } from '../../../api/selectors/label-selector.ts';
import { forbiddenField, invalidValue, required, type FieldError } from '../../../api/errors/field-error.ts';
import { labelValueRule, qualifiedName } from '../../../api/validation/names.ts';
import { validateLabels } from '../../../api/validation/object-meta.ts';
import { invalidEach } from './fields.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

export function selectorFaults(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  path: string,
): FieldError[] {
  const errors = validateLabels(matchLabels, `${path}.matchLabels`);
  for (const [i, { key, operator, values = [] }] of matchExpressions.entries()) {
    const at = `${path}.matchExpressions[${i}]`;
    if (!OPERATORS.includes(operator))
      errors.push(invalidValue(`${at}.operator`, operator, 'not a valid selector operator'));
    else if (operator.endsWith('In') && values.length === 0) {
      errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (!operator.endsWith('In') && values.length > 0) {
      errors.push(
        forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      );
    }
    errors.push(...invalidEach(`${at}.key`, key, qualifiedName(key)));
    for (const [j, value] of values.entries()) {
      errors.push(...invalidEach(`${at}.values[${j}]`, value, labelValueRule(value)));
    }
  }
  return errors;
}

/** A workload must select the Pods of its template; without a selector it selects none. `selector` must have no faults. */
export function templateLabelFaults(
  selector: LabelSelector | undefined,
  { metadata }: PodTemplateSpec,
): FieldError[] {
  const labels = metadata?.labels;
  if (selector !== undefined && matchesLabels(fromLabelSelector(selector), labels)) return [];
  const detail = '`selector` does not match template `labels`';
  return [invalidValue('spec.template.metadata.labels', labels ?? null, detail)];
}
