import { createRequire } from 'node:module';

/** A record as dns-packet has it; `data` depends on the type. */
export interface OracleRecord {
  readonly type: string;
  readonly name: string;
  readonly ttl?: number;
  readonly data?: unknown;
}

export interface OracleMessage {
  readonly id?: number;
  readonly type?: 'query' | 'response';
  readonly flags?: number;
  readonly rcode?: string;
  readonly flag_aa?: boolean;
  readonly flag_tc?: boolean;
  readonly flag_ra?: boolean;
  readonly flag_rd?: boolean;
  readonly questions?: readonly { readonly type: string; readonly name: string; readonly class?: string }[];
  readonly answers?: readonly OracleRecord[];
  readonly authorities?: readonly OracleRecord[];
  readonly additionals?: readonly (OracleRecord & {
    readonly udpPayloadSize?: number;
    readonly flags?: number;
    readonly options?: readonly unknown[];
  })[];
}

interface Oracle {
  encode(message: OracleMessage): Buffer;
  decode(bytes: Buffer): OracleMessage;
  readonly AUTHORITATIVE_ANSWER: number;
  readonly RECURSION_DESIRED: number;
  readonly DNSSEC_OK: number;
}

/** Somebody else's codec, for tests: what it reads is what we meant to write. */
export const oracle = createRequire(import.meta.url)('dns-packet') as Oracle;
