import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import type { Status } from '../api/meta/v1/status.ts';
import { ns, startAccessServer, tokenPath } from './fixtures/access-server.ts';
import type { AccessServer } from './fixtures/access-server.ts';
import { jsonOf, postJson } from './fixtures/running-server.ts';

let server: AccessServer;
before(async () => (server = await startAccessServer()));
after(() => server.stop());
const as: AccessServer['as'] = (name, path, ask) => server.as(name, path, ask);
const withToken: AccessServer['withToken'] = (token, path) => server.withToken(token, path);
const make: AccessServer['make'] = (path, body) => server.make(path, body);

async function tokenFor(spec: JsonObject): Promise<string> {
  const answer = await as('root', tokenPath, postJson({ spec }));
  assert.equal(answer.status, 201, answer.bytes.toString());
  return jsonOf<{ status: { token: string } }>(answer).status.token;
}

async function reviewToken(token: string, audiences: string[] = []): Promise<JsonObject> {
  const answer = await as(
    'root',
    '/apis/authentication.k8s.io/v1/tokenreviews',
    postJson({ spec: { token, audiences } }),
  );
  return jsonOf<{ status: JsonObject }>(answer).status;
}

describe('tokens of service accounts', () => {
  it('stand for the account', async () => {
    const token = await tokenFor({});
    const answer = await withToken(token, ns('pods'));
    assert.match(
      jsonOf<Status>(answer).message ?? '',
      /^pods is forbidden: User "system:serviceaccount:default:robot" cannot list/,
    );
    const { user: who, ...rest } = (await reviewToken(token)) as { user: JsonObject };
    assert.deepEqual(rest, { authenticated: true, audiences: ['https://portico.test'] });
    assert.deepEqual(who.groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:default',
      'system:authenticated',
    ]);
  });

  it('for others are none for the API', async () => {
    const token = await tokenFor({ audiences: ['vault'] });
    assert.equal((await withToken(token, ns('pods'))).status, 401);
    assert.equal((await reviewToken(token, ['vault'])).authenticated, true);
    assert.match(
      JSON.stringify(await reviewToken(token)),
      /token audiences \[\\"vault\\"\] is invalid for the target audiences/,
    );
  });

  it('that were changed are none', async () => {
    const token = await tokenFor({});
    const [head = '', , signature = ''] = token.split('.');
    const payload = Buffer.from(JSON.stringify({ iss: 'https://portico.test', sub: 'x', exp: 9e9 })).toString(
      'base64url',
    );
    for (const bad of [`${head}.${payload}.${signature}`, `${token}x`, token.slice(0, -4)]) {
      assert.equal((await withToken(bad, ns('pods'))).status, 401);
    }
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    assert.equal((await withToken(`${none}.${payload}.x`, ns('pods'))).status, 401);
  });

  it('die with what they are bound to', async () => {
    const pod = {
      metadata: { name: 'bound' },
      spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'i' }] },
    };
    await make(ns('pods'), pod);
    await make(ns('secrets'), { metadata: { name: 'bound' } });
    const ref = { apiVersion: 'v1', name: 'bound' };
    const tokens = [
      await tokenFor({ boundObjectRef: { ...ref, kind: 'Pod' } }),
      await tokenFor({ boundObjectRef: { ...ref, kind: 'Secret' } }),
    ];
    const codes = async () =>
      Promise.all(tokens.map(async (token) => (await withToken(token, ns('pods'))).status));
    assert.deepEqual(await codes(), [403, 403]);
    await as('root', `${ns('pods/bound')}?gracePeriodSeconds=0`, { method: 'DELETE' });
    assert.deepEqual(await codes(), [401, 403]);
    await as('root', ns('secrets/bound'), { method: 'DELETE' });
    assert.deepEqual(await codes(), [401, 401]);
  });

  it('in a Secret are those that it holds, and not those that it held', async () => {
    const account = jsonOf<{ metadata: { uid: string } }>(await as('root', ns('serviceaccounts/robot')));
    const [old, next] = await Promise.all(
      ['old', 'next'].map(() => server.legacyToken(account.metadata.uid, 'kept')),
    );
    assert.ok(old !== undefined && next !== undefined && old !== next);
    const hold = (token: string): Promise<unknown> =>
      as('root', ns('secrets/kept'), {
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify({ data: { token: Buffer.from(token).toString('base64') } }),
      });
    const codes = async () =>
      Promise.all([old, next].map(async (token) => (await withToken(token, ns('pods'))).status));
    await make(ns('secrets'), { metadata: { name: 'kept' } });
    assert.deepEqual(await codes(), [401, 401]);
    await hold(old);
    assert.deepEqual(await codes(), [403, 401]);
    await hold(next);
    assert.deepEqual(await codes(), [401, 403]);
  });

  const wrong: Readonly<Record<string, readonly [spec: JsonObject, code: number, message: RegExp]>> = {
    'too short': [{ expirationSeconds: 60 }, 422, /may not specify a duration less than 10 minutes/],
    'too long': [{ expirationSeconds: 2 ** 33 }, 422, /may not specify a duration larger than 2\^32 seconds/],
    'bound to nothing': [
      { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'none' } },
      404,
      /pods "none" not found/,
    ],
    'bound to another kind': [
      { boundObjectRef: { apiVersion: 'v1', kind: 'Service', name: 'x' } },
      400,
      /cannot bind token to object of type/,
    ],
    'bound to an object of the past': [
      { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'past', uid: 'old' } },
      409,
      /does not match the UID in record/,
    ],
  };
  for (const [title, [spec, code, message]] of Object.entries(wrong)) {
    it(`are not made ${title}`, async () => {
      await as('root', ns('secrets'), postJson({ metadata: { name: 'past' } }));
      const answer = await as('root', tokenPath, postJson({ spec }));
      assert.equal(answer.status, code);
      assert.match(jsonOf<Status>(answer).message ?? '', message);
    });
  }

  it('are verified by others with what the server publishes', async () => {
    const config = jsonOf<{ issuer: string; jwks_uri: string }>(
      await as('root', '/.well-known/openid-configuration'),
    );
    assert.deepEqual(
      [config.issuer, config.jwks_uri],
      ['https://portico.test', 'https://172.18.0.1:6443/openid/v1/jwks'],
    );
    const { createLocalJWKSet, jwtVerify } = await import('jose');
    const keys = jsonOf<Parameters<typeof createLocalJWKSet>[0]>(await as('root', '/openid/v1/jwks'));
    const { payload } = await jwtVerify(await tokenFor({}), createLocalJWKSet(keys), {
      issuer: config.issuer,
    });
    assert.equal(payload.sub, 'system:serviceaccount:default:robot');
  });
});

