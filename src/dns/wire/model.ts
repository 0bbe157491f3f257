/** Type numbers of records and questions (IANA "Resource Record TYPEs"). */
export const rrType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

export const CLASS_IN = 1;

/** Response codes (IANA "DNS RCODEs"); BADVERS needs EDNS. */
export const rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

export const opcode = { QUERY: 0, NOTIFY: 4 } as const;

/**
 * A domain name as text: labels in their own case, each followed by a dot; the root is '.'. Inside a label a dot is
 * `\.`, a backslash is `\\` and every byte that is not printable ASCII is `\DDD` (RFC 1035 section 5.1).
 */
export type DomainName = string;

export interface Question {
  readonly name: DomainName;
  readonly type: number;
  readonly class: number;
}

interface RecordHead {
  readonly name: DomainName;
  /** Seconds, 0 to 2^31-1. */
  readonly ttl: number;
  /** Absent = IN. */
  readonly class?: number;
}

export interface SoaData {
  readonly mname: DomainName;
  readonly rname: DomainName;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** How long a negative answer may be kept, seconds (RFC 2308). */
  readonly minimum: number;
}

/** A record. Types without a shape of their own are OTHER: their bytes are kept as they came (RFC 3597). */
export type ResourceRecord = RecordHead &
  (
    | { readonly type: 'A' | 'AAAA'; readonly address: string }
    | { readonly type: 'CNAME' | 'NS' | 'PTR'; readonly target: DomainName }
    | { readonly type: 'MX'; readonly preference: number; readonly target: DomainName }
    | {
        readonly type: 'SRV';
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: DomainName;
      }
    /** Each string has at most 255 bytes, one character per byte. */
    | { readonly type: 'TXT'; readonly strings: readonly string[] }
    | ({ readonly type: 'SOA' } & SoaData)
    | { readonly type: 'OTHER'; readonly code: number; readonly rdata: Uint8Array }
  );

/** The OPT pseudo record (RFC 6891); its response code is part of Message.rcode. */
export interface Edns {
  /** The largest UDP message its sender takes, bytes. */
  readonly udpSize: number;
  readonly version: number;
  readonly isDnssecOk: boolean;
  readonly options: readonly { readonly code: number; readonly data: Uint8Array }[];
}

export interface Message {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  readonly isRecursionDesired: boolean;
  readonly isRecursionAvailable: boolean;
  /** AD and CD (RFC 4035). */
  readonly isAuthenticData?: boolean;
  readonly isCheckingDisabled?: boolean;
  /** With EDNS up to 4095, else up to 15. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without OPT: that is `edns`. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns?: Edns;
}

/** Bytes that are no DNS message. Its text says what is wrong with them. */
export class WireError extends Error {
  override readonly name = 'WireError';
}
