import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { fakeClock, realClock } from '../../base/clock.ts';
import { memoryLogger, silentLogger } from '../../base/logger.ts';
import { createMemoryStore } from '../../storage/memory/memory-store.ts';
import { configMap, createTestPki, overHttp1, postJson, testConfig } from '../fixtures/running-server.ts';
import type { Ask, TestPki } from '../fixtures/running-server.ts';
import { createApiServer } from '../server.ts';
import type { AuditConfig } from './audit.ts';
import { createEventQueue } from './event-queue.ts';
import { auditPolicy, recordingFor, type Audited } from './policy.ts';
import { rotatingFile } from './rotating-file.ts';

let certificates: TestPki;
before(async () => {
  certificates = await createTestPki();
});
after(() => certificates.remove());

const POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ['/livez*', /version]
- level: Metadata
  resources: [{ group: '', resources: [secrets] }]
- level: RequestResponse
  omitManagedFields: true
  verbs: [create, patch, watch]
  resources: [{ group: '', resources: [configmaps] }]
- level: Metadata
`;

interface Event {
  readonly level: string;
  readonly stage: string;
  readonly verb: string;
  readonly auditID: string;
  readonly user: { readonly username?: string };
  readonly impersonatedUser?: { readonly username: string; readonly groups: readonly string[] };
  readonly sourceIPs?: readonly string[];
  readonly objectRef?: Readonly<Record<string, string>>;
  readonly responseStatus?: { readonly code: number; readonly message?: string };
  readonly requestObject?: { readonly data?: unknown };
  readonly responseObject?: { readonly metadata: Readonly<Record<string, unknown>> };
}

async function withServer(
  change: Partial<AuditConfig>,
  work: (ask: (path: string, options?: Ask) => ReturnType<typeof overHttp1>) => Promise<void>,
): Promise<Event[]> {
  const { pki, dir } = certificates;
  const logPath = join(dir, `audit-${Math.random().toString(36).slice(2)}.log`);
  const limits = { maxSizeMb: 100, maxBackups: 0, maxAgeDays: 0 };
  const audit: AuditConfig = { policy: POLICY, logPath, mode: 'batch', ...limits, ...change };
  const config = { ...testConfig(pki, [{ host: '127.0.0.1', port: 0 }]), audit };
  const deps = { store: createMemoryStore(), clock: realClock, logger: silentLogger };
  const server = createApiServer(config, deps);
  const stopping = new AbortController();
  const ended = server.run(stopping.signal);
  const [address] = await server.addresses();
  await work((path, options = {}) =>
    overHttp1(`https://127.0.0.1:${address?.port}${path}`, { ca: pki.caCert, client: pki.admin, ...options }),
  );
  stopping.abort();
  await ended;
  const lines = await readFile(audit.logPath, 'utf8').catch(() => '');
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
}

const path = '/api/v1/namespaces/default';

test('a request is recorded as its rule says: who, what, from where, how it ended', async () => {
  const events = await withServer({}, async (ask) => {
    const headers = { 'audit-id': 'mine', 'x-forwarded-for': '192.0.2.1', 'user-agent': 'tester/1' };
    const created = await ask(`${path}/configmaps?dryRun=All`, {
      ...postJson(configMap('a', { k: 'v' })),
      headers: { 'content-type': 'application/json', ...headers },
    });
    assert.equal(created.headers['audit-id'], 'mine');
    await ask(`${path}/configmaps/nobody`);
    await ask('/version');
    await ask('/livez/ping');
    await ask('/apis');
  });
  const [created, refused, discovery, ...more] = events.filter(
    ({ user }) => user.username === 'kubernetes-admin',
  );
  assert.deepEqual(more, []);
  assert.equal(created?.auditID, 'mine');
  assert.equal(created?.stage, 'ResponseComplete');
  assert.equal(created?.level, 'RequestResponse');
  assert.deepEqual(created?.sourceIPs, ['192.0.2.1', '127.0.0.1']);
  assert.deepEqual(created?.objectRef, {
    resource: 'configmaps',
    namespace: 'default',
    name: 'a',
    apiVersion: 'v1',
  });
  assert.deepEqual(created?.requestObject?.data, { k: 'v' });
  assert.equal(created?.responseObject?.metadata['name'], 'a');
  assert.ok(!('managedFields' in (created?.responseObject?.metadata ?? {})));
  assert.deepEqual([refused?.level, refused?.verb, refused?.responseStatus?.code], ['Metadata', 'get', 404]);
  assert.match(refused?.responseStatus?.message ?? '', /"nobody" not found/);
  assert.equal(refused?.requestObject, undefined);
  assert.equal(discovery?.verb, 'get');
});

