import { isJsonObject, type JsonObject, type JsonValue } from '../../../base/json.ts';

/**
 * Metrics in the words of autoscaling/v1 (`metricName`, `targetAverageValue`), which stand in annotations only, and in those
 * of autoscaling/v2 (`metric.name`, `target.averageValue`).
 */

/** The field that each type of metric fills. */
const FIELDS: Readonly<Record<string, string>> = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
  External: 'external',
};

const part = (owner: JsonObject, field: string): JsonObject => {
  const value = owner[field];
  return isJsonObject(value) ? value : {};
};
/** Without the members that are undefined. */
const some = (members: Readonly<Record<string, JsonValue | undefined>>): JsonObject =>
  Object.fromEntries<JsonValue | undefined>(
    Object.entries(members).filter(([, value]) => value !== undefined),
  );

type Change = (source: JsonObject) => JsonObject;

/** The metric with its source changed by the rule of that source. */
function withSource(metric: JsonObject, rules: Readonly<Record<string, Change>>): JsonObject {
  const out: Record<string, JsonValue> = { type: metric['type'] ?? '' };
  for (const field of Object.values(FIELDS)) {
    const source = metric[field];
    const rule = rules[field];
    if (isJsonObject(source) && rule !== undefined) out[field] = rule(source);
  }
  return out;
}

const resourceToV1 =
  (to: 'target' | 'current'): Change =>
  (source) => {
    const value = part(source, to);
    const { name, container } = source;
    return some({
      name,
      [`${to}AverageUtilization`]: value['averageUtilization'],
      // Not a pointer in the status of v1, so that it is never missing there.
      [`${to}AverageValue`]: value['averageValue'] ?? (to === 'current' ? '0' : undefined),
      container,
    });
  };
const resourceFromV1 =
  (to: 'target' | 'current'): Change =>
  (source) => {
    const averageUtilization = source[`${to}AverageUtilization`];
    const averageValue = source[`${to}AverageValue`];
    const type = averageUtilization === undefined ? 'AverageValue' : 'Utilization';
    const value = some({ type: to === 'target' ? type : undefined, averageValue, averageUtilization });
    return some({ name: source['name'], [to]: value, container: source['container'] });
  };

const metricOf = (source: JsonObject, selector: string): JsonObject =>
  some({ name: source['metricName'], selector: source[selector] });

const objectToV1 =
  (to: 'target' | 'current'): Change =>
  (source) => {
    const [value, metric] = [part(source, to), part(source, 'metric')];
    return some({
      target: source['describedObject'],
      metricName: metric['name'],
      [`${to}Value`]: value['value'] ?? '0',
      selector: metric['selector'],
      averageValue: value['averageValue'],
    });
  };
const objectFromV1 =
  (to: 'target' | 'current'): Change =>
  (source) => {
    const averageValue = source['averageValue'];
    const type = averageValue === undefined ? 'Value' : 'AverageValue';
    const value = source[`${to}Value`];
    return some({
      describedObject: source['target'],
      metric: metricOf(source, 'selector'),
      [to]: some({
        type: to === 'target' ? type : undefined,
        // The zero that v1 writes for a value that is not there.
        value: averageValue !== undefined && value === '0' ? undefined : value,
        averageValue,
      }),
    });
  };

const podsToV1 =
  (to: 'target' | 'current'): Change =>
  (source) => {
    const metric = part(source, 'metric');
    return some({
      metricName: metric['name'],
      [`${to}AverageValue`]: part(source, to)['averageValue'] ?? '0',
      selector: metric['selector'],
    });
  };
const podsFromV1 =
  (to: 'target' | 'current'): Change =>
  (source) => ({
    metric: metricOf(source, 'selector'),
    [to]: some({
      type: to === 'target' ? 'AverageValue' : undefined,
      averageValue: source[`${to}AverageValue`],
    }),
  });

const externalToV1 =
  (to: 'target' | 'current'): Change =>
  (source) => {
    const [value, metric] = [part(source, to), part(source, 'metric')];
    return some({
      metricName: metric['name'],
      metricSelector: metric['selector'],
      [`${to}Value`]: value['value'] ?? (to === 'current' ? '0' : undefined),
      [`${to}AverageValue`]: value['averageValue'],
    });
  };
const externalFromV1 =
  (to: 'target' | 'current'): Change =>
  (source) => {
    const value = source[`${to}Value`];
    const type = value === undefined ? 'AverageValue' : 'Value';
    return {
      metric: metricOf(source, 'metricSelector'),
      [to]: some({
        type: to === 'target' ? type : undefined,
        value,
        averageValue: source[`${to}AverageValue`],
      }),
    };
  };

const toV1 = (to: 'target' | 'current'): Readonly<Record<string, Change>> => ({
  object: objectToV1(to),
  pods: podsToV1(to),
  resource: resourceToV1(to),
  containerResource: resourceToV1(to),
  external: externalToV1(to),
});
const fromV1 = (to: 'target' | 'current'): Readonly<Record<string, Change>> => ({
  object: objectFromV1(to),
  pods: podsFromV1(to),
  resource: resourceFromV1(to),
  containerResource: resourceFromV1(to),
  external: externalFromV1(to),
});

const rules = {
  specTo: toV1('target'),
  specFrom: fromV1('target'),
  statusTo: toV1('current'),
  statusFrom: fromV1('current'),
};

/** A MetricSpec of v2 as one of v1. */
export const toV1Spec = (metric: JsonObject): JsonObject => withSource(metric, rules.specTo);
/** A MetricSpec of v1 as one of v2. */
export const fromV1Spec = (metric: JsonObject): JsonObject => withSource(metric, rules.specFrom);
/** A MetricStatus of v2 as one of v1. */
export const toV1Status = (metric: JsonObject): JsonObject => withSource(metric, rules.statusTo);
/** A MetricStatus of v1 as one of v2. */
export const fromV1Status = (metric: JsonObject): JsonObject => withSource(metric, rules.statusFrom);
