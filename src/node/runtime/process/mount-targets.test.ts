import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { mount, MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../../../kernel/libc/mounts.ts';
import { inSandbox, sandboxFolder } from '../../../testing/sandbox.ts';

inSandbox(import.meta.filename);

const bindMounts = JSON.stringify(join(import.meta.dirname, 'mount-targets.ts'));

/** What a container's first moments in a user namespace of their own print, given its mounts. */
function inContainer(mounts: readonly object[], staging: string, then: string): string {
  const script = `import fs from 'node:fs';
    import { bindMounts } from ${bindMounts};
    bindMounts(${JSON.stringify(mounts)}, ${JSON.stringify(staging)});
    ${then}`;
  const argv = [
    '--user',
    '--map-root-user',
    '--mount',
    process.execPath,
    '--input-type=module',
    '-e',
    script,
  ];
  return execFileSync('unshare', argv, { encoding: 'utf8' }).trim();
}

describe('mounts of a container', () => {
  const root = sandboxFolder('portico-mounts-');
  const folder = (name: string): string => {
    const path = join(root, name);
    mkdirSync(path);
    return path;
  };
  const staging = folder('staging');

  for (const [name, flags] of Object.entries({
    'an ordinary file system': 0,
    'one without set-uid programs and devices, as /tmp often is': MS_NOSUID | MS_NODEV,
    'one without programs too': MS_NOSUID | MS_NODEV | MS_NOEXEC,
  })) {
    it(`are read-only on ${name}`, () => {
      const source = folder(`source-${flags}`);
      mount({ target: source, type: 'tmpfs', flags });
      const target = folder(`target-${flags}`);
      const attempt = `try { fs.writeFileSync('${target}/x', ''); } catch (error) { console.log(error.code); }`;
      assert.equal(inContainer([{ source, target, isReadOnly: true }], staging, attempt), 'EROFS');
    });
  }

  it('may be where the machine has nothing, of which it sees nothing', () => {
    const source = folder('content');
    writeFileSync(join(source, 'file'), 'seen');
    const machine = folder('machine');
    const target = join(machine, 'a', 'b');
    const read = `console.log(fs.readFileSync('${target}/file', 'utf8'))`;
    assert.equal(inContainer([{ source, target, isReadOnly: false }], folder('stage'), read), 'seen');
    assert.equal(existsSync(join(machine, 'a')), false);
  });
});
