import type { StoreTrouble } from '../store.ts';
import type { DatabaseOptions } from './database.ts';
import type { PackedRows } from './row-codec.ts';

/** To the writer, `open` first. It answers each, in order. */
export type WriterRequest =
  | { readonly type: 'open'; readonly options: DatabaseOptions }
  | { readonly type: 'append'; readonly rows: PackedRows }
  /** `rows` (revision and key count) are replaced at or before `revision` and go. */
  | { readonly type: 'compact'; readonly revision: number; readonly rows: PackedRows }
  | { readonly type: 'close' };

/** From the writer: undefined when the request is done, or why not, as a sentence for people. */
export type WriterReply =
  { readonly message: string; readonly trouble: StoreTrouble | undefined } | undefined;
