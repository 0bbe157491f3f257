/**
 * How long one endpoint may take to accept before the next is tried: kube-proxy's userspace mode took 250 ms, 500 ms,
 * 1 s, 2 s. A packet to an address nobody has is answered by nobody.
 */
export const DIAL_TIMEOUTS_MS: readonly number[] = [250, 500, 1000, 2000];
