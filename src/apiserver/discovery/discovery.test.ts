import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments } from '../../api/apps/v1/deployment.ts';
import { namespaces } from '../../api/core/v1/namespace.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { ApiError } from '../../api/errors/api-error.ts';
import { apiVersionOf } from '../../api/kind.ts';
import type { Kind } from '../../api/kind.ts';
import { allKinds } from '../../api/kinds.ts';
import { decodeProtobuf } from '../../api/protobuf/decode.ts';
import { openEnvelope } from '../../api/protobuf/envelope.ts';
import { messageOf } from '../../api/protobuf/messages.ts';
import { kindVersions } from '../../api/versions.ts';
import { createDocuments } from './documents.ts';
import { groupVersionsOf, resourceList } from './discovery.ts';
import type { Served } from './discovery.ts';
import { healthResponse } from './health.ts';

const never = () => Promise.reject(new Error('not called'));
const status = (kind: Kind): Served['subresources'][number] => ({
  name: 'status',
  responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
  verbs: { update: never, get: never },
});
const scale: Served['subresources'][number] = {
  name: 'scale',
  responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  verbs: { get: never },
};
const verbs = ['list', 'get'];
const served: readonly Served[] = [
  { resource: { kind: namespaces, verbs }, subresources: [] },
  { resource: { kind: pods, verbs }, subresources: [status(pods)] },
  { resource: { kind: deployments, verbs }, subresources: [scale] },
];
const documents = createDocuments({ served, address: '127.0.0.1:6443' });

async function read(url: string, headers = {}) {
  const { pathname: path, searchParams: query } = new URL(url, 'https://x');
  const response = await documents({ path, query, headers });
  assert.ok(response !== undefined, path);
  return {
    ...response,
    value: response.status === 304 ? undefined : (JSON.parse(response.body as string) as unknown),
  };
}

test('old clients walk from /api and /apis to the resources', async () => {
  assert.deepEqual((await read('/api')).value, {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }],
  });
  const apps = {
    name: 'apps',
    versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
    preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
  };
  assert.deepEqual((await read('/apis')).value, { kind: 'APIGroupList', apiVersion: 'v1', groups: [apps] });
  assert.deepEqual((await read('/apis/apps')).value, { kind: 'APIGroup', apiVersion: 'v1', ...apps });
});

test('a group version lists its resources and what stands under them', async () => {
  assert.deepEqual((await read('/api/v1')).value, {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      {
        name: 'namespaces',
        namespaced: false,
        kind: 'Namespace',
        shortNames: ['ns'],
        singularName: 'namespace',
        verbs: ['get', 'list'],
        // What a kube-apiserver says, too.
        storageVersionHash: 'Q3oi5N2YM8M=',
      },
      {
        name: 'pods',
        namespaced: true,
        kind: 'Pod',
        shortNames: ['po'],
        categories: ['all'],
        singularName: 'pod',
        verbs: ['get', 'list'],
        storageVersionHash: 'xPOwRZ+Yhw8=',
      },
      { name: 'pods/status', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get', 'update'] },
    ],
  });
  const { resources } = (await read(`/apis/${apiVersionOf(deployments)}`)).value as {
    resources: readonly object[];
  };
  assert.deepEqual(resources[1], {
    name: 'deployments/scale',
    singularName: '',
    namespaced: true,
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    verbs: ['get'],
  });
});

test('groups come in order of preference, and so do their versions', () => {
  const kinds = [...kindVersions.map(({ kind }) => kind), ...allKinds];
  const all = kinds.map((kind) => ({ resource: { kind, verbs }, subresources: [] }));
  const versions = groupVersionsOf(all).map((each) => apiVersionOf(each));
  assert.deepEqual(versions.slice(0, 3), ['v1', 'apps/v1', 'events.k8s.io/v1']);
  assert.deepEqual(versions.slice(-2), ['discovery.k8s.io/v1', 'discovery.k8s.io/v1beta1']);
  const [core] = groupVersionsOf(all);
  const names = core?.served.map(({ resource }) => resource.kind.plural) ?? [];
  assert.deepEqual(names, names.toSorted());
});

