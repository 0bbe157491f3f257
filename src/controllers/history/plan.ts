import type { ControllerRevision } from '../../api/apps/v1/revisioned-workloads.ts';
import type { PodTemplateSpec } from '../../api/core/v1/pod-template.ts';
import { asJson } from '../../api/kind.ts';
import type { OwnerReference } from '../../api/meta/v1/object-meta.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import type { JsonObject } from '../../base/json.ts';
import { templateHash } from '../deployment/template-hash.ts';

/** By this label Pods name their revision. */
export const revisionLabel = 'controller-revision-hash';
const hashLabel = 'controller.kubernetes.io/hash';

/** What a revision keeps: the patch that gives a workload the template again, as kubectl applies it for `undo`. */
export const revisionData = (template: PodTemplateSpec): JsonObject => ({
  spec: { template: { ...asJson(template), $patch: 'replace' } },
});

/** The template that a revision kept; undefined when it is not ours. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const spec = data?.spec as { readonly template?: JsonObject } | undefined;
  if (spec?.template === undefined) return undefined;
  const { $patch: _, ...template } = spec.template;
  return template as unknown as PodTemplateSpec;
}

export interface HistoryInput {
  readonly owner: {
    readonly name: string;
    readonly namespace: string | undefined;
    readonly annotations: Readonly<Record<string, string>> | undefined;
    readonly reference: OwnerReference;
  };
  readonly template: PodTemplateSpec;
  readonly revisions: readonly ControllerRevision[];
  readonly nCollisions: number;
}

export interface HistoryPlan {
  /** The revision of the present template, as it ought to be. */
  readonly current: ControllerRevision;
  /** 'keep': it is stored so; 'renumber': an old one that is the newest again. */
  readonly write: 'keep' | 'create' | 'renumber';
}

/** Finds or makes the revision of the present template; a template that comes back is the newest again. */
export function planHistory({ owner, template, revisions, nCollisions }: HistoryInput): HistoryPlan {
  const data = revisionData(template);
  const ordered = [...revisions].sort((a, b) => a.revision - b.revision);
  const last = ordered.at(-1);
  const equal = ordered.filter((revision) => deepEqual(revision.data, data)).at(-1);
  if (equal !== undefined && equal === last) return { current: equal, write: 'keep' };
  const revision = (last?.revision ?? 0) + 1;
  if (equal !== undefined) return { current: { ...equal, revision }, write: 'renumber' };
  const hash = templateHash(template, nCollisions);
  const { name, namespace, annotations, reference } = owner;
  const current: ControllerRevision = {
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...template.metadata?.labels, [hashLabel]: hash, [revisionLabel]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [reference],
    },
    data,
    revision,
  };
  return { current, write: 'create' };
}

/** The short name within the revision's name. */
export const hashOf = ({ metadata }: ControllerRevision): string =>
  metadata.labels?.[hashLabel] ?? metadata.labels?.[revisionLabel] ?? metadata.name;

/** The oldest revisions beyond `limit` that `live` does not name. */
export function surplusRevisions(
  revisions: readonly ControllerRevision[],
  live: ReadonlySet<string>,
  limit: number,
): readonly ControllerRevision[] {
  const idle = revisions
    .filter((revision) => !live.has(revision.metadata.name) && !live.has(hashOf(revision)))
    .sort((a, b) => a.revision - b.revision);
  return idle.slice(0, Math.max(0, idle.length - limit));
}