test('who is taken for another is recorded with that other, and also when that is refused', async () => {
  const events = await withServer({}, async (ask) => {
    await ask(`${path}/configmaps`, {
      headers: { 'impersonate-user': 'vic', 'impersonate-group': 'readers' },
    });
    await ask(`${path}/configmaps`, { headers: { 'impersonate-group': 'readers' } });
    await ask(`${path}/configmaps`);
  });
  const [taken, refused, plain] = events.filter(({ user }) => user.username === 'kubernetes-admin');
  assert.deepEqual(taken?.impersonatedUser, { username: 'vic', groups: ['readers', 'system:authenticated'] });
  assert.deepEqual([refused?.responseStatus?.code, refused?.impersonatedUser], [400, undefined]);
  assert.deepEqual([plain?.responseStatus?.code, plain?.impersonatedUser], [200, undefined]);
});

test('what is in a Secret is in no record at Metadata, refused or not', async () => {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    stringData: { password: 'hunter2' },
  };
  const { dir } = certificates;
  const logPath = join(dir, 'secrets.log');
  const events = await withServer({ logPath }, async (ask) => {
    await ask(`${path}/secrets`, postJson(secret));
    await ask(`${path}/secrets`, postJson(secret));
    await ask(`${path}/secrets/s`);
  });
  assert.deepEqual(
    events.filter(({ objectRef }) => objectRef?.['resource'] === 'secrets').map(({ level }) => level),
    ['Metadata', 'Metadata', 'Metadata'],
  );
  const text = await readFile(logPath, 'utf8');
  assert.doesNotMatch(text, /hunter2|aHVudGVyMg/);
});

test('YAML and protobuf bodies are told as JSON, broken ones not at all', async () => {
  const events = await withServer({}, async (ask) => {
    const yaml = { 'content-type': 'application/yaml' };
    await ask(`${path}/configmaps`, {
      method: 'POST',
      headers: { ...yaml, accept: 'application/vnd.kubernetes.protobuf' },
      body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: y }\ndata: { k: v }\n',
    });
    await ask(`${path}/configmaps`, { method: 'POST', headers: yaml, body: '{' });
  });
  const [yaml, broken] = events.filter(
    ({ verb, user }) => verb === 'create' && user.username === 'kubernetes-admin',
  );
  assert.deepEqual(yaml?.requestObject?.data, { k: 'v' });
  assert.equal(yaml?.responseObject?.metadata['name'], 'y');
  assert.equal(broken?.requestObject, undefined);
  assert.equal(broken?.responseStatus?.code, 400);
});

test('who is not known is recorded as well, without a name', async () => {
  const events = await withServer({}, async (ask) => {
    await ask(`${path}/pods`, { headers: { authorization: 'Bearer wrong' }, client: { cert: '', key: '' } });
  });
  const refused = events.find(({ responseStatus }) => responseStatus?.code === 401);
  assert.deepEqual([refused?.stage, refused?.verb, refused?.user], ['ResponseComplete', 'list', {}]);
});

test('strictly, a request whose arrival cannot be recorded is refused; otherwise it is served', async () => {
  const blocked = join(certificates.dir, 'a-directory.log');
  await mkdir(blocked);
  const everything = POLICY.replace('omitStages: [RequestReceived]', '');
  for (const [mode, status] of [
    ['blocking-strict', 500],
    ['blocking', 404],
    ['batch', 404],
  ] as const) {
    await withServer({ mode, logPath: blocked, policy: everything }, async (ask) => {
      assert.equal((await ask(`${path}/configmaps/none`)).status, status, mode);
    });
  }
});

test('a policy that is none stops the server with a sentence', async () => {
  await assert.rejects(
    createApiServer(
      {
        ...testConfig(certificates.pki, [{ host: '127.0.0.1', port: 0 }]),
        audit: { policy: 'x', logPath: '-', mode: 'batch', maxSizeMb: 1, maxBackups: 1, maxAgeDays: 1 },
      },
      { store: createMemoryStore(), clock: realClock, logger: memoryLogger() },
    ).run(new AbortController().signal),
    /audit policy/,
  );
});

const policyOf = (rules: string): ReturnType<typeof auditPolicy> =>
  auditPolicy(parse(`{ apiVersion: audit.k8s.io/v1, kind: Policy, rules: [${rules}, { level: None }] }`));
const request = (
  change: Partial<Audited> & { readonly subresource?: string; readonly name?: string },
): Audited => ({
  user: { name: 'ann', groups: ['dev'] },
  verb: 'get',
  info: {
    isResource: true,
    verb: 'get',
    group: '',
    version: 'v1',
    namespace: 'ns',
    resource: 'pods',
    name: change.name ?? 'p',
    subresource: change.subresource ?? '',
    rest: [],
  },
  ...change,
});
const url: Audited = { user: undefined, verb: 'get', info: { isResource: false, path: '/healthz/etcd' } };

