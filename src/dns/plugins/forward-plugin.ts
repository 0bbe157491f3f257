import type { Logger } from '../../base/logger.ts';
import { HEADER_BYTES } from '../wire/decode.ts';
import { rcode } from '../wire/model.ts';
import type { DnsPlugin, DnsQuery, DnsReply } from './plugin.ts';

/**
 * The door to other name servers: a query's bytes to an answer's bytes, complete (no TC where it can be helped), with any
 * id. Rejects when nobody answered.
 */
export type Exchange = (query: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

export interface ForwardPluginOptions {
  /** Undefined = there are no other name servers: SERVFAIL at once. */
  readonly exchange: Exchange | undefined;
  readonly logger: Logger;
  /** More at a time are refused; default 1000, kubeadm's max_concurrent. */
  readonly maxConcurrent?: number;
}

const failed = (code: number): DnsReply => ({ kind: 'message', message: { rcode: code } });

/** Asks other name servers and passes on what they say, byte for byte. */
export function createForwardPlugin(options: ForwardPluginOptions): DnsPlugin {
  const { exchange, logger, maxConcurrent = 1000 } = options;
  let nRunning = 0;
  const forward = async (query: DnsQuery, via: Exchange): Promise<DnsReply> => {
    nRunning++;
    try {
      const answer = Buffer.from(await via(query.bytes, query.signal));
      if (answer.length < HEADER_BYTES || ((answer[2] ?? 0) & 0x80) === 0)
        throw new Error('no DNS answer came back');
      return { kind: 'bytes', bytes: answer };
    } catch (err) {
      logger.debug('a name could not be forwarded', { name: query.question.name, err });
      return failed(rcode.SERVFAIL);
    } finally {
      nRunning--;
    }
  };
  return {
    name: 'forward',
    handle: (query) => {
      if (exchange === undefined) return failed(rcode.SERVFAIL);
      return nRunning >= maxConcurrent ? failed(rcode.REFUSED) : forward(query, exchange);
    },
  };
}
