import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { Logger } from '../base/logger.ts';
import {
  createTestPki,
  jsonOf,
  overHttp1,
  overHttp2,
  postJson,
  startServer,
} from './fixtures/running-server.ts';
import type { Answer, Ask, Running, TestPki } from './fixtures/running-server.ts';

/** Everything that is logged, with all that hangs on it. */
const lines: string[] = [];
const note = (...given: readonly unknown[]): void => void lines.push(inspect(given, { depth: 8 }));
const listening: Logger = { debug: note, info: note, warn: note, error: note, child: () => listening };

const STATIC = 'static-token-5f2c9a';
const DATA = 'correct-horse-battery';
const DATA64 = Buffer.from(DATA).toString('base64');

describe('no secret is told', () => {
  let files: TestPki;
  let running: Running;
  const answers: Answer[] = [];
  before(async () => {
    files = await createTestPki();
    const tokens = [{ token: STATIC, user: 'root', groups: ['system:masters'] }];
    const { privateKey } = files.pki.serviceAccount;
    const serviceAccount = { signingKey: privateKey, issuer: 'https://portico.test' };
    const config = { tokens, serviceAccount, authorizationMode: 'Node,RBAC' };
    running = await startServer(files.pki, { config, logger: listening });
  });
  after(async () => {
    await running.stop();
    await files.remove();
  });
  const ask = async (path: string, options: Ask = {}, over = overHttp2): Promise<Answer> => {
    const answer = await over(running.url + path, {
      ca: files.pki.caCert,
      ...options,
      headers: { authorization: `Bearer ${STATIC}`, ...options.headers },
    });
    answers.push(answer);
    return answer;
  };
  const secrets = '/api/v1/namespaces/default/secrets';
  const secret = (changes: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: { password: DATA64 },
    ...changes,
  });

  it('by what is logged and answered under abuse', async () => {
    const accounts = '/api/v1/namespaces/default/serviceaccounts';
    await ask(accounts, postJson({ metadata: { name: 'robot' } }));
    const made = await ask(`${accounts}/robot/token`, postJson({ spec: {} }));
    const { token } = jsonOf<{ status: { token: string } }>(made).status;
    const bearer = (text: string): Ask => ({ headers: { authorization: `Bearer ${text}` } });
    await ask(secrets, postJson(secret()));
    answers.length = 0;
    const patch = (body: string, type = 'merge-patch'): Ask => ({
      method: 'PATCH',
      headers: { 'content-type': `application/${type}+json` },
      body,
    });
    await ask(secrets, postJson(secret()));
    await ask(secrets, postJson(secret({ metadata: { name: 'Bad Name' } })));
    await ask(
      secrets,
      postJson(secret({ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': DATA64 } })),
    );
    await ask(`${secrets}?fieldValidation=Strict`, postJson(secret({ extra: 1 })));
    await ask(secrets, { ...postJson({}), body: `{"data":{"password":"${DATA64}"` });
    await ask(`${secrets}/s`, patch('{"type":"other"}'));
    await ask(`${secrets}/s`, patch('[{"op":"test","path":"/data/password","value":"x"}]', 'json-patch'));
    await ask('/api/v1/namespaces/default/pods', bearer(`${token}x`));
    await ask('/api/v1/namespaces/default/pods', bearer(`${STATIC}x`));
    await ask('/api/v1/namespaces/default/pods', bearer(token), overHttp1);
    await ask('/apis/authentication.k8s.io/v1/tokenreviews', postJson({ spec: { token: '' } }));
    await ask(`${accounts}/robot/token`, postJson({ spec: { expirationSeconds: 1 } }));
    await ask('/nowhere', { ...bearer(token) });
    assert.ok(
      answers.every(({ status }) => status >= 400),
      answers.map(({ status }) => status).join(),
    );
    const told = [
      ...answers.map(({ headers, bytes }) => JSON.stringify(headers) + bytes.toString()),
      ...lines,
    ];
    const [, payload = ''] = token.split('.');
    const { admin, serviceAccount, kubeletClient } = files.pki;
    const keys = [admin.key, serviceAccount.privateKey, kubeletClient.key].map(
      (pem) => pem.split('\n')[1] ?? '',
    );
    for (const hidden of [STATIC, DATA, DATA64, payload, ...keys]) {
      assert.ok(hidden.length > 8);
      for (const text of told) assert.ok(!text.includes(hidden), text);
    }
  });
});
