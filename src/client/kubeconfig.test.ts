import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fakeClock } from '../base/clock.ts';
import { inClusterAccess, loadKubeconfig } from './kubeconfig.ts';
import { authorizationOf } from './server-access.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const yaml = `
apiVersion: v1
kind: Config
current-context: admin
clusters:
- name: here
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority-data: ${base64('CA')}
- name: there
  cluster:
    server: https://10.0.0.1
    insecure-skip-tls-verify: true
    tls-server-name: api.example.com
    certificate-authority: ca.pem
contexts:
- name: admin
  context: {cluster: here, user: admin, namespace: team}
- name: files
  context: {cluster: there, user: files}
- name: token
  context: {cluster: here, user: token}
- name: basic
  context: {cluster: here, user: basic}
- name: plugin
  context: {cluster: here, user: plugin}
- name: nobody
  context: {cluster: here}
- name: lost
  context: {cluster: gone, user: admin}
users:
- name: admin
  user:
    client-certificate-data: ${base64('CERT')}
    client-key-data: ${base64('KEY')}
- name: files
  user: {client-certificate: cert.pem, client-key: sub/key.pem, tokenFile: token.txt}
- name: token
  user: {token: secret}
- name: basic
  user: {username: me, password: "a:b"}
- name: plugin
  user:
    exec: {command: aws}
`;

describe('a kubeconfig', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'portico-kubeconfig-'));
    mkdirSync(join(dir, 'sub'));
    for (const [name, text] of Object.entries({
      'ca.pem': 'FILE-CA',
      'cert.pem': 'FILE-CERT',
      'sub/key.pem': 'FILE-KEY',
      'token.txt': 'first\n',
      'ca.crt': 'SA-CA',
      token: 'sa-token',
      namespace: 'sa-ns\n',
    })) {
      writeFileSync(join(dir, name), text);
    }
  });
  after(() => rmSync(dir, { recursive: true }));

  it('gives the current context with inline data', async () => {
    assert.partialDeepStrictEqual(await loadKubeconfig(yaml), {
      contextName: 'admin',
      server: 'https://127.0.0.1:6443',
      namespace: 'team',
      ca: 'CA',
      cert: 'CERT',
      key: 'KEY',
      isInsecure: false,
    });
  });

  it('reads files next to it, and a token file again after a minute', async () => {
    const clock = fakeClock();
    const access = await loadKubeconfig(yaml, { contextName: 'files', baseDir: dir, clock });
    assert.partialDeepStrictEqual(access, {
      namespace: 'default',
      ca: 'FILE-CA',
      cert: 'FILE-CERT',
      key: 'FILE-KEY',
      isInsecure: true,
      tlsServerName: 'api.example.com',
    });
    assert.deepEqual(authorizationOf(access), { authorization: 'Bearer first' });
    writeFileSync(join(dir, 'token.txt'), 'second');
    assert.equal(access.token?.(), 'first');
    await clock.advance(60_000);
    assert.equal(access.token?.(), 'second');
    rmSync(join(dir, 'token.txt'));
    await clock.advance(60_000);
    assert.equal(access.token?.(), 'second', 'the last token stands while the file is away');
  });

  it('reads a token file again when the time was set back', async () => {
    const fake = fakeClock(7_200_000);
    let back = 0;
    const clock = { ...fake, now: () => fake.now() - back };
    writeFileSync(join(dir, 'renewed.txt'), 'one');
    const text = yaml.replace('token.txt', 'renewed.txt');
    const access = await loadKubeconfig(text, { contextName: 'files', baseDir: dir, clock });
    assert.equal(access.token?.(), 'one');
    writeFileSync(join(dir, 'renewed.txt'), 'two');
    assert.equal(access.token?.(), 'one');
    back = 3_600_000;
    assert.equal(access.token?.(), 'two');
  });

  it('reads certificates again after a minute, and keeps what it knows while they are away', async () => {
    const clock = fakeClock();
    const access = await loadKubeconfig(yaml, { contextName: 'files', baseDir: dir, clock });
    const first = access.material?.();
    assert.deepEqual(first, { ca: 'FILE-CA', cert: 'FILE-CERT', key: 'FILE-KEY' });
    await clock.advance(60_000);
    assert.equal(access.material?.(), first, 'the same object while nothing changed');
    writeFileSync(join(dir, 'cert.pem'), 'NEW-CERT');
    assert.equal(access.material?.(), first);
    await clock.advance(60_000);
    const second = access.material?.();
    assert.deepEqual(second, { ca: 'FILE-CA', cert: 'NEW-CERT', key: 'FILE-KEY' });
    rmSync(join(dir, 'sub/key.pem'));
    await clock.advance(60_000);
    assert.equal(access.material?.(), second);
  });

  it('knows tokens, passwords and nobody', async () => {
    const headers = async (contextName: string) =>
      authorizationOf(await loadKubeconfig(yaml, { contextName }));
    assert.deepEqual(await headers('token'), { authorization: 'Bearer secret' });
    assert.deepEqual(await headers('basic'), { authorization: `Basic ${base64('me:a:b')}` });
    assert.deepEqual(await headers('nobody'), {});
  });

  it('may be JSON', async () => {
    const config = {
      'current-context': 'x',
      clusters: [{ name: 'c', cluster: { server: 'https://a' } }],
      contexts: [{ name: 'x', context: { cluster: 'c' } }],
    };
    assert.equal((await loadKubeconfig(JSON.stringify(config))).server, 'https://a');
  });

  const refused: [name: string, text: string, contextName: string | undefined, message: RegExp][] = [
    ['a plugin', yaml, 'plugin', /user "plugin" signs in through the plugin "exec", which is not supported/],
    ['an unknown context', yaml, 'what', /no context named "what"/],
    ['an unknown cluster', yaml, 'lost', /no cluster named "gone"/],
    ['a missing file', yaml, 'files', /cannot read .*ca\.pem/],
    ['no context at all', 'clusters: []', undefined, /no context is chosen/],
    ['broken YAML', 'a: [', undefined, /neither valid YAML nor valid JSON/],
    ['a list', '- a', undefined, /expected an object/],
    [
      'a cluster without server',
      'current-context: a\nclusters: [{name: c, cluster: {}}]\ncontexts: [{name: a, context: {cluster: c}}]',
      undefined,
      /has no server/,
    ],
  ];
  for (const [name, text, contextName, message] of refused) {
    it(`with ${name} is refused in one sentence`, async () => {
      await assert.rejects(loadKubeconfig(text, { contextName, baseDir: '/nonexistent' }), message);
    });
  }

  it('is not needed inside a cluster', () => {
    const access = inClusterAccess({ host: 'fd00::1', port: '443', dir });
    assert.partialDeepStrictEqual(access, {
      server: 'https://[fd00::1]:443',
      namespace: 'sa-ns',
      ca: 'SA-CA',
    });
    assert.equal(access.token?.(), 'sa-token');
    assert.throws(
      () => inClusterAccess({ host: 'a', port: '1', dir: '/nonexistent' }),
      /in-cluster configuration/,
    );
  });
});