test('versions of a kind say that they are stored as one', () => {
  const all = kindVersions.flatMap(({ kind, stored }) =>
    [kind, stored].map((each) => ({ resource: { kind: each, verbs }, subresources: [] })),
  );
  const hashes = (plural: string) =>
    groupVersionsOf(all)
      .flatMap(
        (each) => resourceList(each).resources as readonly { name: string; storageVersionHash?: string }[],
      )
      .filter(({ name }) => name === plural)
      .map(({ storageVersionHash }) => storageVersionHash);
  assert.deepEqual(hashes('events'), ['r2yiGXH7wu8=', 'r2yiGXH7wu8=']);
  assert.deepEqual(hashes('endpointslices'), ['qgS0xkrxYAI=', 'qgS0xkrxYAI=']);
});

test('what is not stored has no storage version', () => {
  const review = { ...namespaces, kind: 'Review', plural: 'reviews' };
  const [each] = groupVersionsOf([{ resource: { kind: review, verbs }, subresources: [] }]);
  assert.ok(each !== undefined);
  assert.equal('storageVersionHash' in (resourceList(each).resources[0] ?? {}), false);
});

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

test('new clients get a whole tree at once', async () => {
  const { value, headers } = await read('/apis', { accept: `${aggregated},application/json` });
  assert.equal(headers['content-type'], aggregated);
  assert.deepEqual(value, {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: [
      {
        metadata: { name: 'apps' },
        versions: [
          {
            version: 'v1',
            freshness: 'Current',
            resources: [
              {
                resource: 'deployments',
                responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
                scope: 'Namespaced',
                singularResource: 'deployment',
                verbs: ['get', 'list'],
                shortNames: ['deploy'],
                categories: ['all'],
                subresources: [
                  {
                    subresource: 'scale',
                    responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
                    verbs: ['get'],
                  },
                ],
              },
            ],
          },
        ],
      },
    ],
  });
  const core = (await read('/api', { accept: aggregated })).value as {
    items: readonly { metadata: { name: string } }[];
  };
  assert.deepEqual(
    core.items.map(({ metadata }) => metadata.name),
    [''],
  );
  const beta = (await read('/api', { accept: aggregated.replace('v2', 'v2beta1') })).value as {
    apiVersion: string;
  };
  assert.equal(beta.apiVersion, 'apidiscovery.k8s.io/v2beta1');
});

test('a client that knows a document is not sent it again', async () => {
  const { etag } = (await read('/apis', { accept: aggregated })).headers;
  assert.equal((await read('/apis', { accept: aggregated, 'if-none-match': etag })).status, 304);
  assert.equal((await read('/apis', { 'if-none-match': etag })).status, 200);
});

test('a client that looks for a kind among custom resources finds none of them', async () => {
  const { value } = await read('/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
  assert.deepEqual((value as { items: unknown }).items, []);
});

/** Without empty texts and what is false, which protobuf does not write. */
const essence = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, each: unknown) => (each === '' || each === false ? undefined : each)));

/** The JSON of a document and what its protobuf form says, which must be the same. */
async function bothForms(
  path: string,
  parameters = '',
): Promise<readonly [json: unknown, protobuf: unknown]> {
  const query = new URLSearchParams();
  const [json, binary] = await Promise.all(
    ['application/json', 'application/vnd.kubernetes.protobuf'].map((type) =>
      documents({ path, query, headers: { accept: `${type}${parameters}` } }),
    ),
  );
  assert.ok(json !== undefined && binary?.body instanceof Uint8Array, path);
  assert.equal(binary.headers['content-type'], `application/vnd.kubernetes.protobuf${parameters}`);
  assert.equal(binary.headers.etag, json.headers.etag);
  const { apiVersion, kind, raw } = openEnvelope(binary.body);
  const schema = messageOf(apiVersion, kind);
  assert.ok(schema !== undefined, `${apiVersion} ${kind}`);
  const content = decodeProtobuf(schema, raw);
  const names = apiVersion === '' ? { kind } : { apiVersion, kind };
  return [essence(JSON.parse(json.body as string)), essence({ ...names, ...content })];
}

for (const path of ['/api', '/apis', '/apis/apps', '/apis/apps/v1', '/api/v1']) {
  test(`${path} says the same in protobuf`, async () => {
    const [json, protobuf] = await bothForms(path);
    assert.deepEqual(protobuf, json);
  });
}

