import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  openDataDir,
  readCluster,
  temporaryDataDir,
  writeCluster,
  writeResolvConf,
  type ClusterFile,
} from './data-dir.ts';
import { UserError } from './user-error.ts';

const scratch = mkdtempSync(join(tmpdir(), 'portico-data-dir-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const cluster: ClusterFile = {
  pid: 4242,
  network: 'none',
  kubeconfig: '/k',
  runDir: '/r',
  nodes: [],
  clusterDNS: '10.96.0.10',
  clusterDomain: 'cluster.local',
};
const refuses = (path: string, message: RegExp): void =>
  assert.throws(
    () => openDataDir(path),
    (error) => error instanceof UserError && message.test(error.message),
  );

/** Opens the folder in another process, which prints what it was told. */
function openElsewhere(path: string): string {
  const code = `import { openDataDir } from ${JSON.stringify(join(import.meta.dirname, 'data-dir.ts'))};
    try { openDataDir(${JSON.stringify(path)}); console.log('opened') } catch (error) { console.log(error.message) }`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stdout.trim();
}

describe('a data directory', () => {
  it('is made with its parents, for its owner alone', () => {
    const root = join(scratch, 'new', 'deep', 'data');
    const dir = openDataDir(root);
    for (const path of [root, dir.logs, dir.run]) assert.equal(statSync(path).mode & 0o777, 0o700, path);
    dir.release('stopped');
  });

  it('is kept when the cluster stops, but for what only a running one has', () => {
    const root = join(scratch, 'kept');
    const dir = openDataDir(root);
    writeCluster(root, cluster);
    mkdirSync(dir.pki);
    dir.release('stopped');
    assert.deepEqual(readdirSync(root).sort(), ['lock', 'logs', 'pki', 'run']);
    openDataDir(root).release('failed to start');
    assert.ok(existsSync(dir.pki), 'a start that fails leaves a folder alone that was there before');
  });

  it('that was made for a start that failed is removed', () => {
    const root = join(scratch, 'failed');
    openDataDir(root).release('failed to start');
    assert.equal(existsSync(root), false);
  });

  it('may be a link to a folder, when the user says so', () => {
    mkdirSync(join(scratch, 'target'));
    symlinkSync(join(scratch, 'target'), join(scratch, 'link'));
    openDataDir(join(scratch, 'link')).release('stopped');
    assert.ok(existsSync(join(scratch, 'target', 'lock')));
  });

  it('belongs to one process at a time, which the refusal names once it is known', () => {
    const root = join(scratch, 'shared');
    const dir = openDataDir(root);
    assert.match(
      openElsewhere(root),
      /^the data directory .*shared is in use by another process: stop that cluster/,
    );
    writeCluster(root, cluster);
    assert.match(openElsewhere(root), /in use by process 4242: stop that cluster, or choose another folder/);
    dir.release('stopped');
    assert.equal(openElsewhere(root), 'opened');
  });

  it('of a process that was killed is free, and tells nothing of it', () => {
    const root = join(scratch, 'killed');
    assert.equal(openElsewhere(root), 'opened');
    writeCluster(root, cluster);
    const dir = openDataDir(root);
    assert.equal(readCluster(root), undefined);
    dir.release('stopped');
  });

  it('is refused when it is a file, holds other files, has a broken lock or no room for its folders', () => {
    const path = (name: string): string => join(scratch, name);
    writeFileSync(path('file'), '');
    refuses(path('file'), /file is not a folder: choose another with --data-dir/);
    refuses(join(path('file'), 'below'), /a part of the path is not a folder/);
    for (const name of ['others', 'broken', 'blocked']) mkdirSync(path(name), { mode: 0o755 });
    writeFileSync(join(path('others'), 'letter'), '');
    refuses(path('others'), /holds files that are not a cluster's/);
    assert.equal(statSync(path('others')).mode & 0o777, 0o755, 'and keeps its mode');
    writeFileSync(join(path('broken'), 'lock'), 'x'.repeat(5000));
    refuses(path('broken'), /cannot lock the data directory .*; remove .*broken\/lock/);
    writeFileSync(join(path('blocked'), 'lock'), '');
    writeFileSync(join(path('blocked'), 'run'), '');
    refuses(path('blocked'), /blocked\/run is not a folder: remove it/);
    rmSync(join(path('blocked'), 'run'));
    openDataDir(path('blocked')).release('stopped');
  });
});

describe('the temporary data directory', () => {
  it('starts and ends empty, in the folder for temporary files, one for each user', () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = scratch;
    try {
      const root = temporaryDataDir();
      assert.equal(root, join(scratch, `portico-${process.getuid?.() ?? 'user'}`));
      for (let run = 0; run < 2; run++) {
        const dir = openDataDir(undefined);
        const names = readdirSync(root).filter((name) => name !== 'lock-journal');
        assert.deepEqual(names.sort(), ['lock', 'logs', ...(run === 0 ? [] : ['nodes']), 'run']);
        for (const name of ['store', 'pki']) mkdirSync(join(root, name));
        writeCluster(root, cluster);
        dir.release('stopped');
        assert.deepEqual(readdirSync(root), ['lock']);
        // Nodes that were killed leave their state, which is theirs to read.
        mkdirSync(join(root, 'nodes'));
      }
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });
});

describe('the files beside', () => {
  it('tell other commands of the cluster, or that there is none', () => {
    const root = join(scratch, 'files');
    mkdirSync(root);
    assert.equal(readCluster(root), undefined);
    writeCluster(root, cluster);
    assert.deepEqual(readCluster(root), cluster);
    writeFileSync(join(root, 'cluster.json'), '{"pid": 1');
    assert.equal(readCluster(root), undefined, 'half a file is none');
  });
  it('name the cluster DNS with its search path', () => {
    writeResolvConf(scratch, cluster);
    assert.equal(
      readFileSync(join(scratch, 'resolv.conf'), 'utf8'),
      'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n',
    );
  });
});
