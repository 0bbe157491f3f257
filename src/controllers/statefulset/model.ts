import { statefulSets } from '../../api/apps/v1/revisioned-workloads.ts';
import type { StatefulSet } from '../../api/apps/v1/revisioned-workloads.ts';
import type { PodTemplateSpec } from '../../api/core/v1/pod-template.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { PersistentVolumeClaim } from '../../api/core/v1/volume-claim.ts';
import { revisionLabel } from '../history/plan.ts';
import { controllerRef } from '../ownership.ts';

export const podNameLabel = 'statefulset.kubernetes.io/pod-name';
export const podIndexLabel = 'apps.kubernetes.io/pod-index';

/** The number of a Pod of this StatefulSet; undefined for Pods of other names. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const { name } = pod.metadata;
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(?:0|[1-9]\d{0,9})$/.test(digits) ? Number(digits) : undefined;
}

export const firstOrdinal = ({ spec }: StatefulSet): number => spec.ordinals?.start ?? 0;

const claimName = (set: StatefulSet, template: string, ordinal: number): string =>
  `${template}-${set.metadata.name}-${ordinal}`;

/** The claims of the Pod with this number, as its templates say. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  const { namespace } = set.metadata;
  const isOwned = set.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete';
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    metadata: {
      name: claimName(set, metadata.name, ordinal),
      namespace,
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(isOwned ? { ownerReferences: [controllerRef(statefulSets, set)] } : {}),
    },
    spec,
  }));
}

export interface PodVersion {
  readonly template: PodTemplateSpec;
  /** Name of the ControllerRevision. */
  readonly revision: string;
}

/** The Pod with this number: its name is its identity, its volumes are the claims of the same number. */
export function podOf(set: StatefulSet, ordinal: number, { template, revision }: PodVersion): Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const claims = (set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata.name,
    persistentVolumeClaim: { claimName: claimName(set, metadata.name, ordinal) },
  }));
  const own = new Set(claims.map((volume) => volume.name));
  const volumes = [...(template.spec.volumes ?? []).filter((volume) => !own.has(volume.name)), ...claims];
  return {
    metadata: {
      name,
      namespace: set.metadata.namespace,
      labels: {
        ...labels,
        [podNameLabel]: name,
        [podIndexLabel]: String(ordinal),
        [revisionLabel]: revision,
      },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerRef(statefulSets, set)],
    },
    spec: {
      ...template.spec,
      hostname: name,
      ...(set.spec.serviceName === '' ? {} : { subdomain: set.spec.serviceName }),
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  };
}
