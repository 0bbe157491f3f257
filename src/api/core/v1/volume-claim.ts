import { typedLocalObjectReference, typedObjectReference } from './references.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  list,
  map,
  message,
  optional,
  partial,
  pointer,
  quantity,
  required,
  string,
} from '../../schema/schema.ts';

export const volumeResourceRequirements = message('io.k8s.api.core.v1.VolumeResourceRequirements', '-', {
  limits: optional([1, map(quantity)], '-'),
  requests: optional([2, map(quantity)], '-'),
});
export type VolumeResourceRequirements = Infer<typeof volumeResourceRequirements>;

export const persistentVolumeClaimSpec = message('io.k8s.api.core.v1.PersistentVolumeClaimSpec', '-', {
  accessModes: optional([1, list(string)], '-'),
  selector: optional([4, labelSelector], '-'),
  resources: optional([2, volumeResourceRequirements], '-'),
  volumeName: optional([3, string], '-'),
  storageClassName: pointer([5, string], '-'),
  volumeMode: pointer([6, string], '-', { default: 'Filesystem' }),
  dataSource: optional([7, typedLocalObjectReference], '-'),
  dataSourceRef: optional([8, typedObjectReference], '-'),
  volumeAttributesClassName: pointer([9, string], '-'),
});
export type PersistentVolumeClaimSpec = Infer<typeof persistentVolumeClaimSpec>;

export const persistentVolumeClaimTemplate = message(
  'io.k8s.api.core.v1.PersistentVolumeClaimTemplate',
  '-',
  {
    metadata: optional([1, partial(objectMeta)], '-'),
    spec: required([2, persistentVolumeClaimSpec], '-'),
  },
);
export type PersistentVolumeClaimTemplate = Infer<typeof persistentVolumeClaimTemplate>;
