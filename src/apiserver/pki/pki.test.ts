import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { renderKubeconfig, writeKubeconfig } from './kubeconfig.ts';
import { createPki, pkiFiles, readPki } from './pki.ts';
import type { PkiOptions } from './pki.ts';

const DAY_MS = 24 * 3600 * 1000;
const start = Date.parse('2030-01-01T00:00:00Z');
const dirs: string[] = [];
after(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))));

async function options(changes: Partial<PkiOptions> = {}): Promise<PkiOptions> {
  const dir = await mkdtemp(join(tmpdir(), 'portico-pki-'));
  dirs.push(dir);
  const nodes = [{ name: 'node-1', addresses: ['172.18.0.2', 'fd00::2'] }];
  return {
    dir,
    nodes,
    apiServerHosts: ['127.0.0.1', '::1', 'localhost'],
    clock: fakeClock(start),
    ...changes,
  };
}

test('the certificates are what the server and the nodes need', async () => {
  const made = await options();
  const pki = await createPki(made);
  const ca = new X509Certificate(pki.caCert);
  const expected = [
    [
      pki.serving,
      'CN=kube-apiserver',
      ['DNS:localhost', 'IP Address:127.0.0.1', 'IP Address:0:0:0:0:0:0:0:1'],
      ['1.3.6.1.5.5.7.3.1'],
    ],
    [pki.admin, 'O=system:masters\nCN=kubernetes-admin', [], ['1.3.6.1.5.5.7.3.2']],
    [pki.kubeletClient, 'O=system:masters\nCN=kube-apiserver-kubelet-client', [], ['1.3.6.1.5.5.7.3.2']],
    [
      pki.nodes['node-1'],
      'O=system:nodes\nCN=system:node:node-1',
      ['DNS:node-1', 'IP Address:172.18.0.2', 'IP Address:FD00:0:0:0:0:0:0:2'],
      ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
    ],
  ] as const;
  for (const [pair, subject, names, usages] of expected) {
    assert.ok(pair !== undefined);
    const certificate = new X509Certificate(pair.cert);
    assert.equal(certificate.subject, subject);
    assert.deepEqual(
      (certificate.subjectAltName ?? '').split(', ').filter(Boolean).sort(),
      [...names].sort(),
    );
    assert.deepEqual(certificate.keyUsage, usages);
    assert.ok(certificate.verify(ca.publicKey) && certificate.checkIssued(ca) && !certificate.ca);
    assert.equal(certificate.validToDate.getTime(), start + 365 * DAY_MS);
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  }
  assert.ok(ca.ca && ca.verify(ca.publicKey));
  assert.match(pki.adminToken, /^[0-9a-f]{64}$/);
  assert.deepEqual(await readPki(made.dir, ['node-1']), pki);
});

test('only the owner may read the files, and nothing half-written stays', async () => {
  const made = await options();
  await createPki(made);
  const names = await readdir(made.dir, { recursive: true });
  assert.equal(names.filter((name) => name.endsWith('.tmp')).length, 0);
  for (const name of names.filter((each) => each.includes('.'))) {
    assert.equal((await stat(join(made.dir, name))).mode & 0o777, 0o600, name);
  }
});

test('a second run keeps everything, a new node leaves the rest alone', async () => {
  const made = await options();
  const first = await createPki(made);
  assert.deepEqual(await createPki(made), first);
  const more = await createPki({
    ...made,
    nodes: [...made.nodes, { name: 'node-2', addresses: ['172.18.0.3'] }],
  });
  assert.deepEqual({ ...more, nodes: { 'node-1': more.nodes['node-1'] } }, first);
  assert.ok(new X509Certificate(more.nodes['node-2']?.cert ?? '').checkHost('node-2') === 'node-2');
});

test('another name of the server makes another serving certificate, and no other', async () => {
  const made = await options();
  const first = await createPki(made);
  const moved = await createPki({ ...made, apiServerHosts: [...made.apiServerHosts, '10.96.0.1'] });
  assert.equal(new X509Certificate(moved.serving.cert).checkIP('10.96.0.1'), '10.96.0.1');
  assert.deepEqual({ ...moved, serving: first.serving }, first);
});

