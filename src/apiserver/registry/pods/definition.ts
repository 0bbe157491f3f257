import { pods, type Pod } from '../../../api/core/v1/pod.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Definition } from '../generic/definition.ts';
import { podColumns } from './columns.ts';
import { podBindingStrategy, podStatusStrategy, podStrategy } from './strategy.ts';

/** A Pod that runs nowhere needs no time to stop (upstream: CheckGracefulDelete). */
function graceSeconds({ spec, status }: Pod, requested: number | undefined): number {
  const isIdle = !spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const wanted = requested ?? spec.terminationGracePeriodSeconds ?? 0;
  return isIdle ? 0 : wanted < 0 ? 1 : wanted;
}

export const podDefinition: Definition<Pod> = {
  kind: pods,
  name: dns1123Subdomain,
  strategy: podStrategy,
  subresources: { status: podStatusStrategy, binding: podBindingStrategy },
  columns: podColumns,
  fields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
  answersDeleted: true,
  deletion: { graceSeconds },
};
