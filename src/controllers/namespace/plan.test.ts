import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../api/kind.ts';
import { planConditions, type Remains } from './plan.ts';

const none: Remains = { objects: new Map(), failures: [] };
const object = (name: string, finalizers?: readonly string[]): KubeObject => ({
  metadata: { name, ...(finalizers === undefined ? {} : { finalizers }) },
});
const shown = (remains: Remains): Record<string, string> =>
  Object.fromEntries(
    planConditions([], remains, 'now').map(({ type, status, reason = '', message = '' }) => [
      type,
      `${status} ${reason}: ${message}`,
    ]),
  );

describe('the conditions of a namespace that is being deleted', () => {
  it('say that all is well while nothing is left', () => {
    assert.deepEqual(shown(none), {
      NamespaceDeletionDiscoveryFailure: 'False ResourcesDiscovered: All resources successfully discovered',
      NamespaceDeletionGroupVersionParsingFailure:
        'False ParsedGroupVersions: All legacy kube types successfully parsed',
      NamespaceDeletionContentFailure:
        'False ContentDeleted: All content successfully deleted, may be waiting on finalization',
      NamespaceContentRemaining: 'False ContentRemoved: All content successfully removed',
      NamespaceFinalizersRemaining:
        'False ContentHasNoFinalizers: All content-preserving finalizers finished',
    });
  });

  it('count what is left and what holds it', () => {
    const objects = new Map([
      ['pods.', [object('a'), object('b', ['x/y', 'x/a'])]],
      ['deployments.apps', [object('c', ['x/y'])]],
      ['secrets.', []],
    ]);
    const { NamespaceContentRemaining, NamespaceFinalizersRemaining, NamespaceDeletionContentFailure } =
      shown({
        objects,
        failures: ['no', 'never'],
      });
    assert.equal(
      NamespaceContentRemaining,
      'True SomeResourcesRemain: Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances',
    );
    assert.equal(
      NamespaceFinalizersRemaining,
      'True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: x/a in 1 resource instances, x/y in 2 resource instances',
    );
    assert.equal(
      NamespaceDeletionContentFailure,
      'True ContentDeletionFailed: Failed to delete all resource types, 2 remaining: never, no',
    );
  });

  it('stay the same list when nothing is new, and keep the time while the status stays', () => {
    const first = planConditions([], none, 'then');
    assert.equal(planConditions(first, none, 'now'), first);
    const objects = new Map([['pods.', [object('a')]]]);
    const [, , failure, remaining] = planConditions(first, { objects, failures: [] }, 'now');
    assert.deepEqual([failure?.lastTransitionTime, remaining?.lastTransitionTime], ['then', 'now']);
  });
});
