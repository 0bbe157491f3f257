import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PORTICO } from '../cli/attempt.ts';

/** One program of Portico running by itself. */
export interface Program {
  readonly pid: number;
  readonly ended: Promise<number | null>;
  /** What it has logged so far. */
  log(): string;
  signal(name: NodeJS.Signals): void;
}

/** Starts `portico <verb> <flags>`; the caller ends it. */
export function startProgram(
  verb: string,
  flags: readonly string[],
  prefix: readonly string[] = [],
): Program {
  const [command = PORTICO, ...args] = [...prefix, PORTICO, verb, ...flags];
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return {
    pid: child.pid ?? 0,
    ended,
    log: () => text,
    signal: (name) => void child.kill(name),
  };
}

/** Waits until it has logged `words`; throws with its log when it ends before, or takes longer than `limitMs`. */
export async function untilLogged(program: Program, words: string, limitMs = 30_000): Promise<void> {
  let hasEnded = false;
  void program.ended.then(() => (hasEnded = true));
  for (let ms = 0; ms < limitMs; ms += 50) {
    if (program.log().includes(words)) return;
    if (hasEnded) throw new Error(`it ended before it said ${JSON.stringify(words)}: ${program.log()}`);
    await sleep(50);
  }
  throw new Error(`it did not say ${JSON.stringify(words)}: ${program.log()}`);
}

export interface ApiserverPlace {
  /** Certificates, store and kubeconfig lie in it. */
  readonly dir: string;
  readonly port: number;
  /** What starts it, such as `unshare`. */
  readonly prefix?: readonly string[];
}

export const kubeconfigOf = ({ dir, port }: ApiserverPlace): string => join(dir, `kubeconfig-${port}`);

/** Starts an API server on loopback and waits until it serves. */
export async function startApiserver(place: ApiserverPlace, flags: readonly string[]): Promise<Program> {
  const own = [
    '--bind-address=127.0.0.1',
    `--secure-port=${place.port}`,
    `--cert-dir=${join(place.dir, 'pki')}`,
    `--write-kubeconfig=${kubeconfigOf(place)}`,
  ];
  const program = startProgram('apiserver', [...own, ...flags], place.prefix);
  await untilLogged(program, '"serving"');
  return program;
}
