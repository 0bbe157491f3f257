import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertRefused, attempt, makeScratch } from './attempt.ts';
import { startPortico } from './running.ts';

const flags = ['--nodes', '1'];

/** How a file of a stopped cluster was damaged, and what `up` says of it. */
interface Damage {
  readonly file: string;
  readonly by: (path: string) => void;
  readonly says: RegExp;
}

const overwrite =
  (at: number) =>
  (path: string): void => {
    const bytes = readFileSync(path);
    bytes.fill('garbage ', at, at + 4096);
    writeFileSync(path, bytes);
  };

const damages: Readonly<Record<string, Damage>> = {
  'a store that is something else': {
    file: 'store/portico.db',
    by: (path) => writeFileSync(path, 'not a database, '.repeat(400)),
    says: /store\/portico\.db/,
  },
  'a store whose first page is overwritten': {
    file: 'store/portico.db',
    by: overwrite(0),
    says: /store\/portico\.db/,
  },
  'a store that was cut short': {
    file: 'store/portico.db',
    by: (path) => truncateSync(path, 6000),
    says: /store\/portico\.db/,
  },
  'an authority whose certificate is garbage': {
    file: 'pki/ca.crt',
    by: (path) => writeFileSync(path, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
    says: /pki\/ca\.crt/,
  },
  'a serving key that is empty': {
    file: 'pki/apiserver.key',
    by: (path) => truncateSync(path, 0),
    says: /pki\/apiserver\.key/,
  },
  "an administrator's token that is none": {
    file: 'pki/admin.token',
    by: (path) => writeFileSync(path, 'secret\n'),
    says: /pki\/admin\.token is damaged: it holds no token; remove the file to make a new one/,
  },
};

describe('portico up on a data directory that was damaged', { concurrency: 2 }, () => {
  const scratch = makeScratch();
  const sound = join(scratch.root, 'sound');
  before(async () => {
    const running = await startPortico(scratch, { flags: [...flags, '--data-dir', sound] });
    await running.up;
    running.signal('SIGINT');
    await running.ended;
  });
  after(() => scratch.remove());

  for (const [what, { file, by, says }] of Object.entries(damages)) {
    it(`refuses ${what}, names the file, and leaves it as it is`, async () => {
      const data = join(scratch.root, what.replaceAll(' ', '-'));
      cpSync(sound, data, { recursive: true });
      by(join(data, file));
      const damaged = readFileSync(join(data, file));
      const outcome = await attempt(scratch, ['up', ...flags, '--data-dir', data]);
      assertRefused(outcome, { says, code: 1, root: data });
      assert.deepEqual(readFileSync(join(data, file)), damaged);
    });
  }
});

describe('portico up on a machine without', { concurrency: 2 }, () => {
  /** A folder with only these programs, as PATH. */
  const only = (folder: string, programs: readonly string[]): string => {
    mkdirSync(folder);
    for (const program of programs) symlinkSync(`/usr/bin/${program}`, join(folder, program));
    return folder;
  };

  it('unshare names the package that has it', async () => {
    const scratch = makeScratch();
    const PATH = only(join(scratch.root, 'bin'), ['dirname', 'readlink']);
    const outcome = await attempt(scratch, ['up', '--data-dir', join(scratch.root, 'd')], { PATH });
    const says = /`unshare` is not installed; install util-linux, or use --network none/;
    assertRefused(outcome, { says, code: 1, root: scratch.root });
    assert.deepEqual(
      scratch.files().filter((f) => f.startsWith('d')),
      [],
    );
    scratch.remove();
  });
});
