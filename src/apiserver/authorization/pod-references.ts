import type { Pod } from '../../api/core/v1/pod.ts';
import type { Container } from '../../api/core/v1/container.ts';

/** What a Pod refers to in its namespace, as `secrets/NAMESPACE/NAME` and the like for configmaps and serviceaccounts. */
export function podReferences({ metadata, spec }: Pod): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (what: string, name: string | undefined): void => {
    if (name !== undefined && name !== '') found.add(`${what}/${metadata.namespace ?? ''}/${name}`);
  };
  add('serviceaccounts', spec.serviceAccountName);
  for (const { name } of spec.imagePullSecrets ?? []) add('secrets', name);
  for (const container of allContainers(spec)) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      add('configmaps', configMapRef?.name);
      add('secrets', secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add('configmaps', valueFrom?.configMapKeyRef?.name);
      add('secrets', valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of spec.volumes ?? []) {
    add('configmaps', volume.configMap?.name);
    add('secrets', volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      add('configmaps', source.configMap?.name);
      add('secrets', source.secret?.name);
    }
  }
  return found;
}

type ContainerOfAnyKind = Pick<Container, 'name' | 'env' | 'envFrom' | 'volumeMounts'>;

export const allContainers = (spec: Pod['spec']): readonly ContainerOfAnyKind[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
];
