import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { configMaps } from '../../src/api/core/v1/config-map.ts';
import { services } from '../../src/api/core/v1/service.ts';
import {
  childrenOf,
  commandLine,
  descendantsOf,
  isRunning,
  namespaceOf,
  processesIn,
  ticksNow,
} from '../../src/testing/processes.ts';
import { eventually } from '../../src/testing/test-cluster.ts';
import { assertNothingRuns, makeScratch } from '../cli/attempt.ts';
import { startPortico } from '../cli/running.ts';
import { assertClusterIPs, connect, makeDataDir } from './whole-cluster.ts';

const WRITERS = 16;
const namespace = 'default';

/** The namespaces that the cluster made: those of the processes below the supervisor, but not its own. */
function namespacesBelow(pid: number): string[] {
  const kinds = ['net', 'mnt', 'pid', 'user'] as const;
  const own = new Set(kinds.map((kind) => namespaceOf(pid, kind)));
  const all = descendantsOf(pid).flatMap((p) => kinds.map((kind) => namespaceOf(p.pid, kind)));
  return [...new Set(all)].filter((name): name is string => name !== undefined && !own.has(name));
}

describe('kill -9 of the supervisor', () => {
  it('ends everything within two seconds; the next start on the data directory has every acknowledged write', async () => {
    const scratch = makeScratch();
    const dir = makeDataDir();
    const flags = ['--nodes', '1', '--data-dir', dir.path];
    const first = await startPortico(scratch, { flags });
    const client = await connect(await first.up);
    const acknowledged: { readonly name: string; readonly clusterIP: string | undefined }[] = [];
    const maps: string[] = [];
    let isDown = false;
    const writers = Array.from({ length: WRITERS }, async (_, n) => {
      for (let i = 0; !isDown; i++) {
        const metadata = { name: `w${n}-${i}`, namespace };
        try {
          const made = await client.create(services, { metadata, spec: { ports: [{ port: 80 }] } });
          acknowledged.push({ name: metadata.name, clusterIP: made.spec.clusterIP });
          await client.create(configMaps, { metadata });
          maps.push(metadata.name);
        } catch {
          // Not acknowledged.
        }
      }
    });
    await eventually('some writes', () => Promise.resolve(maps.length > 100 || undefined));
    const processes = descendantsOf(first.pid);
    const namespaces = namespacesBelow(first.pid);
    assert.ok(processes.length >= 5 && namespaces.length >= 4, 'there is something to end');
    const killedAt = ticksNow();
    process.kill(first.pid, 'SIGKILL');
    await eventually(
      'everything to end',
      () => Promise.resolve(processes.some(isRunning) ? undefined : true),
      2000,
    ).catch((error: unknown) => {
      const left = processes.filter(isRunning).map((p) => commandLine(p.pid));
      throw new Error(`${String(error)}: ${left.join('\n')}`);
    });
    isDown = true;
    await Promise.all(writers);
    client.transport.close();
    const inhabitants = namespaces.flatMap((name) => processesIn(name, killedAt));
    assert.deepEqual(inhabitants.map(commandLine), [], 'processes in a namespace of the cluster');
    assertNothingRuns(dir.path);

    const second = await startPortico(scratch, { flags });
    const again = await connect(await second.up);
    const stored = (await again.list(services)).items;
    const byName = new Map(stored.map((s) => [s.metadata.name, s.spec.clusterIP]));
    assert.deepEqual(
      acknowledged.filter((s) => byName.get(s.name) !== s.clusterIP),
      [],
      'Services that are lost or moved',
    );
    const storedMaps = new Set(
      (await again.list(configMaps, { namespace })).items.map((m) => m.metadata.name),
    );
    assert.deepEqual(
      maps.filter((name) => !storedMaps.has(name)),
      [],
      'ConfigMaps that are lost',
    );
    assertClusterIPs(stored);
    again.transport.close();
    second.signal('SIGINT');
    assert.equal((await second.ended).code, 0);
    dir.remove();
    scratch.remove();
  });

  it('leaves a temporary data directory that the next start uses, empty of what was there', async () => {
    const scratch = makeScratch();
    const flags = ['--nodes', '1'];
    const first = await startPortico(scratch, { flags });
    const kubeconfig = await first.up;
    const client = await connect(kubeconfig);
    await client.create(configMaps, { metadata: { name: 'old', namespace } });
    client.transport.close();
    const ca = readFileSync(join(kubeconfig, '..', 'pki', 'ca.crt'), 'utf8');
    process.kill(first.pid, 'SIGKILL');
    await first.ended;

    // At once: what is left of the first is still ending.
    const second = await startPortico(scratch, { flags });
    assert.equal(await second.up, kubeconfig);
    assert.notEqual(readFileSync(join(kubeconfig, '..', 'pki', 'ca.crt'), 'utf8'), ca);
    const again = await connect(kubeconfig);
    const names = (await again.list(configMaps, { namespace })).items.map((m) => m.metadata.name);
    assert.ok(!names.includes('old'), names.join());
    again.transport.close();
    second.signal('SIGINT');
    assert.equal((await second.ended).code, 0);
    assertNothingRuns(scratch.root);
    scratch.remove();
  });
});

describe('kill -9 of the sandbox', () => {
  it('ends the cluster with a sentence and a non-zero exit, since everything in it is gone', async () => {
    const scratch = makeScratch();
    const running = await startPortico(scratch, { flags: ['--nodes', '1'] });
    await running.up;
    const holder = childrenOf(running.pid).find(({ pid }) => commandLine(pid).startsWith('unshare '));
    assert.ok(holder);
    process.kill(holder.pid, 'SIGKILL');
    const { code, stderr } = await running.ended;
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^portico: the sandbox was ended by SIGKILL, and everything in it is gone; start the cluster again/m,
    );
    assertNothingRuns(scratch.root);
    scratch.remove();
  });
});
