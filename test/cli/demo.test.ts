import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { freePort, runProgram } from '../../src/testing/test-cluster.ts';
import { PORTICO } from './attempt.ts';

describe('portico demo', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'portico-demo-'));
  after(() => rmSync(dataDir, { recursive: true, force: true }));

  const demo = async (...flags: readonly string[]) => {
    const ports = ['--api-port', String(await freePort()), '--dns-port', String(await freePort())];
    return runProgram([PORTICO, 'demo', '--exit', ...ports, ...flags], { timeoutMs: 90_000 });
  };

  it('reaches three different Pods by name and by virtual IP, and again on what a run before left', async () => {
    for (let run = 1; run <= 2; run++) {
      const { code, stdout, stderr } = await demo('--data-dir', dataDir);
      assert.equal(code, 0, `run ${run}:\n${stdout}\n${stderr}`);
      const answers = [...stdout.matchAll(/(http:\/\/\S+)\/hostname answered by (my-app-\S+)/g)];
      const byUrl = Map.groupBy(answers, ([, url]) => url ?? '');
      assert.equal(byUrl.size, 2, stdout);
      assert.ok(byUrl.has('http://my-service'), stdout);
      for (const found of byUrl.values())
        assert.equal(new Set(found.map(([, , pod]) => pod)).size, 3, stdout);
    }
  });

  it('says what shows a cluster without virtual IPs', async () => {
    const { code, stderr } = await demo('--network', 'none');
    assert.equal(code, 2);
    assert.match(stderr, /^portico: the demo shows virtual IPs, .*use `portico up --network none`\n$/);
  });
});
