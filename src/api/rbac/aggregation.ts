import { deepEqual } from '../../base/deep-equal.ts';
import { fromLabelSelector, matchesLabels } from '../selectors/label-selector.ts';
import type { ClusterRole } from './v1/cluster-role.ts';
import type { PolicyRule } from './v1/role.ts';

/** The rules a ClusterRole gathers from the others by its aggregation rule: by their names, each rule once. Pure. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): readonly PolicyRule[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(fromLabelSelector);
  const byName = all
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const selector of selectors) {
    for (const other of byName) {
      if (!matchesLabels(selector, other.metadata.labels ?? {})) continue;
      for (const rule of other.rules) if (!rules.some((known) => deepEqual(known, rule))) rules.push(rule);
    }
  }
  return rules;
}
