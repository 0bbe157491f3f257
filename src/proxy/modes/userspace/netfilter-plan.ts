import type { Command, NftElement, Verdict } from '../../../kernel/nft/model.ts';
import { elementData } from '../../../kernel/nft/model.ts';
import type { Frontend } from '../../state/model.ts';
import type { LocalAddress, OpenPortal } from './capture.ts';
import { byText } from './netfilter-table.ts';
import type { Elements, Placed, SetName, setsOf } from './netfilter-table.ts';

/** What one portal needs in the table. `guardOf` names the chain for allowedSources. */
export function elementsOf(
  sets: ReturnType<typeof setsOf>,
  portal: OpenPortal,
  guardOf: (allowedSources: readonly string[]) => string,
): Elements {
  const placed: Placed[] = [];
  const place = (set: SetName, element: NftElement): void => void placed.push({ set: sets[set], element });
  const [address] = portal.addresses;
  for (const frontend of portal.frontends) {
    const key = keyOf(portal, frontend);
    const to = frontend.kind === 'nodePort' ? 'node-ports' : 'services';
    if (address !== undefined)
      place(portal.isForCluster ? `${to}-inside` : to, { key, data: dataOf(address) });
    // The inside is served by what everybody is served by where it has nothing of its own.
    else if (!portal.isForCluster) place(`${to}-closed`, { key, data: verdictOf(portal) });
    if (portal.allowedSources !== undefined && to === 'services')
      place('guarded', { key, data: { kind: 'jump', chain: guardOf(portal.allowedSources) } });
  }
  return byText(placed);
}

const dataOf = ({ host, port }: LocalAddress): readonly [string, number] => [host, port];

function verdictOf({ whenEmpty }: OpenPortal): Verdict {
  return whenEmpty === 'drop' ? { kind: 'drop' } : { kind: 'goto', chain: 'reject' };
}

function keyOf(portal: OpenPortal, frontend: Frontend): readonly (string | number)[] {
  const protocol = portal.protocol.toLowerCase();
  return frontend.kind === 'nodePort' ? [protocol, frontend.port] : [frontend.ip, protocol, frontend.port];
}

/** Both states of some elements. */
export interface ElementChange {
  readonly before: Elements;
  readonly after: Elements;
}

/** What differs, in slices of at most so many keys; an element that becomes another one is in one slice with it. */
export function slicesOf({ before, after }: ElementChange, nKeys: number): readonly ElementChange[] {
  const differing = [...new Set([...after.keys(), ...before.keys()])].filter((key) => {
    const [a, b] = [before.get(key), after.get(key)];
    return a === undefined || b === undefined || elementData(a.element.data) !== elementData(b.element.data);
  });
  const pick = (elements: Elements, keys: readonly string[]): Elements =>
    new Map(
      keys.flatMap((key) => {
        const placed = elements.get(key);
        return placed === undefined ? [] : [[key, placed] as const];
      }),
    );
  return Array.from({ length: Math.ceil(differing.length / nKeys) }, (_, i) => {
    const keys = differing.slice(i * nKeys, (i + 1) * nKeys);
    return { before: pick(before, keys), after: pick(after, keys) };
  });
}

/** Deletes what was, then adds what is. */
export const elementCommands = ({ before, after }: ElementChange): readonly Command[] => [
  ...bySet(before).map((of) => ({ op: 'delete-elements', ...of }) as const),
  ...bySet(after).map((of) => ({ op: 'add-elements', ...of }) as const),
];

function bySet(
  elements: Elements,
): readonly (Pick<Placed, 'set'> & { readonly elements: readonly NftElement[] })[] {
  const groups = Map.groupBy(elements.values(), ({ set }) => set.name);
  return [...groups.values()].flatMap((placed) => {
    const [first] = placed;
    return first === undefined ? [] : [{ set: first.set, elements: placed.map(({ element }) => element) }];
  });
}
