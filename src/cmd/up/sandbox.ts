import { spawn, type ChildProcess } from 'node:child_process';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { UserError } from './user-error.ts';

/** A command line: program and arguments. */
export type Argv = readonly [string, ...string[]];

/** Own network, mount and process namespaces (and a user namespace), alive while the supervisor is. */
export interface Sandbox {
  /** A process whose namespaces they are, as the host sees it. */
  readonly pid: number;
  readonly hasUserNamespace: boolean;
  /** Resolves with how (`was ended by SIGKILL`) when it ended without `close`: everything inside is gone. */
  readonly ended: Promise<string>;
  /** The command line that runs `argv` inside. */
  enter(argv: Argv): Argv;
  /** Ends every process inside; the namespaces go with them. */
  close(): Promise<void>;
}

// The first process of the sandbox: it mounts the folder for named namespaces, reaps orphans, and ends (the kernel then
// ends all others) when the pipe to the supervisor closes, so nothing outlives a supervisor killed with kill -9.
const HOLDER = `exec 3<&0
mount -t tmpfs -o mode=700 portico "$1" || exit 1
echo ready
cat <&3 >/dev/null &
keeper=$!
while kill -0 $keeper 2>/dev/null; do wait; done`;

/** The command line that enters the sandbox held by `pid`. */
export function enterSandbox(pid: number, hasUserNamespace: boolean, argv: Argv): Argv {
  const user = hasUserNamespace ? ['--user', '--preserve-credentials'] : [];
  const pidNamespace = `--pid=/proc/${pid}/ns/pid_for_children`;
  return ['nsenter', '--target', String(pid), ...user, '--net', '--mount', pidNamespace, '--', ...argv];
}

/**
 * nsenter stays as the parent of what it starts. Whoever kills it means the program, which must not run on unseen; and
 * nsenter itself must not outlive the supervisor, which it would when its program was halted (it halts with it).
 */
const ENDS_WITH_PARENT = ['setpriv', '--pdeathsig', 'KILL', '--'] as const;

/**
 * Makes the sandbox. `runDir` becomes a fresh tmpfs inside it.
 * Rejects with a UserError when the machine does not allow it.
 */
export async function createSandbox(runDir: string): Promise<Sandbox> {
  try {
    return await hold(runDir, true);
  } catch (error) {
    // Root needs no user namespace; some containers forbid making one.
    if (process.getuid?.() === 0 && error instanceof UserError) return hold(runDir, false);
    throw error;
  }
}

async function hold(runDir: string, hasUserNamespace: boolean): Promise<Sandbox> {
  const user = hasUserNamespace ? ['--user', '--map-root-user'] : [];
  const flags = [...user, '--net', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'];
  const holder = spawn('unshare', [...flags, '--', 'sh', '-c', HOLDER, 'portico-sandbox', runDir], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
    detached: true,
  });
  await readiness(holder);
  const pid = holder.pid ?? 0;
  const gone = new Promise<string>((resolve) =>
    holder.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    ),
  );
  let isClosing = false;
  return {
    pid,
    hasUserNamespace,
    ended: gone.then((how) => (isClosing ? new Promise<never>(() => undefined) : how)),
    enter: (argv) => [
      ...ENDS_WITH_PARENT,
      ...enterSandbox(pid, hasUserNamespace, [...ENDS_WITH_PARENT, ...argv]),
    ],
    close: async () => {
      isClosing = true;
      holder.kill('SIGKILL');
      await gone;
    },
  };
}

function readiness(holder: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let complaint = '';
    holder.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    holder.stdout?.once('data', () => resolve());
    holder.once('error', (error) =>
      reject(refusal(codeOf(error) === 'ENOENT' ? 'missing' : messageOf(error))),
    );
    holder.once('close', () => reject(refusal(complaint.trim())));
  });
}

function refusal(reason: string): UserError {
  if (reason === 'missing') {
    return new UserError(
      'cannot make the network sandbox: `unshare` is not installed; install util-linux, or use --network none',
    );
  }
  return new UserError(
    `cannot make the network sandbox: this user may not make namespaces (${reason.split('\n')[0] ?? ''}); ` +
      'allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, ' +
      'kernel.apparmor_restrict_unprivileged_userns), run as root, or use --network none',
  );
}
