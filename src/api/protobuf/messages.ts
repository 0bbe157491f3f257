import { scales } from '../autoscaling/v1/scale.ts';
import { bindings } from '../core/v1/binding.ts';
import { apiVersionOf } from '../kind.ts';
import { allKinds } from '../kinds.ts';
import { deleteOptions } from '../meta/v1/delete-options.ts';
import { discoveryMessages } from '../meta/v1/discovery.ts';
import { partialObjectMetadata } from '../meta/v1/partial-object-metadata.ts';
import { status } from '../meta/v1/status.ts';
import { reviewKinds } from '../reviews.ts';
import type { MessageType } from '../schema/schema.ts';
import { kindVersions } from '../versions.ts';

let messages: ReadonlyMap<string, MessageType> | undefined;

const keyOf = (apiVersion: string, kind: string): string => `${apiVersion}/${kind}`;

/** What is neither stored nor a resource of its own. */
const others: readonly (readonly [apiVersion: string, kind: string, schema: MessageType])[] = [
  ['v1', 'Status', status],
  ['v1', 'DeleteOptions', deleteOptions],
  ['meta.k8s.io/v1', 'PartialObjectMetadata', partialObjectMetadata],
  ['meta.k8s.io/v1beta1', 'PartialObjectMetadata', partialObjectMetadata],
  ...discoveryMessages,
];

/** The schema of a document, whether it is stored or not; undefined for a kind that nobody here knows. */
export function messageOf(apiVersion: string, kind: string): MessageType | undefined {
  messages ??= new Map<string, MessageType>([
    ...[...allKinds, ...kindVersions.map(({ kind }) => kind), ...reviewKinds, scales, bindings].map(
      (each): [string, MessageType] => [keyOf(apiVersionOf(each), each.kind), each.schema],
    ),
    ...others.map(([version, name, schema]): [string, MessageType] => [keyOf(version, name), schema]),
  ]);
  return messages.get(keyOf(apiVersion, kind));
}