test('what has less than 30 days left is renewed under the same authority', async () => {
  const made = await options();
  const first = await createPki(made);
  const kept = await createPki({ ...made, clock: fakeClock(start + 335 * DAY_MS) });
  assert.deepEqual(kept, first);
  const renewed = await createPki({ ...made, clock: fakeClock(start + 336 * DAY_MS) });
  assert.equal(renewed.caCert, first.caCert);
  assert.equal(renewed.adminToken, first.adminToken);
  assert.notEqual(renewed.admin.cert, first.admin.cert);
});

test('an old authority is renewed with its key, so what it signed stays valid', async () => {
  const made = await options();
  const first = await createPki(made);
  const renewed = await createPki({ ...made, clock: fakeClock(start + 3640 * DAY_MS) });
  const ca = new X509Certificate(renewed.caCert);
  assert.notEqual(renewed.caCert, first.caCert);
  assert.ok(new X509Certificate(first.admin.cert).verify(ca.publicKey));
});

test('a key without its certificate is the trace of a crash and is replaced', async () => {
  const made = await options();
  const first = await createPki(made);
  await rm(`${pkiFiles(made.dir).admin}.crt`);
  const mended = await createPki(made);
  assert.notEqual(mended.admin.key, first.admin.key);
  assert.equal(mended.serving.cert, first.serving.cert);
});

const damages: readonly [title: string, file: string, text: string | undefined, message: RegExp][] = [
  ['an authority without its key', 'ca.key', undefined, /ca\.key is missing, but its certificate is there/],
  [
    'an authority that is gone',
    'ca.crt',
    undefined,
    /ca\.crt is missing, but certificates it signed are there/,
  ],
  ['an authority that is no certificate', 'ca.crt', 'rubbish', /ca\.crt holds no certificate/],
  ['a certificate without its key', 'admin.key', undefined, /admin\.key is missing/],
  [
    'a truncated key',
    'apiserver.key',
    '-----BEGIN PRIVATE KEY-----\nMIGH',
    /apiserver\.key holds no private key/,
  ],
  ['an empty token', 'admin.token', '', /admin\.token is damaged/],
];
for (const [title, file, text, message] of damages) {
  test(`damage: ${title} is an error that names the file`, async () => {
    const made = await options();
    await createPki(made);
    const path = join(made.dir, file);
    if (text === undefined) await rm(path);
    else await writeFile(path, text);
    await assert.rejects(createPki(made), message);
  });
}

test('damage: a certificate of another authority, or another key, is an error', async () => {
  const [mine, other] = [await options(), await options()];
  await Promise.all([createPki(mine), createPki(other)]);
  const [here, there] = [pkiFiles(mine.dir).admin, pkiFiles(other.dir).admin];
  await writeFile(`${here}.crt`, await readFile(`${there}.crt`));
  await assert.rejects(createPki(mine), /admin\.key does not belong to its certificate/);
  await writeFile(`${here}.key`, await readFile(`${there}.key`));
  await assert.rejects(createPki(mine), /admin\.crt was not signed by the authority beside it/);
});

test('reading a directory that is not complete names the missing file', async () => {
  const made = await options();
  await createPki(made);
  await assert.rejects(readPki(made.dir, ['node-9']), /node-9\.crt is missing/);
});

test('a kubeconfig carries everything and is private', async () => {
  const made = await options();
  const { caCert, admin } = await createPki(made);
  const file = join(made.dir, 'kubeconfig');
  await writeKubeconfig(file, { server: 'https://127.0.0.1:6443', caCert, client: admin });
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const text = await readFile(file, 'utf8');
  assert.equal(text, renderKubeconfig({ server: 'https://127.0.0.1:6443', caCert, client: admin }));
  const data = /certificate-authority-data: (\S+)/.exec(text)?.[1] ?? '';
  assert.equal(Buffer.from(data, 'base64').toString(), caCert);
  assert.match(text, /current-context: "portico"/);
});

test('a directory that cannot be written is an error that names the file', async () => {
  const made = await options();
  await writeFile(join(made.dir, 'nodes'), 'in the way');
  await assert.rejects(createPki(made), /(writing|reading) .*nodes\/node-1/);
});
