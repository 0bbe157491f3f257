import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEtcd } from '../../testing/etcd-process.ts';
import { writeTestCertificates } from '../../testing/test-certificates.ts';
import { commit, put, text } from '../contract/fixture.ts';
import { StoreError } from '../store.ts';
import { ask, openStore } from './fixture.ts';

const isRefused = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreError, String(error));
  assert.match(error.message, words);
  return true;
};

describe('access to etcd', { timeout: 400_000 }, () => {
  it('signs in, and again when its token has run out; others are refused with a sentence', async (t) => {
    const etcd = await startEtcd({ args: ['--auth-token-ttl', '1'] });
    t.after(() => etcd.stop());
    const [server = ''] = etcd.servers;
    await ask(server, 'auth/user/add', { name: 'root', password: 'r' });
    await ask(server, 'auth/role/add', { name: 'root' });
    await ask(server, 'auth/user/grant', { user: 'root', role: 'root' });
    await ask(server, 'auth/user/add', { name: 'portico', password: 'secret' });
    await ask(server, 'auth/role/add', { name: 'portico' });
    const [from, to] = ['/portico/', '/portico0'].map((key) => Buffer.from(key).toString('base64'));
    const perm = { permType: 'READWRITE', key: from, range_end: to };
    await ask(server, 'auth/role/grant', { name: 'portico', perm });
    await ask(server, 'auth/user/grant', { user: 'portico', role: 'portico' });
    await ask(server, 'auth/enable', {});

    const store = await openStore(etcd.servers, { user: { name: 'portico', password: 'secret' } });
    t.after(() => store.close());
    const stop = new AbortController();
    const watching = (async () => {
      for await (const { events } of store.watch('', 0, stop.signal))
        if (events.length > 0) return events.length;
      return 0;
    })();
    await commit(store, put('a', '1'));
    assert.equal(await watching, 1);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal(text(await store.get('a')), '1', 'after the token has run out');
    await commit(store, put('a', '2'));

    const wrong = { user: { name: 'portico', password: 'wrong' } };
    await assert.rejects(
      openStore(etcd.servers, wrong),
      isRefused(/etcd refuses this user .*check the user/),
    );
    await assert.rejects(openStore(etcd.servers), isRefused(/etcd refuses this user/));
    const outside = { user: { name: 'portico', password: 'secret' }, prefix: '/elsewhere' };
    await assert.rejects(openStore(etcd.servers, outside), isRefused(/permission denied/));
    stop.abort();
  });

  it('speaks TLS with certificates of both sides, and to nobody else', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'portico-etcd-tls-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const { ca, client, files } = writeTestCertificates(dir, 'portico');
    const etcd = await startEtcd({
      scheme: 'https',
      args: [
        '--cert-file',
        files.cert,
        '--key-file',
        files.key,
        '--trusted-ca-file',
        files.ca,
        '--client-cert-auth',
      ],
    });
    t.after(() => etcd.stop());
    const store = await openStore(etcd.servers, { tls: { ca, ...client } });
    t.after(() => store.close());
    await commit(store, put('a', '1'));
    assert.equal(text(await store.get('a')), '1');
    await Promise.all([
      assert.rejects(
        openStore(etcd.servers, { tls: { ca } }),
        isRefused(/--etcd-servers https:.*does not answer/),
      ),
      assert.rejects(
        openStore(etcd.servers, { tls: client }),
        isRefused(/--etcd-servers https:.*does not answer/),
      ),
    ]);
  });

  it('says which server is no URL, before it dials any', async () => {
    await assert.rejects(
      openStore(['http://127.0.0.1:1', 'ftp://x']),
      /--etcd-servers: "ftp:\/\/x" is not a URL like/,
    );
    await assert.rejects(openStore([]), /--etcd-servers: at least one URL is needed/);
  });
});
