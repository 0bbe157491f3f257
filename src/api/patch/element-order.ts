import { type JsonValue, isJsonObject } from '../../base/json.ts';

/** What identifies a list item: its merge key's value, or the item itself when there is no merge key. */
export const identityOf = (item: JsonValue, mergeKey: string | undefined): string =>
  mergeKey !== undefined && isJsonObject(item) ? JSON.stringify(item[mergeKey]) : JSON.stringify(item);

const positions = (items: readonly JsonValue[], mergeKey: string | undefined): Map<string, number> => {
  const found = new Map<string, number>();
  items.forEach((item, i) => {
    const id = identityOf(item, mergeKey);
    if (!found.has(id)) found.set(id, i);
  });
  return found;
};

interface Orders {
  /** The order the patch asks for. */
  readonly patch: readonly JsonValue[];
  /** The order of the list before the patch. */
  readonly server: readonly JsonValue[];
  readonly mergeKey: string | undefined;
}

/**
 * Sorts a merged list: items the patch names stand in its order; the others keep the server's order and come before
 * an item of the patch only if the server already had them before it (strategicpatch, normalizeElementOrder).
 */
export function orderElements(
  merged: readonly JsonValue[],
  { patch, server, mergeKey }: Orders,
): JsonValue[] {
  const patchOrder = positions(patch, mergeKey);
  const serverOrder = positions(server, mergeKey);
  const at = (order: Map<string, number>, item: JsonValue): number =>
    order.get(identityOf(item, mergeKey)) ?? Number.MAX_SAFE_INTEGER;
  const inPatch = merged
    .filter((item) => patchOrder.has(identityOf(item, mergeKey)))
    .sort((a, b) => at(patchOrder, a) - at(patchOrder, b));
  const others = merged
    .filter((item) => !patchOrder.has(identityOf(item, mergeKey)))
    .sort((a, b) => at(serverOrder, a) - at(serverOrder, b));
  const sorted: JsonValue[] = [];
  let next = 0;
  for (const item of inPatch) {
    const position = serverOrder.get(identityOf(item, mergeKey));
    for (; position !== undefined && next < others.length; next++) {
      const other = others[next] as JsonValue;
      if (at(serverOrder, other) > position) break;
      sorted.push(other);
    }
    sorted.push(item);
  }
  return [...sorted, ...others.slice(next)];
}
