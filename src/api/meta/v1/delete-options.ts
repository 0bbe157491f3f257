import {
  type Infer,
  bool,
  int64,
  list,
  message,
  optional,
  pointer,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const preconditions = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions',
  'What must be true of an object for it to be deleted.',
  {
    uid: pointer([1, string], 'UID the object must have.'),
    resourceVersion: pointer([2, string], 'Revision the object must have.'),
  },
);
export type Preconditions = Infer<typeof preconditions>;

export const deleteOptions = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
  'How an object is deleted; the body of a delete request, which may be absent.',
  {
    ...typeMeta,
    gracePeriodSeconds: pointer([1, int64], 'How long the object may take to end; 0 means at once.'),
    preconditions: optional([2, preconditions], 'What must be true of the object.'),
    orphanDependents: pointer([3, bool], 'Old form of propagationPolicy.'),
    propagationPolicy: pointer([4, string], 'What happens to the objects this one owns.', {
      values: ['Orphan', 'Background', 'Foreground'],
    }),
    dryRun: optional([5, list(string)], 'All when nothing is to be stored.'),
    ignoreStoreReadErrorWithClusterBreakingPotential: pointer(
      [6, bool],
      'Whether an object that cannot be read is removed all the same.',
    ),
  },
);
export type DeleteOptions = Infer<typeof deleteOptions>;
