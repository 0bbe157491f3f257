import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { createTestPki, startServer } from '../fixtures/running-server.ts';
import type { Running, TestPki } from '../fixtures/running-server.ts';
import { isStream } from './message.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

let mine: TestPki;
let running: Running;
before(async () => {
  mine = await createTestPki();
  running = await startServer(mine.pki);
});
after(async () => {
  await running.stop();
  await mine.remove();
});

const user = { name: 'tester', groups: ['system:masters', 'system:authenticated'] };

const word = fc.oneof(
  fc.constantFrom(
    'api',
    'apis',
    'v1',
    'apps',
    'namespaces',
    'default',
    'pods',
    'services',
    'deployments',
    'a',
    'status',
    'scale',
    'log',
    'binding',
    'eviction',
    'finalize',
    'openapi',
    'v3',
    'healthz',
    '',
    '..',
    '%00',
    '%',
    '%2f',
  ),
  fc.string({ maxLength: 8 }),
);
const path = fc.oneof(
  fc.array(word, { maxLength: 9 }).map((parts) => `/${parts.join('/')}`),
  fc
    .tuple(fc.constantFrom('pods', 'services', 'configmaps', 'endpoints'), word, word)
    .map(([plural, name, sub]) => `/api/v1/namespaces/default/${plural}/${name}/${sub}`),
);
const parameter = fc.tuple(
  fc.constantFrom(
    'limit',
    'continue',
    'resourceVersion',
    'resourceVersionMatch',
    'labelSelector',
    'fieldSelector',
    'dryRun',
    'fieldValidation',
    'fieldManager',
    'pretty',
    'includeObject',
    'gracePeriodSeconds',
    'propagationPolicy',
    'tailLines',
    'container',
    'sinceTime',
    'hash',
  ),
  fc.oneof(
    fc.constantFrom('', '0', '1', '-1', 'true', 'All', 'Strict', 'Exact', 'a=b', '9e99', 'x in (a'),
    fc.string(),
  ),
);
const value = fc.oneof(
  fc.json().map((text) => ({ text, type: 'application/json' })),
  fc.string().map((text) => ({ text, type: 'application/json' })),
  fc.string().map((text) => ({ text, type: 'application/yaml' })),
  fc.json().map((text) => ({ text, type: 'application/merge-patch+json' })),
  fc.json().map((text) => ({ text, type: 'application/strategic-merge-patch+json' })),
  fc.json().map((text) => ({ text: `[${text}]`, type: 'application/json-patch+json' })),
  fc
    .record({ op: word, path: word, value: fc.jsonValue() })
    .map((op) => ({ text: JSON.stringify([op]), type: 'application/json-patch+json' })),
  fc
    .record({ metadata: fc.jsonValue(), spec: fc.jsonValue(), status: fc.jsonValue() })
    .map((body) => ({ text: JSON.stringify(body), type: 'application/json' })),
  fc.uint8Array().map((bytes) => ({
    text: `k8s\0${Buffer.from(bytes).toString('latin1')}`,
    type: 'application/vnd.kubernetes.protobuf',
  })),
);
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND');
const accept = fc.oneof(
  fc.constantFrom('application/json', '*/*', 'application/json;as=Table;v=v1;g=meta.k8s.io'),
  fc.string(),
);

test('nothing a client can send is an internal error, and every refusal is a Status', async () => {
  const request = fc.record({
    method,
    path,
    parameters: fc.array(parameter, { maxLength: 3 }),
    body: value,
    accept,
  });
  await fc.assert(
    fc.asyncProperty(request, async (sent) => {
      const query = new URLSearchParams(sent.parameters).toString();
      const response = await running.server.handle({
        method: sent.method,
        path: query === '' ? sent.path : `${sent.path}?${query}`,
        headers: { 'content-type': sent.body.type, accept: sent.accept },
        body: Buffer.from(sent.body.text, 'latin1'),
        user,
        signal: new AbortController().signal,
      });
      assert.notEqual(response.status, 500, typeof response.body === 'string' ? response.body : '');
      if (response.status >= 400 && response.status !== 503) {
        assert.ok(!isStream(response.body));
        const text = typeof response.body === 'string' ? response.body : '';
        assert.equal((JSON.parse(text) as { kind: string }).kind, 'Status');
      }
    }),
    { numRuns: 1500 },
  );
});