describe('a new Pod', () => {
  const pod = (name: string, spec: JsonObject = {}) => ({
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  });
  interface Made {
    readonly spec: {
      readonly serviceAccountName: string;
      readonly volumes?: readonly JsonObject[];
      readonly containers: readonly { readonly volumeMounts?: readonly JsonObject[] }[];
    };
  }
  const created = async (body: JsonObject): Promise<Made> =>
    jsonOf<Made>(await as('root', ns('pods'), postJson(body)));

  it('gets the account of the namespace and its token', async () => {
    const { spec } = await created(pod('plain'));
    assert.equal(spec.serviceAccountName, 'default');
    assert.match(
      JSON.stringify(spec.volumes),
      /^\[\{"name":"kube-api-access-[a-z0-9]{5}","projected":\{"defaultMode":420,"sources":\[\{"serviceAccountToken":\{"path":"token","expirationSeconds":3607\}\},\{"configMap":\{"name":"kube-root-ca.crt"/,
    );
    const [container] = spec.containers;
    assert.deepEqual(
      container?.volumeMounts?.map(({ mountPath, readOnly }) => [mountPath, readOnly]),
      [['/var/run/secrets/kubernetes.io/serviceaccount', true]],
    );
  });

  it('that wants no token gets none', async () => {
    const { spec } = await created(pod('untrusting', { automountServiceAccountToken: false }));
    assert.equal(spec.volumes, undefined);
  });

  it('of an account that is not there is refused', async () => {
    const answer = await as('root', ns('pods'), postJson(pod('lost', { serviceAccountName: 'none' })));
    assert.equal(
      jsonOf<Status>(answer).message,
      'pods "lost" is forbidden: error looking up service account default/none: serviceaccount "none" not found',
    );
  });

  const container = { name: 'c', image: 'i' };
  const key = { secretKeyRef: { name: 'other', key: 'a' } };
  const why = 'is not allowed because service account careful does not reference that';
  const ways: Readonly<Record<string, readonly [spec: JsonObject, refusal: string | undefined]>> = {
    'that the account names': [
      {
        containers: [{ ...container, envFrom: [{ secretRef: { name: 'mine' } }] }],
        imagePullSecrets: [{ name: 'pull' }],
      },
      undefined,
    ],
    'by a volume': [
      { volumes: [{ name: 'v', secret: { secretName: 'other' } }] },
      `volume with secret.secretName="other" ${why} secret`,
    ],
    'by a variable': [
      { containers: [{ ...container, env: [{ name: 'A', valueFrom: key }] }] },
      `container c with envVar A referencing secret.secretName="other" ${why} secret`,
    ],
    'by a variable of an init container': [
      { initContainers: [{ name: 'd', image: 'i', env: [{ name: 'A', valueFrom: key }] }] },
      `init container d with envVar A referencing secret.secretName="other" ${why} secret`,
    ],
    'by all their variables': [
      { containers: [{ ...container, envFrom: [{ secretRef: { name: 'other' } }] }] },
      `container c with envFrom referencing secret.secretName="other" ${why} secret`,
    ],
    'for images': [
      { imagePullSecrets: [{ name: 'other' }] },
      `imagePullSecrets[0].name="other" ${why} imagePullSecret`,
    ],
  };
  before(() =>
    make(ns('serviceaccounts'), {
      metadata: { name: 'careful', annotations: { 'kubernetes.io/enforce-mountable-secrets': '1' } },
      secrets: [{ name: 'mine' }],
      imagePullSecrets: [{ name: 'pull' }],
    }),
  );
  for (const [n, [title, [spec, refusal]]] of Object.entries(ways).entries()) {
    it(`of a careful account may use Secrets ${title}: ${refusal === undefined ? 'yes' : 'no'}`, async () => {
      const body = pod(`careful-${n}`, { serviceAccountName: 'careful', ...spec });
      const answer = await as('root', ns('pods'), postJson(body));
      const message = `pods "careful-${n}" is forbidden: ${refusal}`;
      assert.equal(jsonOf<Status>(answer).message, refusal === undefined ? undefined : message);
    });
  }
});
