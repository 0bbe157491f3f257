import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { freePort } from '../../src/testing/test-cluster.ts';
import { assertRefused, attempt, makeScratch, type Scratch } from './attempt.ts';

const isRoot = process.getuid?.() === 0;

interface Case {
  readonly says: RegExp;
  readonly args: (scratch: Scratch) => readonly string[];
}

const dataDir =
  (name: string, make?: (path: string) => void) =>
  (scratch: Scratch): readonly string[] => {
    const path = join(scratch.root, name);
    make?.(path);
    return ['up', '--data-dir', path];
  };

const refused: Readonly<Record<string, Case>> = {
  'a data directory that is a file': {
    args: dataDir('file', (path) => writeFileSync(path, 'mine')),
    says: /the data directory .*\/file is not a folder: choose another with --data-dir/,
  },
  'a data directory below a file': {
    args: (scratch) => {
      writeFileSync(join(scratch.root, 'file'), 'mine');
      return ['up', '--data-dir', join(scratch.root, 'file', 'data')];
    },
    says: /a part of the path is not a folder; choose another with --data-dir/,
  },
  'a data directory where none can be made': {
    args: () => ['up', '--data-dir', '/proc/portico-data'],
    says: /cannot use the data directory \/proc\/portico-data: it cannot be made; choose another/,
  },
  "somebody's own folder as data directory": {
    args: dataDir('home', (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'letter.txt'), 'mine');
    }),
    says: /holds files that are not a cluster's: choose another with --data-dir/,
  },
  'a lock file that is no lock': {
    args: dataDir('odd', (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'lock'), 'x'.repeat(5000));
    }),
    says: /cannot lock the data directory .*; remove .*\/odd\/lock or choose another folder/,
  },
  'a file where a folder of the data directory belongs': {
    args: dataDir('odd', (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'lock'), '');
      writeFileSync(join(path, 'logs'), '');
    }),
    says: /\/odd\/logs is not a folder: remove it, or choose another/,
  },
  'a link in the place of the temporary data directory': {
    args: (scratch) => {
      mkdirSync(join(scratch.root, 'elsewhere'));
      symlinkSync(
        join(scratch.root, 'elsewhere'),
        join(scratch.tmp, `portico-${process.getuid?.() ?? 'user'}`),
      );
      return ['up'];
    },
    says: /is not a folder: choose another with --data-dir/,
  },
  'a kubeconfig into a folder that is not there': {
    args: (scratch) => ['up', '--write-kubeconfig', join(scratch.root, 'missing', 'config')],
    says: /--write-kubeconfig .*: there is no folder .*\/missing; make it first, or name a file elsewhere/,
  },
  'a folder as kubeconfig': {
    args: (scratch) => ['up', '--write-kubeconfig', scratch.tmp],
    says: /--write-kubeconfig .*\/tmp: that is a folder; name a file in it/,
  },
  'a shell without a cluster': {
    args: (scratch) => ['shell', '--data-dir', join(scratch.root, 'none')],
    says: /no cluster runs in .*\/none: start one with `portico up`/,
  },
};

describe('portico up refuses before anything starts', { concurrency: 2 }, () => {
  for (const [what, { args, says }] of Object.entries(refused)) {
    it(what, async () => {
      const scratch = makeScratch();
      const line = args(scratch);
      const before = scratch.files();
      const outcome = await attempt(scratch, line);
      assertRefused(outcome, { says, code: 1, root: scratch.root });
      assert.deepEqual(scratch.files(), before, 'the files are as they were');
      scratch.remove();
    });
  }

  it('and leaves the permissions of a folder that is not its own alone', async () => {
    const scratch = makeScratch();
    const path = join(scratch.root, 'home');
    mkdirSync(path, { mode: 0o755 });
    writeFileSync(join(path, 'letter.txt'), 'mine');
    await attempt(scratch, ['up', '--data-dir', path]);
    assert.equal(statSync(path).mode & 0o777, 0o755);
    scratch.remove();
  });

  const rootOnly = { skip: isRoot ? false : 'only root can give folders to other users' };
  it('a data directory of another user', rootOnly, async () => {
    const scratch = makeScratch();
    const path = join(scratch.root, 'theirs');
    mkdirSync(path);
    chownSync(path, 65534, 65534);
    const outcome = await attempt(scratch, ['up', '--data-dir', path]);
    assertRefused(outcome, {
      says: /theirs belongs to another user: choose another/,
      code: 1,
      root: scratch.root,
    });
    assert.equal(statSync(path).uid, 65534);
    scratch.remove();
  });
});

describe('portico up and taken ports', { concurrency: 2 }, () => {
  const none = ['up', '--network', 'none'];

  it('refuses an API port that the user chose and another program has', async () => {
    const scratch = makeScratch();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const outcome = await attempt(scratch, [
      'up',
      '--data-dir',
      join(scratch.root, 'd'),
      '--api-port',
      String(port),
    ]);
    const says = new RegExp(
      `--api-port ${port}: the port is taken on 127\\.0\\.0\\.1; .* choose another with --api-port`,
    );
    assertRefused(outcome, { says, code: 1, root: scratch.root });
    assert.deepEqual(scratch.files(), ['tmp'], 'the new data directory is gone again');
    other.close();
    scratch.remove();
  });

  for (const protocol of ['TCP', 'UDP'] as const) {
    it(`refuses a DNS port that the user chose and another program has over ${protocol}`, async () => {
      const scratch = makeScratch();
      const other = protocol === 'TCP' ? createServer() : createSocket('udp4');
      if ('listen' in other) other.listen(0, '127.0.0.1');
      else other.bind(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as AddressInfo;
      const outcome = await attempt(scratch, [
        ...none,
        '--dns-port',
        String(port),
        '--api-port',
        String(await freePort()),
      ]);
      const says = new RegExp(`--dns-port ${port}: the port is taken on 127\\.0\\.0\\.1`);
      assertRefused(outcome, { says, code: 1, root: scratch.root });
      other.close();
      scratch.remove();
    });
  }
});
