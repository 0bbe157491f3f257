import type { LocalAddress } from './capture.ts';
import type { PoolSettings } from './relay-messages.ts';

/** Something that accepts traffic on one address. */
export interface Listener {
  readonly address: LocalAddress;
  /** Endpoints went or came; TCP connections stay where they are. */
  refresh(): void;
  /**
   * Accepts nothing new; established connections go on. After 'rules' have led everybody elsewhere it goes on for a while where it can,
   * for those who were on their way, and then it has its port no longer.
   */
  close(after?: 'rules'): void;
}

/**
 * Carries TCP connections to the endpoints of named pools: by a thread of its own that speaks to the kernel
 * (createThreadedRelay), or by Node's streams, which run everywhere (createStreamRelay).
 */
export interface TcpRelay {
  setPool(name: string, settings: PoolSettings): void;
  removePool(name: string): void;
  /** Port 0 = any. Rejects with an error whose `code` is EADDRINUSE, EACCES, EADDRNOTAVAIL … */
  listen(pool: string, address: LocalAddress): Promise<Listener>;
  /** Resolves once everything asked for before is done: the pools are as set, and what was closed is. */
  settled(): Promise<void>;
  /** Ends listeners and connections. */
  close(): void;
}
