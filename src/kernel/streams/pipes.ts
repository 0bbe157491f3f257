import { calls } from './calls.ts';
import { pin } from './pinned.ts';

/** Both ends of a pipe; neither blocks. */
export interface Pipe {
  readonly from: number;
  readonly into: number;
}

/** Pipes to carry bytes from one socket to another without copying them, kept for the next one that needs such. */
export interface PipeStock {
  /** undefined = there is no descriptor left. */
  take(): Pipe | undefined;
  /** One that is not empty is closed. */
  giveBack(pipe: Pipe, isEmpty: boolean): void;
  close(): void;
}

/** The most an ordinary user may ask for (fs.pipe-max-size); where less is allowed the kernel's 64 KiB stay. */
export const PIPE_BYTES = 1 << 20;
const MAX_IDLE = 64;

export function createPipeStock(): PipeStock {
  const idle: Pipe[] = [];
  const descriptors = pin(8);
  const close = ({ from, into }: Pipe): void => {
    calls.close(from);
    calls.close(into);
  };
  return {
    take: () => {
      const known = idle.pop();
      if (known !== undefined) return known;
      if (calls.pipe(descriptors.address) < 0) return undefined;
      const pipe = { from: descriptors.bytes.readInt32LE(0), into: descriptors.bytes.readInt32LE(4) };
      calls.setPipeSize(pipe.from, PIPE_BYTES);
      return pipe;
    },
    giveBack: (pipe, isEmpty) => {
      if (isEmpty && idle.length < MAX_IDLE) idle.push(pipe);
      else close(pipe);
    },
    close: () => idle.splice(0).forEach(close),
  };
}
