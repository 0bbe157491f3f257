import { isAlreadyExists } from '../../api/errors/api-error.ts';
import { clusterRoleBindings } from '../../api/rbac/v1/cluster-role-binding.ts';
import { clusterRoles } from '../../api/rbac/v1/cluster-role.ts';
import type { Client } from '../../client/client.ts';

const NAME = 'portico:local-addresses';
const GROUP = 'rbac.authorization.k8s.io';

/**
 * Without a network of its own, the node writes on each Service where it answers (`portico.dev/local-address`), which no
 * role of upstream's allows a node. A second run changes nothing.
 */
export async function allowLocalAddresses(client: Client): Promise<void> {
  const ignoreExisting = (error: unknown): void => {
    if (!isAlreadyExists(error)) throw error;
  };
  await client
    .create(clusterRoles, {
      metadata: { name: NAME },
      rules: [{ apiGroups: [''], resources: ['services'], verbs: ['patch'] }],
    })
    .catch(ignoreExisting);
  await client
    .create(clusterRoleBindings, {
      metadata: { name: NAME },
      subjects: [{ kind: 'Group', name: 'system:nodes', apiGroup: GROUP }],
      roleRef: { kind: 'ClusterRole', name: NAME, apiGroup: GROUP },
    })
    .catch(ignoreExisting);
}
