import { nodes, type Node } from '../../../api/core/v1/node.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Definition } from '../generic/definition.ts';
import { nodeColumns } from './columns.ts';
import { nodeStatusStrategy, nodeStrategy } from './strategy.ts';

export const nodeDefinition: Definition<Node> = {
  kind: nodes,
  name: dns1123Subdomain,
  strategy: nodeStrategy,
  subresources: { status: nodeStatusStrategy },
  columns: nodeColumns,
  fields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
  resourceVersion: 'optional',
};
