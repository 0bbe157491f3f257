import type { Pod } from '../api/core/v1/pod.ts';
import { pods as podKind } from '../api/core/v1/pod.ts';
import type { Service } from '../api/core/v1/service.ts';
import { services as serviceKind } from '../api/core/v1/service.ts';
import { objectKey } from '../api/kind.ts';
import { fromMap, matchesLabels } from '../api/selectors/label-selector.ts';
import type { Informers } from '../client/informers.ts';
import { createIndex } from '../client/object-index.ts';

/** Which Pods a Service selects, and which Services select a Pod, without looking at all of them. */
export interface ServicePods {
  /** Empty for a Service without selector. */
  podsOf(service: Service): readonly Pod[];
  /** Keys of the Services that select a Pod with these labels. */
  servicesOf(pod: Pod): readonly string[];
}

const pair = (namespace: string | undefined, key: string, value: string): string =>
  `${namespace ?? ''}/${key}=${value}`;

const labelPairs = ({ metadata: { namespace, labels } }: Pod): readonly string[] =>
  Object.entries(labels ?? {}).map(([key, value]) => pair(namespace, key, value));

/** One pair of the selector is enough to find the Service: a Pod it selects has that label. */
const selectorPair = ({ metadata: { namespace }, spec: { selector } }: Service): readonly string[] => {
  const [first] = Object.entries(selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return first === undefined ? [] : [pair(namespace, ...first)];
};

const selects = (service: Service, pod: Pod): boolean =>
  matchesLabels(fromMap(service.spec.selector ?? {}), pod.metadata.labels);

export function createServicePods(informers: Informers): ServicePods {
  const pods = informers.for(podKind);
  const services = informers.for(serviceKind);
  const podsByLabel = createIndex(labelPairs);
  const servicesByPair = createIndex(selectorPair);
  pods.onChange(({ key, prev, next }) => podsByLabel.move(key, prev, next));
  services.onChange(({ key, prev, next }) => servicesByPair.move(key, prev, next));
  return {
    podsOf: (service) => {
      const { namespace } = service.metadata;
      const buckets = Object.entries(service.spec.selector ?? {})
        .map(([key, value]) => podsByLabel.keys(pair(namespace, key, value)))
        .sort((a, b) => a.size - b.size);
      const [smallest] = buckets;
      if (smallest === undefined) return [];
      return [...smallest].flatMap((key) => {
        const pod = pods.get(key);
        return pod !== undefined && selects(service, pod) ? [pod] : [];
      });
    },
    servicesOf: (pod) =>
      labelPairs(pod).flatMap((value) =>
        [...servicesByPair.keys(value)].flatMap((key) => {
          const service = services.get(key);
          return service !== undefined && selects(service, pod) ? [objectKey(service)] : [];
        }),
      ),
  };
}
