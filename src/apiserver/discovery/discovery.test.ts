import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments } from '../../api/apps/v1/deployment.ts';
import { namespaces } from '../../api/core/v1/namespace.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { apiVersionOf } from '../../api/kind.ts';
import type { Kind } from '../../api/kind.ts';
import { allKinds } from '../../api/kinds.ts';
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

function read(path: string, headers = {}) {
  const response = documents(path, headers);
  assert.ok(response !== undefined, path);
  return {
    ...response,
    value: response.status === 304 ? undefined : (JSON.parse(response.body as string) as unknown),
  };
}

test('old clients walk from /api and /apis to the resources', () => {
  assert.deepEqual(read('/api').value, {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }],
  });
  const apps = {
    name: 'apps',
    versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
    preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
  };
  assert.deepEqual(read('/apis').value, { kind: 'APIGroupList', apiVersion: 'v1', groups: [apps] });
  assert.deepEqual(read('/apis/apps').value, { kind: 'APIGroup', apiVersion: 'v1', ...apps });
});

test('a group version lists its resources and what stands under them', () => {
  assert.deepEqual(read('/api/v1').value, {
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
  const { resources } = read(`/apis/${apiVersionOf(deployments)}`).value as { resources: readonly object[] };
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

test('new clients get a whole tree at once', () => {
  const { value, headers } = read('/apis', { accept: `${aggregated},application/json` });
  assert.equal(headers['content-type'], aggregated);
  assert.deepEqual(value, {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: [
      {
        metadata: { name: 'apps', creationTimestamp: null },
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
  const core = read('/api', { accept: aggregated }).value as {
    items: readonly { metadata: { name: string } }[];
  };
  assert.deepEqual(
    core.items.map(({ metadata }) => metadata.name),
    [''],
  );
  const beta = read('/api', { accept: aggregated.replace('v2', 'v2beta1') }).value as { apiVersion: string };
  assert.equal(beta.apiVersion, 'apidiscovery.k8s.io/v2beta1');
});

test('a client that knows a document is not sent it again', () => {
  const { etag } = read('/apis', { accept: aggregated }).headers;
  assert.equal(read('/apis', { accept: aggregated, 'if-none-match': etag }).status, 304);
  assert.equal(read('/apis', { 'if-none-match': etag }).status, 200);
});

test('a client that looks for a kind among custom resources finds none of them', () => {
  const { value } = read('/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
  assert.deepEqual((value as { items: unknown }).items, []);
});

test('other paths are no documents', () => {
  for (const path of ['/apis/nobody', '/apis/apps/v2', '/api/v2', '/x'])
    assert.equal(documents(path, {}), undefined);
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
