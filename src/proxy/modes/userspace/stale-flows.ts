import type { Flow } from '../../../kernel/conntrack/model.ts';
import { elementKey } from '../../../kernel/nft/model.ts';
import type { Placed } from './netfilter-table.ts';

/**
 * The UDP flows that conntrack would keep sending where nobody listens any more: those to a frontend whose translation
 * is another one now, or none. `changed` holds the texts of elementsOf that went, came or differ; `now` what is true.
 * A client that keeps its port would otherwise stay on the old translation for as long as it speaks. `isOthers` tells whether a flow was made
 * to the address of any frontend: its port may have the number of a node port.
 */
export function staleFlows(
  flows: readonly Flow[],
  {
    changed,
    now,
  }: { readonly changed: Iterable<readonly [string, Placed]>; readonly now: ReadonlyMap<string, Placed> },
  isOthers: (flow: Flow) => boolean,
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
  return flows.filter((flow) => {
    const { original, reply } = flow;
    const served = elementKey([reply.source, reply.sourcePort]);
    const own = targets.get(`${original.destination} ${original.destinationPort}`);
    if (own !== undefined) return !own.has(served);
    const atNodePort = targets.get(`${original.destinationPort}`);
    const isTranslated = served !== elementKey([original.destination, original.destinationPort]);
    return atNodePort !== undefined && isTranslated && !atNodePort.has(served) && !isOthers(flow);
  });
}
