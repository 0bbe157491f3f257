import type { Flow } from '../../../kernel/conntrack/model.ts';
import { elementKey } from '../../../kernel/nft/model.ts';
import type { Placed } from './netfilter-plan.ts';

/**
 * The UDP flows that conntrack would keep sending where nobody listens any more: those to a frontend whose translation
 * is another one now, or none. `changed` holds the texts of elementsOf that went, came or differ; `now` what is true.
 * A client that keeps its port would otherwise stay on the old translation for as long as it speaks.
 */
export function staleFlows(
  flows: readonly Flow[],
  changed: Iterable<readonly [string, Placed]>,
  now: ReadonlyMap<string, Placed>,
): Flow[] {
  /** Frontend as conntrack spells it -> where its flows may belong; none = nowhere. */
  const targets = new Map<string, Set<string>>();
  for (const [text, { element }] of changed) {
    const key = element.key.map(String);
    if (!key.includes('udp')) continue;
    const frontend = key.filter((part) => part !== 'udp').join(' ');
    const own = targets.get(frontend) ?? new Set();
    targets.set(frontend, own);
    const data = now.get(text)?.element.data;
    if (data !== undefined && !('kind' in data)) own.add(elementKey(data));
  }
  if (targets.size === 0) return [];
  return flows.filter(({ original, reply }) => {
    const served = elementKey([reply.source, reply.sourcePort]);
    const own = targets.get(`${original.destination} ${original.destinationPort}`);
    if (own !== undefined) return !own.has(served);
    const atNodePort = targets.get(`${original.destinationPort}`);
    const isTranslated = served !== elementKey([original.destination, original.destinationPort]);
    return atNodePort !== undefined && isTranslated && !atNodePort.has(served);
  });
}
