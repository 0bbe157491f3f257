import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '../../base/clock.ts';
import type { RemoteStreams } from './remote-command.ts';

/** A command's own end of its streams, run by exec or attached to. */
export interface LocalStreams {
  readonly stdin?: Writable;
  readonly stdout?: Readable;
  readonly stderr?: Readable;
  resize(size: Size): void;
  /** Resolves with the exit code, or undefined where nobody asks for it. */
  readonly exited: Promise<number | undefined>;
  /** The client is gone. */
  kill(): void;
}

/**
 * A child that a command left behind may hold its output open; so often in a row, 300 ms in all, nothing may have come before that is
 * ignored. Looks are counted and not the time: a process that had no processor for a while has not looked.
 */
const QUIET_LOOKS = 60;
const LOOK_MS = 5;

export interface CommandContext {
  readonly clock: Clock;
  readonly argv: readonly string[];
  readonly sizes: Sizes;
}

/** Joins both ends until the command has ended and its output is with the client, or the client has gone. Never rejects. */
export async function runCommand(
  remote: RemoteStreams,
  local: LocalStreams,
  { clock, argv, sizes }: CommandContext,
): Promise<void> {
  const onGone = (): void => local.kill();
  if (remote.gone.aborted) onGone();
  remote.gone.addEventListener('abort', onGone, { once: true });
  if (remote.stdin !== undefined && local.stdin !== undefined) remote.stdin.pipe(local.stdin);
  remote.stdin?.on('error', () => undefined);
  sizes.tellTo((size) => local.resize(size));
  const outputs = [carry(local.stdout, remote.stdout), carry(local.stderr, remote.stderr)];
  const code = await local.exited;
  await Promise.all(outputs.map((output) => output.drained(clock)));
  await Promise.all([remote.stdout, remote.stderr].map((stream) => endOf(stream)));
  await endOf(remote.error, exitText(code, argv, remote.hasStatus));
  remote.gone.removeEventListener('abort', onGone);
  remote.stdin?.destroy();
  local.stdin?.destroy();
  remote.close();
}

/** Tells the client why the command could not be run. */
export async function refuseCommand(remote: RemoteStreams, why: string): Promise<void> {
  const message = `error executing command in container: ${why}`;
  const status = {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  };
  await Promise.all([remote.stdout, remote.stderr].map((stream) => endOf(stream)));
  await endOf(remote.error, remote.hasStatus ? JSON.stringify(status) : message);
  remote.stdin?.destroy();
  remote.close();
}

/** The last word on the error stream; the older protocols only speak of failures. */
function exitText(code: number | undefined, argv: readonly string[], hasStatus: boolean): string {
  if (code === undefined || code === 0) {
    return hasStatus ? JSON.stringify({ metadata: {}, status: 'Success' }) : '';
  }
  const cause = `error executing command [${argv.join(' ')}], exit code ${code}`;
  if (!hasStatus) return `error executing remote command: ${cause}`;
  return JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: ${cause}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  });
}

/** Writes the last piece and waits until the stream has taken it, or broke. */
async function endOf(stream: Writable | undefined, last = ''): Promise<void> {
  if (stream === undefined || stream.destroyed) return;
  stream.end(last);
  await finished(stream, { readable: false }).catch(() => undefined);
}

/** Copies an output, or throws it away when the client did not ask for it. */
function carry(from: Readable | undefined, to: Writable | undefined) {
  let nQuiet = 0;
  let hasEnded = from === undefined;
  let isWaiting = false;
  if (from !== undefined) {
    const ended = Promise.withResolvers<void>();
    from.on('data', (chunk: Buffer) => {
      nQuiet = 0;
      if (to === undefined || to.destroyed || to.write(chunk)) return;
      from.pause();
      isWaiting = true;
    });
    to?.on('drain', () => {
      isWaiting = false;
      nQuiet = 0;
      from.resume();
    });
    to?.on('close', () => {
      isWaiting = false;
      from.resume();
    });
    from.on('close', () => ended.resolve());
    from.on('end', () => ended.resolve());
    void ended.promise.then(() => (hasEnded = true));
  }
  return {
    /** Resolves at the end of the output, or when nothing has come for a while though the client takes it. */
    drained: async (clock: Clock): Promise<void> => {
      for (nQuiet = 0; !hasEnded && (isWaiting || nQuiet < QUIET_LOOKS); nQuiet++) await clock.sleep(LOOK_MS);
      from?.destroy();
    },
  };
}

/** How long a client with a terminal may take to say how large it is, so that the command finds it right from its start. */
const FIRST_SIZE_MS = 250;

export interface Sizes {
  /** Resolves with the first size, or without one when none came in time. */
  readonly first: Promise<void>;
  /** Tells the latest size now, if there is one, and each that follows. */
  tellTo(tell: (size: Size) => void): void;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Listens to the sizes of a client's terminal from now on. */
export function sizesOf({ resize }: Pick<RemoteStreams, 'resize'>, clock: Clock): Sizes {
  let latest: Size | undefined;
  let tell: (size: Size) => void = () => undefined;
  if (resize === undefined) return { first: Promise.resolve(), tellTo: () => undefined };
  const came = Promise.withResolvers<void>();
  followSizes(resize, (size) => {
    latest = size;
    tell(size);
    came.resolve();
  });
  return {
    first: Promise.race([came.promise, clock.sleep(FIRST_SIZE_MS)]),
    tellTo: (listener) => {
      tell = listener;
      if (latest !== undefined) listener(latest);
    },
  };
}

/** Sizes as JSON values one after the other, in pieces of any length. */
function followSizes(stream: Readable, tell: (size: Size) => void): void {
  let text = '';
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const size = sizeIn(text.slice(0, end + 1));
      text = text.slice(end + 1);
      if (size !== undefined) tell(size);
    }
    // What is no size does not pile up.
    if (text.length > 1024) text = '';
  });
}

function sizeIn(text: string): Size | undefined {
  const [, width] = /"width"\s*:\s*(\d{1,5})\b/i.exec(text) ?? [];
  const [, height] = /"height"\s*:\s*(\d{1,5})\b/i.exec(text) ?? [];
  if (width === undefined || height === undefined) return undefined;
  return { width: Math.min(Number(width), 0xffff), height: Math.min(Number(height), 0xffff) };
}
