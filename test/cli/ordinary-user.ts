import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const repository = join(import.meta.dirname, '..', '..');
const NOBODY = 65534;

/** Somebody without any privilege, with a checkout, a home and a temporary folder of their own. */
export interface OrdinaryUser {
  readonly root: string;
  readonly tmp: string;
  /** The checkout's `bin/portico`. */
  readonly portico: string;
  readonly env: Readonly<Record<string, string>>;
  /** The command line that runs `argv` as this user. */
  as(argv: readonly string[]): [string, ...string[]];
  remove(): void;
}

/** Packages that `npm ci --omit=dev` installs, as folders below the repository. */
function runtimePackages(): string[] {
  const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(join(repository, path)))
    .map(([path]) => path);
}

/** Copies what git tracks and what it needs at run time: the checkout itself may lie where only root may read. */
function copyCheckout(to: string): void {
  const listed = spawnSync('git', ['ls-files', '-z', '--', 'bin', 'src', 'examples', 'package.json'], {
    cwd: repository,
    encoding: 'utf8',
  });
  if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  for (const path of [...listed.stdout.split('\0'), ...runtimePackages()]) {
    const from = join(repository, path);
    if (path === '' || !existsSync(from)) continue;
    mkdirSync(join(to, dirname(path)), { recursive: true });
    cpSync(from, join(to, path), { recursive: true, mode: constants.COPYFILE_FICLONE });
  }
}

/** The user that runs the tests or, when that is root, `nobody` with a copy of the checkout. */
export function ordinaryUser(): OrdinaryUser {
  const root = mkdtempSync(join(tmpdir(), 'portico-user-'));
  const tmp = join(root, 'tmp');
  const home = join(root, 'home');
  for (const path of [tmp, home]) mkdirSync(path);
  const isRoot = process.getuid?.() === 0;
  const checkout = isRoot ? join(root, 'checkout') : repository;
  if (isRoot) {
    copyCheckout(checkout);
    chmodSync(root, 0o755);
    for (const path of [tmp, home, checkout]) chownSync(path, NOBODY, NOBODY);
  }
  const drop = ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', '--'];
  return {
    root,
    tmp,
    portico: join(checkout, 'bin', 'portico'),
    env: { HOME: home, TMPDIR: tmp },
    as: (argv) => {
      const [command = '', ...args] = isRoot ? [...drop, ...argv] : argv;
      return [command, ...args];
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