for (const path of ['/api', '/apis']) {
  for (const version of ['v2', 'v2beta1']) {
    test(`${path} of ${version} says the same in protobuf`, async () => {
      const [json, protobuf] = await bothForms(path, aggregated.slice(16).replace('v=v2', `v=${version}`));
      assert.deepEqual(protobuf, json);
    });
  }
}

test('the bytes are those of a kube-apiserver', async () => {
  // Recorded from one of Kubernetes 1.20.
  const recorded =
    'k8s\0\n\x0e\n\x02v1\x12\x08APIGroup\x12$\n\x04apps\x12\r\n\x07apps/v1\x12\x02v1\x1a\r\n\x07apps/v1\x12\x02v1\x1a\0"\0';
  const headers = { accept: 'application/vnd.kubernetes.protobuf' };
  const answer = await documents({ path: '/apis/apps', query: new URLSearchParams(), headers });
  assert.equal(Buffer.from(answer?.body as Uint8Array).toString('latin1'), recorded);
});

test('people may ask for YAML and for indented JSON', async () => {
  const yaml = await documents({
    path: '/apis/apps',
    query: new URLSearchParams(),
    headers: { accept: 'application/yaml' },
  });
  assert.equal(yaml?.headers['content-type'], 'application/yaml');
  assert.match(yaml.body as string, /^kind: APIGroup$/m);
  const pretty = await read('/apis/apps?pretty=true');
  assert.match(pretty.body as string, /^ {2}"kind": "APIGroup",$/m);
  assert.match((await read('/version')).body as string, /^ {2}"major": "1",$/m);
});

test('who takes nothing of that is told so', async () => {
  for (const [path, accept] of [
    ['/apis', 'text/html'],
    ['/api/v1', 'application/json;as=Table;g=meta.k8s.io;v=v1'],
    ['/version', 'application/vnd.kubernetes.protobuf'],
  ] as const) {
    await assert.rejects(
      documents({ path, query: new URLSearchParams(), headers: { accept } }),
      (error) => error instanceof ApiError && error.code === 406,
      path,
    );
  }
});

test('only the documents that hold everything may be kept by others', async () => {
  assert.equal((await read('/apis', { accept: aggregated })).headers['cache-control'], 'public');
  assert.equal((await read('/apis')).headers['cache-control'], undefined);
});

test('other paths are no documents', async () => {
  for (const path of ['/apis/nobody', '/apis/apps/v2', '/api/v2', '/x'])
    assert.equal(await documents({ path, query: new URLSearchParams(), headers: {} }), undefined);
});

const sick = { name: 'sick', failure: () => 'it aches' };
const fine = { name: 'poststarthook/fine', failure: () => undefined };
const checks = { live: [fine], ready: [sick] };
const health: readonly [title: string, path: string, query: string, status: number, body: string][] = [
  ['alive although not ready', '/livez', '', 200, 'ok'],
  [
    'not ready, in detail, without the reason',
    '/readyz',
    '',
    500,
    '[+]ping ok\n[+]poststarthook/fine ok\n[-]sick failed: reason withheld\nreadyz check failed\n',
  ],
  ['ready but for what is left out', '/readyz', 'exclude=sick', 200, 'ok'],
  [
    'what is left out is shown',
    '/readyz',
    'verbose&exclude=sick&exclude=b&exclude=a',
    200,
    '[+]ping ok\n[+]poststarthook/fine ok\n[+]sick excluded: ok\n' +
      'warn: some health checks cannot be excluded: no matches for "a","b"\nreadyz check passed\n',
  ],
  ['one check by name', '/livez/poststarthook/fine', 'verbose', 200, 'ok'],
  ['one check by name says why', '/readyz/sick', '', 500, 'internal server error: it aches\n'],
];
for (const [title, path, query, status, body] of health) {
  test(`health: ${title}`, async () => {
    const response = await healthResponse(path, new URLSearchParams(query), checks);
    assert.deepEqual([response?.status, response?.body], [status, body]);
  });
}

test('health: a check nobody knows is no path', async () => {
  for (const path of ['/readyz/unknown', '/livez/sick', '/readyz/sick/more', '/health', '/constructor'])
    assert.equal(await healthResponse(path, new URLSearchParams(), checks), undefined, path);
});
