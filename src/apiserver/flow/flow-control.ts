import { tooManyRequests } from '../../api/errors/api-error.ts';
import type { Clock } from '../../base/clock.ts';
import { isPrivileged, type Attributes } from '../authorization/authorize.ts';
import { createFairQueue, type FairQueue, type Release } from './fair-queue.ts';

export interface FlowLimits {
  /** As upstream's --max-requests-inflight and --max-mutating-requests-inflight; their sum is shared out. 0 = no limit. */
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
}

export interface FlowControl {
  /** A seat for the request, which may have to wait. Throws or rejects with 429 when there is none to be had. */
  enter(attributes: Attributes): Release | Promise<Release>;
}

/** Upstream's default priority levels and their shares (flowcontrol/bootstrap). */
const SHARES = {
  'leader-election': 10,
  'node-high': 40,
  system: 30,
  'workload-high': 40,
  'workload-low': 100,
  'global-default': 20,
  'catch-all': 5,
} as const;

type Level = keyof typeof SHARES;
const TOTAL = Object.values(SHARES).reduce((sum, share) => sum + share, 0);
const QUEUE_LENGTH = 200;
const CAPACITY = 2000;
/** A quarter of upstream's --request-timeout. */
const WAIT_MS = 15_000;
const RETRY_AFTER_SECONDS = 1;
const nothing: Release = () => undefined;

/**
 * Shares the server out, so that no client starves another: each level of priority has seats of its own, and within one
 * the users take turns. Health and members of system:masters are never held up; a watch counts until it has begun.
 */
export function createFlowControl(limits: FlowLimits, clock: Clock): FlowControl {
  const seats = limits.maxRequestsInflight + limits.maxMutatingRequestsInflight;
  const queues = new Map<Level, FairQueue>();
  const queueOf = (level: Level): FairQueue => {
    const known = queues.get(level);
    if (known !== undefined) return known;
    const own = Math.max(1, Math.ceil((seats * SHARES[level]) / TOTAL));
    const options = { seats: own, queueLength: QUEUE_LENGTH, capacity: CAPACITY, waitMs: WAIT_MS };
    const made = createFairQueue(options, clock);
    queues.set(level, made);
    return made;
  };
  return {
    enter(attributes) {
      if (seats === 0 || isExempt(attributes)) return nothing;
      const found = queueOf(levelOf(attributes)).enter(attributes.user.name);
      if (found instanceof Promise) return found.then((release) => release ?? refuse());
      return found ?? refuse();
    },
  };
}

function refuse(): never {
  throw tooManyRequests('too many requests, please try again later', RETRY_AFTER_SECONDS);
}

const HEALTH = /^\/(healthz|livez|readyz)(\/|$)/;

const isExempt = ({ user, isResource, path }: Attributes): boolean =>
  isPrivileged(user) || (!isResource && HEALTH.test(path));

const ACCOUNT = 'system:serviceaccount:';
const SYSTEM_ACCOUNTS = 'system:serviceaccount:kube-system:';
const CONTROL_PLANE: ReadonlySet<string> = new Set([
  'system:kube-controller-manager',
  'system:kube-scheduler',
]);

/** As upstream's default flow schemas sort requests. */
export function levelOf({ user, group, resource, verb, namespace, subresource }: Attributes): Level {
  const isNode = user.groups.includes('system:nodes');
  const isLease = group === 'coordination.k8s.io' && resource === 'leases';
  if (isNode) {
    const isNodeStatus =
      group === '' && (resource === 'nodes' || subresource === 'status') && verb !== 'list';
    return isNodeStatus || isLease ? 'node-high' : 'system';
  }
  const isSystem = CONTROL_PLANE.has(user.name) || user.name.startsWith(SYSTEM_ACCOUNTS);
  if (isSystem) return isLease && namespace === 'kube-system' ? 'leader-election' : 'workload-high';
  if (user.name.startsWith(ACCOUNT)) return 'workload-low';
  return user.groups.includes('system:unauthenticated') ? 'catch-all' : 'global-default';
}
