import { nodes } from '../../api/core/v1/node.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';
import { createInformer } from '../../client/informer.ts';

export interface NodeWatchOptions {
  readonly client: Client;
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Follows the one Node the proxy runs on. */
export interface NodeWatch {
  /** As last seen; undefined before that, and after it was deleted. */
  node(): Node | undefined;
  /** True once the Node was there and is gone. */
  isGone(): boolean;
  onChange(handler: (node: Node | undefined) => void): void;
  /** Resolves with true when the Node is there and `isEnough`, with false after `withinMs` or when `signal` aborts. */
  until(isEnough: (node: Node) => boolean, withinMs: number, signal: AbortSignal): Promise<boolean>;
  run(signal: AbortSignal): Promise<void>;
}

export function createNodeWatch({ client, name, clock, logger }: NodeWatchOptions): NodeWatch {
  const fieldSelector = `metadata.name=${name}`;
  const informer = createInformer({ client, clock, logger, kind: nodes, fieldSelector });
  let isGone = false;
  informer.onChange(({ next }) => (isGone = next === undefined));
  return {
    node: () => informer.get(name),
    isGone: () => isGone,
    onChange: (handler) => void informer.onChange(({ next }) => handler(next)),
    until: async (isEnough, withinMs, signal) => {
      const patience = new AbortController();
      const found = Promise.withResolvers<true>();
      const stop = informer.onChange(({ next }) => {
        if (next !== undefined && isEnough(next)) found.resolve(true);
      });
      const late = clock.sleep(withinMs, AbortSignal.any([signal, patience.signal])).then(() => false);
      const result = await Promise.race([found.promise, late]);
      patience.abort();
      stop();
      return result;
    },
    run: (signal) => informer.run(signal),
  };
}
