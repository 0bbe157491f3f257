export { createNftablesMode } from './nftables-mode.ts';
export type { NftablesModeOptions } from './nftables-mode.ts';
export { probeNftables } from './probe.ts';
export type { ProbeResult } from './probe.ts';
