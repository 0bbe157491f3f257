import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KubeObject } from '../../api/kind.ts';
import { isBlocking, ownerStateOf, planGarbage } from './plan.ts';
import type { GarbagePlan, OwnerState } from './plan.ts';

const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid });
const object = (uids: string[], metadata: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  metadata: { name: 'o', ownerReferences: uids.map(owner), ...metadata },
});

const cases: [sentence: string, object: KubeObject, hasBlocking: boolean, expected: GarbagePlan][] = [
  ['without owners stays', object([]), false, { do: 'nothing' }],
  ['with an owner stays', object(['present']), false, { do: 'nothing' }],
  ['with an owner of a kind nobody knows stays', object(['unknown']), false, { do: 'nothing' }],
  ['without its owner goes', object(['absent']), false, { do: 'delete', policy: 'Background' }],
  [
    'that is going already is left alone',
    object(['absent'], { deletionTimestamp: 'x' }),
    false,
    { do: 'nothing' },
  ],
  [
    'with one owner of two stays with that one',
    object(['absent', 'present']),
    false,
    { do: 'keepOwners', owners: [owner('present')] },
  ],
  [
    'with one owner that waits and one that stays, stays with the latter',
    object(['waiting', 'present']),
    false,
    { do: 'keepOwners', owners: [owner('present')] },
  ],
  ['whose owner waits goes', object(['waiting']), false, { do: 'delete', policy: 'Background' }],
  [
    'whose owner waits goes after its own dependents',
    object(['waiting']),
    true,
    { do: 'delete', policy: 'Foreground' },
  ],
  [
    'that is to orphan its dependents does',
    object(['absent'], { finalizers: ['orphan'] }),
    true,
    { do: 'delete', policy: 'Orphan' },
  ],
  [
    'that is to wait for its dependents does',
    object(['absent'], { finalizers: ['foregroundDeletion'] }),
    false,
    { do: 'delete', policy: 'Foreground' },
  ],
];
for (const [sentence, one, hasBlocking, expected] of cases) {
  it(`an object ${sentence}`, () => {
    assert.deepEqual(
      planGarbage(one, hasBlocking, ({ uid }) => uid as OwnerState),
      expected,
    );
  });
}

it('an owner waits when it is deleted in the foreground', () => {
  assert.equal(ownerStateOf(object([], { finalizers: ['foregroundDeletion'] })), 'present');
  assert.equal(
    ownerStateOf(object([], { finalizers: ['foregroundDeletion'], deletionTimestamp: 'x' })),
    'waiting',
  );
  assert.equal(ownerStateOf(object([], { deletionTimestamp: 'x' })), 'present');
});

it('a dependent blocks its owner only when it says so', () => {
  const blocking = object([], { ownerReferences: [{ ...owner('a'), blockOwnerDeletion: true }, owner('b')] });
  assert.deepEqual(
    [isBlocking(blocking, 'a'), isBlocking(blocking, 'b'), isBlocking(blocking, 'c')],
    [true, false, false],
  );
});
