import {
  type Ingress,
  type IngressClass,
  ingressClasses,
  ingresses,
  networkPolicies,
  type NetworkPolicy,
} from '../../../api/networking/v1/ingress.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, selectorText, shortList } from '../columns.ts';
import { anyDefinition, type Definition } from '../generic/definition.ts';
import { statusStrategy, withStatusOf } from '../strategy.ts';
import {
  ingressClassFaults,
  ingressFaults,
  ingressStatusFaults,
  networkPolicyFaults,
  networkPolicyWarnings,
} from './validation.ts';

const text = <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> =>
  column(name, 'string', [description, cell]);

const hostsOf = ({ spec }: Ingress): string =>
  shortList(
    (spec.rules ?? []).flatMap(({ host = '' }) => (host === '' ? [] : [host])),
    '*',
  );

const addressesOf = ({ status }: Ingress): string =>
  (status?.loadBalancer.ingress ?? [])
    .map(({ ip = '', hostname = '' }) => ip || hostname)
    .filter((address) => address !== '')
    .join(',');

const ingress: Definition<Ingress> = {
  kind: ingresses,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: { loadBalancer: {} } }),
    validate: ({ next, prev }) => ingressFaults(next, prev),
    warnings: ({ next }) =>
      next.metadata.annotations?.['kubernetes.io/ingress.class'] === undefined
        ? []
        : [
            'annotation "kubernetes.io/ingress.class" is deprecated, please use \'spec.ingressClassName\' instead',
          ],
  },
  subresources: { status: statusStrategy<Ingress>(({ next }) => ingressStatusFaults(next)) },
  columns: [
    nameColumn(),
    text('Class', 'The IngressClass that does it.', ({ spec }) => spec.ingressClassName ?? '<none>'),
    text('Hosts', 'Hosts that it answers for.', hostsOf),
    text('Address', 'Where the load balancer is found.', addressesOf),
    text('Ports', 'Ports that it answers on.', ({ spec }) =>
      (spec.tls ?? []).length > 0 ? '80, 443' : '80',
    ),
    ageColumn(),
  ],
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

const parametersOf = ({ spec: { parameters } }: IngressClass): string => {
  if (parameters === undefined) return '<none>';
  const { apiGroup, kind, name } = parameters;
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
};

const ingressClass: Definition<IngressClass> = {
  kind: ingressClasses,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next }) => next,
    validate: ({ next, prev }) => ingressClassFaults(next, prev),
  },
  columns: [
    nameColumn(),
    text('Controller', 'Who looks after Ingresses of the class.', ({ spec }) => spec.controller ?? ''),
    text('Parameters', 'The settings of the class.', parametersOf),
    ageColumn(),
  ],
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

const networkPolicy: Definition<NetworkPolicy> = {
  kind: networkPolicies,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next }) => next,
    validate: ({ next, prev }) => networkPolicyFaults(next, prev),
    warnings: ({ next }) => networkPolicyWarnings(next),
  },
  columns: [
    nameColumn(),
    text('Pod-Selector', 'The Pods that it is about.', ({ spec }) => selectorText(spec.podSelector)),
    ageColumn(),
  ],
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

/** Kinds of networking.k8s.io that others than the server act on. */
export const networkingDefinitions: readonly Definition[] = [
  anyDefinition(ingressClass),
  anyDefinition(ingress),
  anyDefinition(networkPolicy),
];
