import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { runProgram, type Outcome } from '../../src/testing/test-cluster.ts';
import { assertNothingRuns, assertRefused } from './attempt.ts';
import { ordinaryUser } from './ordinary-user.ts';
import { startPortico } from './running.ts';

describe('portico for an ordinary user', () => {
  const user = ordinaryUser();
  after(() => user.remove());
  const run = (args: readonly string[]): Promise<Outcome> =>
    runProgram(user.as([user.portico, ...args]), { env: user.env });

  it('runs a cluster in the sandbox, twice in a row, and leaves an empty temporary folder', async () => {
    for (const nth of ['first', 'second']) {
      const running = await startPortico(user, { argv: user.as([user.portico]), flags: ['--nodes', '1'] });
      const kubeconfig = await running.up;
      const { uid, mode } = statSync(kubeconfig);
      assert.deepEqual([uid === 0, mode & 0o777], [false, 0o600], `${nth} run`);
      const got = await runProgram(
        user.as(['kubectl', '--kubeconfig', kubeconfig, 'get', 'service', 'kubernetes', '-o', 'name']),
        { env: user.env },
      );
      assert.equal(got.stdout, 'service/kubernetes\n', got.stderr);
      const inside = await run(['shell', '--', 'cat', '/proc/net/dev']);
      assert.match(inside.stdout, /eth0|veth/, inside.stderr);
      running.signal('SIGINT');
      assert.equal((await running.ended).code, 0);
      assertNothingRuns(user.tmp);
    }
  });

  it('refuses to program the network of the machine', async () => {
    const outcome = await run(['up', '--network', 'host']);
    const says = /--network host: only root may program .* use --network sandbox/;
    assertRefused(outcome, { says, code: 1, root: user.root });
  });

  it('refuses a port that only root may have', async () => {
    const outcome = await run(['up', '--api-port', '1']);
    const says = /--api-port 1: this user may not listen on ports below 1024; choose a higher one/;
    assertRefused(outcome, { says, code: 1, root: user.root });
  });

  it('refuses a data directory and a kubeconfig where this user may not write', async () => {
    const says = [
      /this user may not write there; choose another with --data-dir/,
      /this user may not write in \/; name a file elsewhere/,
    ];
    const lines = [
      ['up', '--data-dir', '/portico-data'],
      ['up', '--write-kubeconfig', '/kubeconfig'],
    ];
    for (const [i, line] of lines.entries()) {
      assertRefused(await run(line), { says: says[i] ?? /^$/, code: 1, root: user.root });
    }
  });

  it('says how to allow user namespaces when the machine has them off', async () => {
    const noNamespaces =
      'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -all --inh-caps -all "$@"';
    const data = join(user.tmp, 'data');
    const line = [
      'unshare',
      '--user',
      '--map-root-user',
      'sh',
      '-c',
      noNamespaces,
      'sh',
      user.portico,
      'up',
      '--data-dir',
      data,
    ];
    const outcome = await runProgram(user.as(line), { env: user.env });
    const says =
      /this user may not make namespaces \(.+\); allow user namespaces \(sysctl user\.max_user_namespaces, .*, run as root, or use --network none/;
    assertRefused(outcome, { says, code: 1, root: user.root });
  });
});
