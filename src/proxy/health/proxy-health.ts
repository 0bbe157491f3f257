import type { Clock } from '../../base/clock.ts';

export interface ProxyHealthOptions {
  readonly clock: Clock;
  /** When the last sync ended well and since when the oldest change waits, ms since the epoch; undefined = never, none. */
  readonly progress: () => {
    readonly lastSyncedMs: number | undefined;
    readonly pendingSinceMs: number | undefined;
  };
  /** Whether load balancers should send new connections here. */
  readonly isNodeEligible: () => boolean;
  /** A change that waits for so long makes the proxy unhealthy: twice the sync period. */
  readonly timeoutMs: number;
}

export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: string;
}

/** What /healthz and /livez say, to the letter of kube-proxy (pkg/proxy/healthcheck/proxy_health.go). */
export interface ProxyHealth {
  /** All that was seen is made true, or will be in time. True before the first sync. */
  isHealthy(): boolean;
  /** For load balancers: 503 also while the Node is about to go. */
  healthz(): HealthAnswer;
  /** For the kubelet: whether a restart would help. */
  livez(): HealthAnswer;
}

export function createProxyHealth(options: ProxyHealthOptions): ProxyHealth {
  const { clock, progress, isNodeEligible, timeoutMs } = options;
  const look = () => {
    const { lastSyncedMs, pendingSinceMs } = progress();
    const now = clock.now();
    const isLate =
      lastSyncedMs !== undefined && pendingSinceMs !== undefined && now - pendingSinceMs >= timeoutMs;
    /** While it is healthy the time is that of the question: it once told when the loop ran last, changes or not. */
    const updatedMs = isLate ? lastSyncedMs : now;
    const times = `"lastUpdated": ${JSON.stringify(goTime(updatedMs))},"currentTime": ${JSON.stringify(goTime(now))}`;
    return { isHealthy: !isLate, times, updatedMs, now };
  };
  return {
    isHealthy: () => look().isHealthy,
    healthz: () => {
      const { isHealthy, times } = look();
      const isEligible = isNodeEligible();
      return {
        status: isHealthy && isEligible ? 200 : 503,
        body: `{${times}, "nodeEligible": ${isEligible}}`,
      };
    },
    livez: () => {
      const { isHealthy, times } = look();
      return { status: isHealthy ? 200 : 503, body: `{${times}}` };
    },
  };
}

/** As Go prints a time in UTC: `2026-11-21 06:28:05.123 +0000 UTC`. */
function goTime(ms: number): string {
  const text = new Date(ms).toISOString();
  const fraction = text.slice(19, 23).replace(/\.?0+$/, '');
  return `${text.slice(0, 10)} ${text.slice(11, 19)}${fraction} +0000 UTC`;
}
