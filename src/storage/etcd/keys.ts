import { toNumber } from './messages.ts';
import type { KeyValue } from './messages.ts';
import type { Entry } from '../store.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** How the store's keys lie in etcd: everything under one root, so that an etcd may be shared. */
export interface Keys {
  /**
   * The key with nothing behind it. No entry has it (theirs are not empty), and a watch of everything sees it written:
   * so it tells how far a watch has come when nobody else writes.
   */
  readonly root: Uint8Array;
  /** Under it lie the tickets of running commits, see tickets.ts. */
  readonly tickets: string;
  encode(key: string): Uint8Array;
  entryOf(kv: KeyValue): Entry;
  /** The first key after all those that begin with `prefix`. */
  end(prefix: string): Uint8Array;
}

/** `prefix` as `/portico`; slashes at its end do not count. */
export function createKeys(prefix: string): Keys {
  const home = prefix.replace(/\/+$/, '');
  const root = encoder.encode(`${home}/data`);
  const encode = (key: string): Uint8Array => Buffer.concat([root, encoder.encode(key)]);
  return {
    root,
    tickets: `${home}/tickets/`,
    encode,
    entryOf: ({ key, value, modRevision, createRevision }) => ({
      key: decoder.decode(key.subarray(root.length)),
      value,
      revision: toNumber(modRevision),
      createRevision: toNumber(createRevision),
    }),
    end: (start) => endOfPrefix(encode(start)),
  };
}

/** A prefix is UTF-8, which has no byte 255, so its last byte can always be raised. */
export function endOfPrefix(prefix: Uint8Array): Uint8Array {
  const end = Uint8Array.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

/** The key right after this one. */
export const afterKey = (key: Uint8Array): Uint8Array => Buffer.concat([key, Buffer.of(0)]);
