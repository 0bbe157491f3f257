import type { Message, Question } from '../wire/model.ts';

/** One question from a client. */
export interface DnsQuery {
  readonly question: Question;
  /** The whole query, as it was read … */
  readonly message: Message;
  /** … and as it came. */
  readonly bytes: Buffer;
  /** The largest answer the client takes, bytes. */
  readonly maxBytes: number;
  /** Aborted when the server stops. */
  readonly signal: AbortSignal;
}

/** An answer to be written for the client, or the bytes of one that fits the query but for its id. */
export type DnsReply =
  | { readonly kind: 'message'; readonly message: Partial<Message> & Pick<Message, 'rcode'> }
  | { readonly kind: 'bytes'; readonly bytes: Buffer };

/** Undefined = nobody here answers for this name. */
export type ReplyOrNot = DnsReply | undefined | Promise<DnsReply | undefined>;

/** Asks the plugins that come behind. */
export type NextPlugin = (query: DnsQuery) => ReplyOrNot;

/**
 * One way to answer. It answers itself, hands the query on, or asks for something else behind it and makes an answer of
 * that. It answers synchronously where it can. A rejected promise becomes SERVFAIL.
 */
export interface DnsPlugin {
  readonly name: string;
  handle(query: DnsQuery, next: NextPlugin): ReplyOrNot;
}

/** The plugins in their order; undefined when none of them answers. */
export function chainOf(plugins: readonly DnsPlugin[]): NextPlugin {
  const nobody: NextPlugin = () => undefined;
  return plugins.reduceRight<NextPlugin>((next, plugin) => (query) => plugin.handle(query, next), nobody);
}
