import { deployments, type Deployment } from '../../../api/apps/v1/deployment.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn, templateColumns } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { deploymentStatusStrategy, deploymentStrategy } from './strategy.ts';

export const deploymentDefinition: Definition<Deployment> = {
  kind: deployments,
  name: dns1123Subdomain,
  strategy: deploymentStrategy,
  subresources: { status: deploymentStatusStrategy },
  columns: [
    nameColumn(),
    column('Ready', 'string', [
      'How many Pods are ready, of those wanted.',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    ]),
    column('Up-to-date', 'integer', [
      'How many Pods are of the latest template.',
      ({ status }) => status?.updatedReplicas ?? 0,
    ]),
    column('Available', 'integer', [
      'How many Pods have been ready long enough.',
      ({ status }) => status?.availableReplicas ?? 0,
    ]),
    ageColumn(),
    ...templateColumns<Deployment>(
      ({ spec }) => spec.template.spec.containers,
      ({ spec }) => spec.selector,
    ),
  ],
  resourceVersion: 'optional',
  // Annotations count as well: they travel to the ReplicaSets.
  generationOf: ({ spec, metadata }) => ({ spec, annotations: metadata.annotations }),
};
