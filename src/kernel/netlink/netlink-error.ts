import { SystemError } from '../libc/system-error.ts';

/** A request the kernel refused; `text` is its own explanation where it gave one, `index` the message's place in what was sent. */
export class NetlinkError extends SystemError {
  readonly text: string;
  readonly index: number;

  constructor(
    what: string,
    failure: { readonly errno: number; readonly text: string; readonly index: number },
  ) {
    super(what, failure.errno, failure.text === '' ? '' : `(${failure.text})`);
    this.text = failure.text;
    this.index = failure.index;
  }
}
