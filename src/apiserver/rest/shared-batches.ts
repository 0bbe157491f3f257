/** Batches of watch events that several watchers are handed: what is made of them is worth keeping for the others. */
const shared = new WeakSet<object>();

/** Says of a batch that others will get the very same one; returns it. */
export function markShared<B extends object>(batch: B): B {
  shared.add(batch);
  return batch;
}

export const isShared = (batch: object): boolean => shared.has(batch);

/** `make`, called once for each shared batch and kept as long as the batch; for others each time. */
export function onceForAll<B extends object, R extends object>(make: (batch: B) => R): (batch: B) => R {
  const known = new WeakMap<B, R>();
  return (batch) => {
    if (!shared.has(batch)) return make(batch);
    const found = known.get(batch);
    if (found !== undefined) return found;
    const made = make(batch);
    known.set(batch, made);
    return made;
  };
}
