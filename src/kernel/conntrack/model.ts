import type { IpFamily } from '../../net/ip.ts';

export type FlowProtocol = 'TCP' | 'UDP' | 'SCTP';

/** Addresses of one direction of a flow, in canonical text. */
export interface FlowTuple {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/**
 * A connection the kernel tracks. With destination NAT `reply.source` is the real endpoint; with source NAT
 * `reply.destination` is the rewritten source.
 */
export interface Flow {
  readonly family: IpFamily;
  readonly protocol: FlowProtocol;
  readonly original: FlowTuple;
  readonly reply: FlowTuple;
  /** Tells this flow from a later one with the same addresses. */
  readonly id: number;
}

export interface FlowFilter {
  readonly family: IpFamily;
  readonly protocol: FlowProtocol;
  /** First destination, before NAT. */
  readonly destination?: string;
  readonly destinationPort?: number;
}

/** Connection tracking of one network namespace: real, or a fake. */
export interface Conntrack {
  /** All flows that fit, in no order; empty when there are none or nothing is tracked. */
  list(filter: FlowFilter): Promise<Flow[]>;
  /** False when it was gone already. */
  delete(flow: Flow): Promise<boolean>;
  close(): void;
}

/** Whether a flow fits a filter. */
export function matchesFlow(filter: FlowFilter, { family, protocol, original }: Flow): boolean {
  return (
    family === filter.family &&
    protocol === filter.protocol &&
    (filter.destination === undefined || filter.destination === original.destination) &&
    (filter.destinationPort === undefined || filter.destinationPort === original.destinationPort)
  );
}
