import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

/** Memory that C may use for as long as this object is held: `address` is where `bytes` begin. */
export interface Pinned {
  readonly bytes: Buffer;
  readonly address: number;
}

let koffi: Pick<typeof Koffi, 'address'> | undefined;

/** The memory is outside of V8's heap, where nothing moves it; it goes when nobody holds the result any more. */
export function pin(size: number): Pinned {
  // Kept, since to resolve the package anew takes longer than all the rest.
  koffi ??= createRequire(import.meta.url)('koffi') as typeof Koffi;
  const bytes = Buffer.from(new ArrayBuffer(size));
  return { bytes, address: Number(koffi.address(bytes)) };
}
