import { realClock } from '../base/clock.ts';
import type { Transport } from '../client/transport.ts';

/** How often what goes wrong, each from 0 to 1; changed by the test while it runs. */
export interface Trouble {
  /** A request never arrives. */
  lost: number;
  /** A request is carried out, but its answer never arrives. */
  unanswered: number;
  /** A body breaks off at a chunk, as a watch does. */
  broken: number;
}

/** A transport over which requests, answers and streams get lost. */
export function unreliable(inner: Transport, trouble: Trouble): Transport {
  const happens = (share: number): boolean => Math.random() < share;
  async function* breaking(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      if (happens(trouble.broken)) throw new Error('the stream broke');
      yield chunk;
    }
  }
  return {
    request: async (request) => {
      if (happens(trouble.lost)) {
        await realClock.sleep(1);
        throw new Error('the request was lost');
      }
      const response = await inner.request(request);
      if (happens(trouble.unanswered)) throw new Error('the answer was lost');
      return { ...response, body: breaking(response.body) };
    },
    close: () => inner.close(),
  };
}
