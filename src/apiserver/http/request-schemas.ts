import { deleteOptions } from '../../api/meta/v1/delete-options.ts';
import { objectMeta } from '../../api/meta/v1/object-meta.ts';
import { message, optional, pointer, string } from '../../api/schema/schema.ts';

/**
 * Bodies that are no stored objects, as far as the server reads them. Names and numbers are those of upstream's
 * generated.proto; clients that speak protobuf send these in it.
 */
const bindingTarget = message('io.k8s.api.core.v1.ObjectReference', 'Where the Pod is to run.', {
  kind: optional([1, string], 'Node.'),
  name: optional([3, string], 'The name of the node.'),
});

export const bindingSchema = message('io.k8s.api.core.v1.Binding', 'Assigns a Pod to a node.', {
  metadata: optional([1, objectMeta], 'Of the Pod.'),
  target: optional([2, bindingTarget], 'Where the Pod is to run.'),
});

export const evictionSchema = message('io.k8s.api.policy.v1.Eviction', 'Asks for the end of a Pod.', {
  metadata: optional([1, objectMeta], 'Of the Pod.'),
  deleteOptions: pointer([2, deleteOptions], 'How the Pod is deleted.'),
});
