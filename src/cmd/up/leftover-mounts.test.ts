import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { mount, MS_BIND } from '../../kernel/libc/mounts.ts';
import { createNamedNetns } from '../../kernel/netns/named-netns.ts';
import { inSandbox, sandboxFolder } from '../../testing/sandbox.ts';
import { openDataDir } from './data-dir.ts';
import { mountsBelow } from './leftover-mounts.ts';

inSandbox(import.meta.filename);

describe('what a killed cluster left mounted', () => {
  it('is found below its folder, the deepest first', () => {
    const lines = [
      '/',
      '/data/run',
      '/data/run/a\\040b',
      '/data/run/a\\040b/net',
      '/data/runner/x',
      '/elsewhere',
    ];
    const text = lines.map((path, i) => `${i} 1 0:4 / ${path} rw - nsfs nsfs rw`).join('\n');
    assert.deepEqual(mountsBelow('/data/run', text), ['/data/run/a b/net', '/data/run/a b']);
    assert.deepEqual(mountsBelow('/data/run', ''), []);
  });
  it('does not keep the next one from starting in the temporary folder', () => {
    process.env['TMPDIR'] = sandboxFolder('portico-leftover-');
    const first = openDataDir(undefined);
    const pods = join(first.run, 'netns', 'node-1-pods');
    mkdirSync(pods, { recursive: true });
    mount({ source: pods, target: pods, flags: MS_BIND });
    createNamedNetns(join(pods, 'uid', 'net'));
    writeFileSync(join(first.root, 'cluster.json'), '{}');
    first.release('stopped');
    assert.equal(existsSync(first.run), false);
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(first.run));
  });
});
