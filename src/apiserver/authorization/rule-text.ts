import type { PolicyRule } from '../../api/rbac/v1/role.ts';

/** `rw` writes, `ro` reads. */
const VERB_SETS: Readonly<Record<string, readonly string[]>> = {
  ro: ['get', 'list', 'watch'],
  write: ['create', 'delete', 'deletecollection', 'patch', 'update'],
  rw: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
};

/**
 * A rule from one line: `VERBS RESOURCES[@GROUPS] [NAMES]`, or `VERBS /PATH,/PATH`. Lists have commas; groups are joined
 * by `+`, and none is the core group. As in upstream's policy every list is sorted.
 */
export function parseRule(text: string): PolicyRule {
  const [verbText = '', what = '', names] = text.split(' ');
  const verbs = VERB_SETS[verbText] ?? verbText.split(',').sort();
  if (what.startsWith('/') || what === '/*') {
    return { verbs, nonResourceURLs: what === '/*' ? ['*'] : what.split(',').sort() };
  }
  const [resources = '', groups = ''] = what.split('@');
  return {
    verbs,
    apiGroups: groups.split('+').sort(),
    resources: resources.split(',').sort(),
    ...(names === undefined ? {} : { resourceNames: names.split(',').sort() }),
  };
}
