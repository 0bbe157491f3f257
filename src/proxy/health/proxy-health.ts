import type { Clock } from '../../base/clock.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { FamilyProgress } from '../service-proxy.ts';

export interface ProxyHealthOptions {
  readonly clock: Clock;
  readonly progress: () => ReadonlyMap<IpFamily, FamilyProgress>;
  /** Whether load balancers should send new connections here. */
  readonly isNodeEligible: () => boolean;
  /** A change that waits for so long makes the proxy unhealthy: twice the sync period. */
  readonly timeoutMs: number;
}

export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: string;
}

/** What /healthz and /livez say, to the letter of kube-proxy 1.34 and later (pkg/proxy/healthcheck/proxy_health.go). */
export interface ProxyHealth {
  /** All that was seen is made true, or will be in time. A family without a first sync is well: it starts. */
  isHealthy(): boolean;
  /** For load balancers: 503 also while the Node is about to go. */
  healthz(): HealthAnswer;
  /** For the kubelet: whether a restart would help. */
  livez(): HealthAnswer;
}

export function createProxyHealth(options: ProxyHealthOptions): ProxyHealth {
  const { clock, progress, isNodeEligible, timeoutMs } = options;
  const look = () => {
    const nowMs = clock.now();
    const status: Record<string, { readonly lastUpdated: string; readonly healthy: boolean }> = {};
    let isHealthy = true;
    let lastMs: number | undefined;
    for (const [family, { lastSyncedMs, pendingSinceMs }] of progress()) {
      if (lastSyncedMs === undefined) continue;
      const isLate = pendingSinceMs !== undefined && nowMs - pendingSinceMs >= timeoutMs;
      status[family] = { lastUpdated: goTime(lastSyncedMs), healthy: !isLate };
      if (isLate) isHealthy = false;
      lastMs = Math.max(lastMs ?? lastSyncedMs, lastSyncedMs);
    }
    return { isHealthy, nowMs, lastMs, status };
  };
  const answer = (isEligible: boolean | undefined): HealthAnswer => {
    const { isHealthy, nowMs, lastMs, status } = look();
    const isWell = isHealthy && isEligible !== false;
    const body = {
      // While all is well the time is that of the question: it once told when the loop ran last, changes or not.
      lastUpdated: goTime(isWell ? nowMs : lastMs),
      currentTime: goTime(nowMs),
      ...(isEligible !== undefined && { nodeEligible: isEligible }),
      healthy: isHealthy,
      ...(Object.keys(status).length > 0 && { status }),
    };
    return { status: isWell ? 200 : 503, body: JSON.stringify(body) };
  };
  return {
    isHealthy: () => look().isHealthy,
    healthz: () => answer(isNodeEligible()),
    livez: () => answer(undefined),
  };
}

/** As Go's JSON has a time: RFC 3339 without zeros at the end of the fraction; undefined = Go's zero time. */
function goTime(ms: number | undefined): string {
  if (ms === undefined) return '0001-01-01T00:00:00Z';
  return new Date(ms).toISOString().replace(/\.?0+Z$/, 'Z');
}
