import { elementData } from '../../kernel/nft/model.ts';
import { renderRule } from '../../kernel/nft/render.ts';
import type { ChainState, LiveElement, Ruleset, SetState, TableState } from '../../kernel/nft/ruleset.ts';
import type { Fault } from './mode-proof.ts';

/** Chains, sets and rules are numbered by endpoints and slots: one number is as good as another. */
const shapeOf = (text: string): string =>
  text
    .replace(/iifname "[^"]*"/, 'iifname #')
    .replace(/guard-[0-9a-f]+/, 'guard-#')
    .replace(/\b(?:[0-9a-f]*:)+[0-9a-f:]*(?:\/\d+)?|\d+(?:\.\d+){3}(?:\/\d+)?|\d+/g, '#');

/** Each rule taken out, each element taken out, each address or port of a map falsified. */
export function* nftFaults(ruleset: Ruleset): Iterable<Fault> {
  for (const table of ruleset.values()) {
    for (const chain of table.chains.values()) yield* ruleFaults(table, chain);
    for (const set of table.sets.values()) if (set.set.dynamic === undefined) yield* elementFaults(set);
  }
}

function* ruleFaults({ ref }: TableState, { chain, rules }: ChainState): Iterable<Fault> {
  for (const [i, rule] of rules.entries()) {
    yield {
      kind: `rule gone: ${shapeOf(`${chain.name}: ${renderRule(rule, ref.family)}`)}`,
      plant: () => {
        const [gone] = rules.splice(i, 1);
        return () => void (gone && rules.splice(i, 0, gone));
      },
    };
  }
}

function* elementFaults({ set, elements }: SetState): Iterable<Fault> {
  const name = shapeOf(set.name);
  for (const [key, element] of elements) {
    yield {
      kind: `element gone: ${name}`,
      plant: () => {
        elements.delete(key);
        return () => void elements.set(key, element);
      },
    };
    const wrong = falsified(element);
    if (wrong === undefined) continue;
    yield {
      kind: `element falsified: ${name}: ${shapeOf(elementData(element.data))}`,
      plant: () => {
        elements.set(key, wrong);
        return () => void elements.set(key, element);
      },
    };
  }
}

/** Another number or address in place of the last value; a verdict becomes another one. */
function falsified(element: LiveElement): LiveElement | undefined {
  const { data } = element;
  if (data === undefined) return undefined;
  if ('kind' in data) return { ...element, data: { kind: data.kind === 'drop' ? 'accept' : 'drop' } };
  const last = data.at(-1);
  const other = typeof last === 'number' ? last ^ 1 : last?.replace(/.$/, (end) => (end === '9' ? '8' : '9'));
  return other === undefined ? undefined : { ...element, data: [...data.slice(0, -1), other] };
}
