import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { ApiError } from '../../src/api/errors/api-error.ts';
import { configMaps } from '../../src/api/core/v1/config-map.ts';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client.ts';
import { transportFromKubeconfig } from '../../src/client/kubeconfig.ts';
import { startEtcd } from '../../src/testing/etcd-process.ts';
import { eventually, freePort } from '../../src/testing/test-cluster.ts';
import { kubeconfigOf, startApiserver } from './programs.ts';
import type { ApiserverPlace, Program } from './programs.ts';

async function placeFor(t: TestContext): Promise<ApiserverPlace> {
  const dir = mkdtempSync(join(tmpdir(), 'portico-losses-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return { dir, port: await freePort() };
}

async function start(t: TestContext, place: ApiserverPlace, flags: readonly string[]): Promise<Program> {
  const program = await startApiserver(place, flags);
  t.after(async () => {
    program.signal('SIGKILL');
    await program.ended;
  });
  return program;
}

async function clientOf(t: TestContext, place: ApiserverPlace): Promise<Client> {
  const transport = await transportFromKubeconfig(readFileSync(kubeconfigOf(place), 'utf8'));
  t.after(() => transport.close());
  const client = createClient(transport, { timeoutMs: 15_000 });
  await eventually('a server that is ready', async () => {
    const { status } = await transport
      .request({ method: 'GET', path: '/readyz' })
      .catch(() => ({ status: 0 }));
    return status === 200 ? true : undefined;
  });
  return client;
}

const create = (client: Client, name: string, size = 100) =>
  client.create(configMaps, { metadata: { namespace: 'default', name }, data: { text: 'x'.repeat(size) } });

async function namesOf(client: Client): Promise<ReadonlySet<string>> {
  const { items } = await client.list(configMaps, { namespace: 'default' });
  return new Set(items.map(({ metadata }) => metadata.name));
}

/** Creates and changes objects with 16 clients until the server is gone; returns what was acknowledged, by name. */
async function writeUntilGone(client: Client, round: number): Promise<ReadonlyMap<string, string>> {
  const acknowledged = new Map<string, string>();
  const writer = async (id: number): Promise<void> => {
    try {
      for (let n = 0; ; n++) {
        const name = `round-${round}-${id}-${n}`;
        await create(client, name);
        acknowledged.set(name, '0');
        const changed = { type: 'merge', body: { data: { text: '1' } } } as const;
        await client.patch(configMaps, { namespace: 'default', name }, changed);
        acknowledged.set(name, '1');
      }
    } catch {
      // The server was killed: what is not acknowledged may or may not be there.
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, id) => writer(id)));
  return acknowledged;
}

async function surviveKills(t: TestContext, place: ApiserverPlace, flags: readonly string[]): Promise<void> {
  const all = new Map<string, string>();
  for (let round = 0; round < 3; round++) {
    const program = await start(t, place, flags);
    const client = await clientOf(t, place);
    const { items } = await client.list(configMaps, { namespace: 'default' });
    const found = new Map(items.map(({ metadata, data }) => [metadata.name, data?.['text']]));
    for (const [name, state] of all) {
      assert.ok(found.has(name), `${name} was acknowledged and is gone`);
      if (state === '1') assert.equal(found.get(name), '1', `the change of ${name} is gone`);
    }
    if (round === 2) {
      program.signal('SIGTERM');
      assert.equal(await program.ended, 0, program.log());
      break;
    }
    const writing = writeUntilGone(client, round);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    program.signal('SIGKILL');
    const acknowledged = await writing;
    assert.ok(acknowledged.size > 10, `only ${acknowledged.size} writes`);
    for (const [name, state] of acknowledged) all.set(name, state);
  }
}

/** The kernel may take a moment to give back what a file had. */
async function createOnceThereIsRoom(client: Client, name: string): Promise<void> {
  for (let i = 0; i < 300; i++) {
    try {
      await create(client, name, 100_000);
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 507) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  assert.fail('it goes on refusing');
}

describe('no acknowledged write is lost', { timeout: 400_000 }, () => {
  it('when the API server on SQLite is killed in mid-write', async (t) => {
    const place = await placeFor(t);
    await surviveKills(t, place, [`--data-dir=${place.dir}`]);
  });

  it('when an API server on etcd is killed in mid-write', async (t) => {
    const etcd = await startEtcd();
    t.after(() => etcd.stop());
    await surviveKills(t, await placeFor(t), [`--etcd-servers=${etcd.servers.join(',')}`]);
  });

  it('when the disk is full: writes are refused with 507 until there is room again', async (t) => {
    const place = await placeFor(t);
    const disk = join(place.dir, 'disk');
    mkdirSync(disk);
    const script = `mount -t tmpfs -o size=6m tmpfs ${disk} && head -c 2000000 /dev/zero >${disk}/ballast && exec "$@"`;
    const prefix = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh'];
    const program = await start(t, { ...place, prefix }, [`--data-dir=${disk}`]);
    const client = await clientOf(t, place);
    const kept: string[] = [];
    const refused = await (async (): Promise<unknown> => {
      for (let n = 0; n < 200; n++) {
        try {
          await create(client, `n-${n}`, 100_000);
          kept.push(`n-${n}`);
        } catch (error) {
          return error;
        }
      }
      return undefined;
    })();
    assert.ok(refused instanceof ApiError, String(refused));
    assert.deepEqual([refused.code, refused.reason], [507, 'InsufficientStorage']);
    assert.match(refused.message, /no space left for the store .*free some space/);
    assert.ok(kept.length > 5);
    const names = await namesOf(client);
    assert.deepEqual(
      kept.filter((name) => !names.has(name)),
      [],
      'acknowledged, and gone',
    );
    rmSync(`/proc/${program.pid}/root${disk}/ballast`);
    await createOnceThereIsRoom(client, 'after');
    program.signal('SIGTERM');
    assert.equal(await program.ended, 0, program.log());
  });
});
