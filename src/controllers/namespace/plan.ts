import type { NamespaceCondition } from '../../api/core/v1/namespace.ts';
import type { KubeObject } from '../../api/kind.ts';
import { withCondition } from '../conditions.ts';

/** What is left in a namespace that is being deleted. */
export interface Remains {
  /** The objects still there, by `plural.group` (of the core group `plural.`). */
  readonly objects: ReadonlyMap<string, readonly KubeObject[]>;
  /** Why some could not be deleted. */
  readonly failures: readonly string[];
}

/** Upstream's words (namespace/deletion/status_condition_utils.go); people and tools look for them. */
const wellDone: readonly (readonly [type: string, reason: string, message: string])[] = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  [
    'NamespaceDeletionGroupVersionParsingFailure',
    'ParsedGroupVersions',
    'All legacy kube types successfully parsed',
  ],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  ['NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
];

/** The conditions that say what a namespace's deletion waits for; the same list when they say so already. */
export function planConditions(
  conditions: readonly NamespaceCondition[],
  remains: Remains,
  now: string,
): readonly NamespaceCondition[] {
  const troubles = troublesOf(remains);
  return wellDone.reduce((all, [type, reason, message]) => {
    const [badReason, badMessage] = troubles[type] ?? [];
    const isBad = badReason !== undefined && badMessage !== undefined;
    return withCondition(all, {
      type,
      status: isBad ? 'True' : 'False',
      lastTransitionTime: now,
      reason: isBad ? badReason : reason,
      message: isBad ? badMessage : message,
    });
  }, conditions);
}

type Troubles = Readonly<Record<string, readonly [reason: string, message: string]>>;

function troublesOf({ objects, failures }: Remains): Troubles {
  const left = [...objects].filter(([, each]) => each.length > 0);
  const finalizers = new Map<string, number>();
  for (const { metadata } of left.flatMap(([, each]) => each)) {
    for (const name of metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  }
  const instances = (name: string, n: number, word: string): string =>
    `${name} ${word} ${n} resource instances`;
  const listed = (texts: readonly string[]): string => texts.toSorted().join(', ');
  return {
    ...(failures.length > 0 && {
      NamespaceDeletionContentFailure: [
        'ContentDeletionFailed',
        `Failed to delete all resource types, ${failures.length} remaining: ${listed(failures)}`,
      ],
    }),
    ...(left.length > 0 && {
      NamespaceContentRemaining: [
        'SomeResourcesRemain',
        `Some resources are remaining: ${listed(left.map(([name, each]) => instances(name, each.length, 'has')))}`,
      ],
    }),
    ...(finalizers.size > 0 && {
      NamespaceFinalizersRemaining: [
        'SomeFinalizersRemain',
        `Some content in the namespace has finalizers remaining: ${listed([...finalizers].map(([name, n]) => instances(name, n, 'in')))}`,
      ],
    }),
  };
}
