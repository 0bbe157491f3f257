import type { BalancerSettings } from './balancer.ts';
import type { LocalAddress } from './capture.ts';

/** The endpoints that one or several listeners share. */
export interface PoolSettings extends BalancerSettings {
  /** Pools with the same text here send a client to the same endpoint, as far as they all have it. */
  readonly memory: string;
}

export type RelayRequest =
  | { readonly op: 'set-pool'; readonly pool: string; readonly settings: PoolSettings }
  | { readonly op: 'remove-pool'; readonly pool: string }
  | {
      readonly op: 'listen';
      readonly id: number;
      readonly pool: string;
      readonly address: LocalAddress;
    }
  /** `lingers`: packets may still be on their way to it. */
  | { readonly op: 'close-listener'; readonly id: number; readonly lingers: boolean }
  /** Asks for an answer once everything before it is done. */
  | { readonly op: 'settle'; readonly id: number }
  /** Ends listeners and connections, then the thread. */
  | { readonly op: 'stop' };

/** What became of a request to listen: where it listens, or the call that failed and its errno. Or: all is settled. */
export type RelayReply =
  | { readonly id: number }
  | { readonly id: number; readonly address: LocalAddress }
  | { readonly id: number; readonly syscall: string; readonly errno: number };
