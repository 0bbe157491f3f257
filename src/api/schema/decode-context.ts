import type { MessageType } from './schema.ts';

/** A value that does not fit its type; the message is in the words of Go's JSON decoder. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** More faults of one kind than this are not told (sigs.k8s.io/json has the same number). */
export const MAX_FAULTS = 100;

/** Where the decoder stands, and what it found unknown on the way. */
export class DecodeContext {
  /** Field names and list indexes from the root. */
  readonly path: (string | number)[] = [];
  /** The messages around the present value, outermost first. */
  readonly owners: MessageType[] = [];
  readonly unknown: string[] = [];

  /** Notes a field that its message does not have, as far as anybody wants to read. */
  noteUnknown(name: string): void {
    if (this.unknown.length === MAX_FAULTS) return;
    this.unknown.push(`unknown field ${JSON.stringify(this.#pathTo(name))}`);
  }

  #pathTo(name: string): string {
    let text = '';
    for (const part of this.path) text += typeof part === 'number' ? `[${part}]` : `${text && '.'}${part}`;
    return text === '' ? name : `${text}.${name}`;
  }

  /** The error for `value` where Go expects `goType`. */
  mismatch(value: unknown, goType: string): DecodeError {
    const found = describe(value);
    const owner = this.owners.at(-1);
    if (owner === undefined || this.path.length === 0) {
      return new DecodeError(`json: cannot unmarshal ${found} into Go value of type ${goType}`);
    }
    const field = this.path.filter((part) => typeof part === 'string').join('.');
    const where = `${shortName(owner)}.${field}`;
    return new DecodeError(`json: cannot unmarshal ${found} into Go struct field ${where} of type ${goType}`);
  }
}

/** 'ServicePort' of io.k8s.api.core.v1.ServicePort. */
export const shortName = (message: MessageType): string =>
  message.name.slice(message.name.lastIndexOf('.') + 1);

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 'number' : `number ${value}`;
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    default:
      return 'object';
  }
}
