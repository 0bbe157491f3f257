import { spawn, type ChildProcess } from 'node:child_process';

export interface Launch {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  /** Descriptors 0 and following of the process. */
  readonly descriptors: readonly ('ignore' | number)[];
}

/** Starts a process of its own session and returns at once; it stays when this one ends. */
export function launch({ argv: [program, ...args], env, workingDir, descriptors }: Launch): ChildProcess {
  const child = spawn(program, args, {
    env,
    cwd: workingDir,
    stdio: [...descriptors],
    detached: true,
  });
  child.unref();
  return child;
}
