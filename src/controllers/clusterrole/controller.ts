import { aggregatedRules } from '../../api/rbac/aggregation.ts';
import { clusterRoles as clusterRoleKind } from '../../api/rbac/v1/cluster-role.ts';
import { isConflict, isNotFound } from '../../api/errors/api-error.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';

/** Keeps the rules of ClusterRoles that gather them from others, such as `admin`, `edit` and `view`. */
export function createClusterRoleAggregationController(deps: ControllerDeps): Controller {
  const { client, informers } = deps;
  const clusterRoles = informers.for(clusterRoleKind);

  const reconcile = async (name: string): Promise<void> => {
    const role = clusterRoles.get(name);
    if (role?.aggregationRule === undefined || role.metadata.deletionTimestamp !== undefined) return;
    const rules = aggregatedRules(role, clusterRoles.list());
    if (deepEqual(rules, role.rules)) return;
    try {
      await client.update(clusterRoleKind, { ...role, rules });
    } catch (error) {
      // Its change brings it here again; what is gone needs no rules.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  };

  return createController(deps, {
    name: 'clusterrole-aggregation',
    reads: [clusterRoles],
    reconcile,
    connect: (queue) => [
      clusterRoles.onChange(() => {
        // Any role may be gathered by any; there are few that gather.
        for (const { metadata, aggregationRule } of clusterRoles.list()) {
          if (aggregationRule !== undefined) queue.add(metadata.name);
        }
      }),
    ],
  });
}
