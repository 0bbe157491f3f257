import { nodes } from '../../api/core/v1/node.ts';
import { pods, type Pod } from '../../api/core/v1/pod.ts';
import { createCacheView } from '../cache/cache-view.ts';
import { objectPrefix } from '../cache/stored-object.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { RequestUser } from '../rest/rest.ts';
import { NO_OPINION, type Attributes, type Decision } from './authorize.ts';
import { NODE_RULES } from './cluster-role-rules.ts';
import { podReferences } from './pod-references.ts';
import { parseRule } from './rule-text.ts';
import { rulesAllow } from './rules.ts';

const NODE_USER = 'system:node:';
const NODES_GROUP = 'system:nodes';
const LEASES = 'kube-node-lease';
const MIRROR = 'kubernetes.io/config.mirror';
const NO_REFERENCES: ReadonlySet<string> = new Set();

/** The node a user is; undefined when it is none, '' when it is one without a name. */
export function nodeOf({ name, groups }: Pick<RequestUser, 'name' | 'groups'>): string | undefined {
  if (!name.startsWith(NODE_USER) || !groups.includes(NODES_GROUP)) return undefined;
  return name.slice(NODE_USER.length);
}

const ALLOWED: Decision = { isAllowed: true, reason: '' };
const refused = (reason: string): Decision => ({ isAllowed: false, reason });
const allowedIf = (isAllowed: boolean, reason = ''): Decision => (isAllowed ? ALLOWED : refused(reason));
const reads: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

/** Who is what on which node, as far as nodes' rights hang on it. */
interface Placement {
  hasPath(node: string, what: string, key: string): boolean;
}

function createPlacement(cache: WatchCache): Placement {
  const byNode = new Map<string, Map<string, Pod>>();
  const view = createCacheView<Pod>(cache, objectPrefix(pods), {
    reset: () => byNode.clear(),
    move: (key, prev, next) => {
      const before = prev?.spec.nodeName;
      const after = next?.spec.nodeName;
      if (before !== undefined && before !== after) {
        const here = byNode.get(before);
        here?.delete(key);
        if (here?.size === 0) byNode.delete(before);
      }
      if (next === undefined) {
        if (before !== undefined) byNode.get(before)?.delete(key);
      } else if (after !== undefined && after !== '') {
        const here = byNode.get(after) ?? new Map<string, Pod>();
        byNode.set(after, here.set(key, next));
      }
    },
  });
  const references = new WeakMap<Pod, ReadonlySet<string>>();
  const referencesOf = (pod: Pod): ReadonlySet<string> => {
    const known = references.get(pod);
    if (known !== undefined) return known;
    // Mirror Pods come from the nodes themselves, which must gain nothing by them.
    const made = pod.metadata.annotations?.[MIRROR] === undefined ? podReferences(pod) : NO_REFERENCES;
    references.set(pod, made);
    return made;
  };
  return {
    hasPath(node, what, key) {
      view.refresh();
      const here = byNode.get(node);
      if (here === undefined) return false;
      if (what === 'pods') return here.has(key);
      for (const pod of here.values()) if (referencesOf(pod).has(`${what}/${key}`)) return true;
      return false;
    },
  };
}

/**
 * Upstream's Node authorizer: a node reads its own Node object, the Pods bound to it, and what those refer to; it asks
 * for tokens of their service accounts, and keeps its own lease. Everything else follows the rules all nodes share.
 */
export function createNodeAuthorizer(
  cache: WatchCache,
): (attributes: Attributes) => Decision | Promise<Decision> {
  let placement: Placement | undefined;
  const nodeRules = NODE_RULES.map(parseRule);
  const decide = (node: string, asked: Attributes): Decision => {
    placement ??= createPlacement(cache);
    const related = (): Decision => {
      const isThere = cache.resource(objectPrefix(nodes)).objects.get(node) !== undefined;
      const key = `${asked.namespace}/${asked.name}`;
      const isRelated = isThere && placement?.hasPath(node, asked.resource, key) === true;
      return allowedIf(isRelated, `no relationship found between node '${node}' and this object`);
    };
    const rule = asked.isResource ? special.get(`${asked.group}/${asked.resource}`) : undefined;
    return rule === undefined ? allowedIf(rulesAllow(nodeRules, asked)) : rule(asked, node, related);
  };
  return (asked) => {
    const node = nodeOf(asked.user);
    if (node === undefined) return NO_OPINION;
    if (node === '') return refused(`unknown node for user ${JSON.stringify(asked.user.name)}`);
    return cache.revision < 0 ? cache.atLeast(0).then(() => decide(node, asked)) : decide(node, asked);
  };
}

type SpecialRule = (asked: Attributes, node: string, related: () => Decision) => Decision;

const readRelated: SpecialRule = ({ verb, subresource, namespace, name }, _node, related) => {
  if (!reads.has(verb)) return refused('can only read resources of this type');
  if (subresource !== '') return refused('cannot read subresource');
  if (namespace === '') return refused('can only read namespaced object of this type');
  return name === '' ? refused('No Object name found') : related();
};

const createToken: SpecialRule = ({ verb, subresource, name }, _node, related) => {
  if (verb !== 'create' || name === '') {
    return refused('can only create tokens for individual service accounts');
  }
  return subresource === 'token' ? related() : refused('can only create token subresource of serviceaccount');
};

const keepLease: SpecialRule = ({ verb, namespace, name }, node) => {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return refused('can only get, create, update, patch, or delete a node lease');
  }
  if (namespace !== LEASES) return refused(`can only access leases in the "${LEASES}" system namespace`);
  // A create has no name here; admission looks at it.
  if (verb === 'create' || name === node) return ALLOWED;
  return refused('can only access node lease with the same name as the requesting node');
};

const ownNode: SpecialRule = ({ verb, subresource, name }, node) => {
  // Which object is written is looked at by admission.
  if (subresource === 'status') return allowedIf(verb === 'update' || verb === 'patch');
  if (subresource !== '') return NO_OPINION;
  if (['create', 'update', 'patch'].includes(verb)) return ALLOWED;
  if (!reads.has(verb)) return NO_OPINION;
  if (name === '') return refused(`node '${node}' cannot read all nodes, only its own Node object`);
  return allowedIf(name === node, `node '${node}' cannot read '${name}', only its own Node object`);
};

const podsHere: SpecialRule = ({ verb, subresource, name, fields = [] }, node, related) => {
  if (subresource === 'status') return allowedIf(verb === 'update' || verb === 'patch');
  if (subresource === 'eviction') return allowedIf(verb === 'create');
  if (subresource !== '') return NO_OPINION;
  if (verb === 'get') return related();
  if (verb === 'create' || verb === 'delete') return ALLOWED;
  if (verb !== 'list' && verb !== 'watch') return NO_OPINION;
  const isScoped = fields.some(
    ({ field, operator, value }) => field === 'spec.nodeName' && operator === '=' && value === node,
  );
  if (isScoped) return ALLOWED;
  return name === '' ? refused('can only list/watch pods with spec.nodeName field selector') : related();
};

const special: ReadonlyMap<string, SpecialRule> = new Map([
  ['/secrets', readRelated],
  ['/configmaps', readRelated],
  ['/serviceaccounts', createToken],
  ['/nodes', ownNode],
  ['/pods', podsHere],
  ['coordination.k8s.io/leases', keepLease],
]);
