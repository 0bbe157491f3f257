import { type Infer, int64, message, optional, pointer, string } from '../../schema/schema.ts';

export const listMeta = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta',
  'What every list carries: its revision and, when it is cut, how to go on.',
  {
    selfLink: optional([1, string], 'No longer filled in.'),
    resourceVersion: optional([2, string], 'The revision the list was read at; a watch may start from it.'),
    continue: optional(
      [3, string],
      'Token for the next piece of a list that was cut by limit; absent on the last piece.',
    ),
    remainingItemCount: pointer([4, int64], 'How many items follow this piece, when the server knows.'),
  },
);
export type ListMeta = Infer<typeof listMeta>;