const rules: readonly [sentence: string, rule: string, request: Audited, fits: boolean][] = [
  ['a user by name', '{ users: [ann] }', request({}), true],
  ['not another one', '{ users: [bob] }', request({}), false],
  ['nobody unknown', '{ users: [ann] }', { ...request({}), user: undefined }, false],
  ['a group', '{ userGroups: [ops, dev] }', request({}), true],
  ['not another group', '{ userGroups: [ops] }', url, false],
  ['a verb', '{ verbs: [get] }', request({}), true],
  ['not another verb', '{ verbs: [list] }', request({}), false],
  ['a namespace', '{ namespaces: [ns] }', request({}), true],
  ['no URL by namespace', '{ namespaces: [""] }', url, false],
  ['a whole group', '{ resources: [{ group: "" }] }', request({}), true],
  ['not another API group', '{ resources: [{ group: apps }] }', request({}), false],
  [
    'not a subresource by its object',
    '{ resources: [{ resources: [pods] }] }',
    request({ subresource: 'log' }),
    false,
  ],
  ['a subresource', '{ resources: [{ resources: [pods/log] }] }', request({ subresource: 'log' }), true],
  ['all subresources', '{ resources: [{ resources: [pods/*] }] }', request({ subresource: 'log' }), true],
  ['one of all', '{ resources: [{ resources: ["*/log"] }] }', request({ subresource: 'log' }), true],
  ['everything', '{ resources: [{ resources: ["*"] }] }', request({ subresource: 'log' }), true],
  ['a name', '{ resources: [{ resources: [pods], resourceNames: [p] }] }', request({}), true],
  ['not another name', '{ resources: [{ resources: [pods], resourceNames: [q] }] }', request({}), false],
  ['a path', '{ nonResourceURLs: [/healthz/etcd] }', url, true],
  ['a path by its beginning', '{ nonResourceURLs: [/healthz*] }', url, true],
  ['not another path', '{ nonResourceURLs: [/livez*] }', url, false],
  ['no resource by path', '{ nonResourceURLs: ["*"] }', request({}), false],
];
for (const [sentence, rule, asked, isFitting] of rules) {
  test(`a rule fits: ${sentence}`, () => {
    const { level } = recordingFor(policyOf(rule.replace('{', '{ level: Request,')), asked);
    assert.equal(level, isFitting ? 'Request' : 'None');
  });
}

const wrong: readonly [document: string, message: RegExp][] = [
  ['[]', /not an object/],
  ['{ apiVersion: v1, kind: Policy }', /must be a Policy/],
  ['{ apiVersion: audit.k8s.io/v1, kind: Policy, rules: [] }', /no rules/],
  ['{ apiVersion: audit.k8s.io/v1, kind: Policy, rules: [1] }', /rules\[0\]: must be an object/],
  ...(
    [
      ['{ level: All }', /rules\[0\]\.level: "All"/],
      ['{ level: None, users: ann }', /rules\[0\]\.users: must be a list/],
      ['{ level: None, omitStages: [Never] }', /omitStages: "Never"/],
      ['{ level: None, omitManagedFields: 1 }', /omitManagedFields: must be true or false/],
      ['{ level: None, resources: [pods] }', /resources: must be a list of objects/],
      ['{ level: None, resources: [{ group: 1 }] }', /group: must be a string/],
      ['{ level: None, resources: [{ resourceNames: [a] }] }', /at least one resource/],
      ['{ level: None, nonResourceURLs: [/a], namespaces: [b] }', /cannot apply to both/],
      ['{ level: None, nonResourceURLs: [a] }', /must begin with/],
      ['{ level: None, nonResourceURLs: [/a*b] }', /only at its end/],
    ] as const
  ).map(([rule, message]): [string, RegExp] => [
    `{ apiVersion: audit.k8s.io/v1, kind: Policy, rules: [${rule}] }`,
    message,
  ]),
];
for (const [document, message] of wrong) {
  test(`a policy is refused: ${document}`, () => {
    assert.throws(() => auditPolicy(parse(document)), message);
  });
}

test('a full file is put aside under the time, and old ones go', async () => {
  const clock = fakeClock(Date.parse('2026-11-21T03:04:05.678Z'));
  const dir = join(certificates.dir, 'rotation');
  await mkdir(dir);
  const file = rotatingFile(join(dir, 'a.log'), { maxSizeMb: 1, maxBackups: 2, maxAgeDays: 1 }, clock);
  await writeFile(join(dir, 'a-of-somebody-else.log'), '');
  for (let i = 0; i < 5; i++) {
    await file.append(String(i).repeat(700_000));
    if (i === 2) await clock.advance(2 * 86_400_000);
  }
  await file.close();
  const names = (await readdir(dir)).sort();
  assert.deepEqual(names, [
    'a-2026-11-23T03-04-05.678.log',
    'a-2026-11-23T03-04-05.679.log',
    'a-of-somebody-else.log',
    'a.log',
  ]);
  assert.match(await readFile(join(dir, 'a.log'), 'utf8'), /^4+$/);
  await rm(dir, { recursive: true });
});

test('a queue that is full loses what comes, and goes on', async () => {
  const written: string[] = [];
  const opening = Promise.withResolvers<undefined>();
  const queue = createEventQueue(async (text) => {
    await opening.promise;
    written.push(text);
  });
  const first = queue.add('x');
  const rest = Array.from({ length: 10_001 }, () =>
    queue.add('y').then(
      () => true,
      () => false,
    ),
  );
  opening.resolve(undefined);
  await first;
  const kept = (await Promise.all(rest)).filter(Boolean).length;
  assert.equal(kept, 10_000);
  await queue.add('z');
  assert.equal(written.join('').length, 10_002);
});
