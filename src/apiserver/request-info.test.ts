import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequestInfo } from './request-info.ts';

const parse = (method: string, url: string) => {
  const [path = '', query = ''] = url.split('?');
  return parseRequestInfo(method, path, new URLSearchParams(query));
};

const base = {
  isResource: true,
  group: '',
  version: 'v1',
  namespace: '',
  name: '',
  subresource: '',
  rest: [],
};

const cases: readonly [title: string, method: string, url: string, expected: object][] = [
  [
    'a namespaced collection',
    'GET',
    '/api/v1/namespaces/a/pods',
    { ...base, verb: 'list', namespace: 'a', resource: 'pods' },
  ],
  ['a collection in all namespaces', 'GET', '/api/v1/pods', { ...base, verb: 'list', resource: 'pods' }],
  ['a watch', 'GET', '/api/v1/pods?watch=true', { ...base, verb: 'watch', resource: 'pods' }],
  ['a watch asked for with 1', 'GET', '/api/v1/pods?watch=1', { ...base, verb: 'watch', resource: 'pods' }],
  [
    'a watch asked for with nothing',
    'GET',
    '/api/v1/pods?watch',
    { ...base, verb: 'watch', resource: 'pods' },
  ],
  ['no watch', 'GET', '/api/v1/pods?watch=false', { ...base, verb: 'list', resource: 'pods' }],
  [
    'an object',
    'GET',
    '/api/v1/namespaces/a/pods/p',
    { ...base, verb: 'get', namespace: 'a', resource: 'pods', name: 'p' },
  ],
  [
    'a watch parameter on one object means nothing',
    'GET',
    '/api/v1/namespaces/a/pods/p?watch=1',
    { ...base, verb: 'get', namespace: 'a', resource: 'pods', name: 'p' },
  ],
  [
    'a namespace is itself no namespaced object',
    'GET',
    '/api/v1/namespaces/a',
    { ...base, verb: 'get', resource: 'namespaces', name: 'a' },
  ],
  [
    'the status of a namespace',
    'PUT',
    '/api/v1/namespaces/a/status',
    { ...base, verb: 'update', resource: 'namespaces', name: 'a', subresource: 'status' },
  ],
  [
    'a subresource of another group',
    'PATCH',
    '/apis/apps/v1/namespaces/a/deployments/d/scale',
    {
      ...base,
      verb: 'patch',
      group: 'apps',
      namespace: 'a',
      resource: 'deployments',
      name: 'd',
      subresource: 'scale',
    },
  ],
  [
    'deleting a collection',
    'DELETE',
    '/apis/apps/v1/namespaces/a/deployments',
    { ...base, verb: 'deletecollection', group: 'apps', namespace: 'a', resource: 'deployments' },
  ],
  [
    'creating',
    'POST',
    '/api/v1/namespaces/a/pods/',
    { ...base, verb: 'create', namespace: 'a', resource: 'pods' },
  ],
  [
    'percent-encoding',
    'GET',
    '/api/v1/namespaces/a/pods/%61b',
    { ...base, verb: 'get', namespace: 'a', resource: 'pods', name: 'ab' },
  ],
  [
    'more segments than there are',
    'GET',
    '/api/v1/namespaces/a/pods/p/proxy/x/y',
    {
      ...base,
      verb: 'get',
      namespace: 'a',
      resource: 'pods',
      name: 'p',
      subresource: 'proxy',
      rest: ['x', 'y'],
    },
  ],
  ['a method without meaning', 'OPTIONS', '/api/v1/pods', { ...base, verb: '', resource: 'pods' }],
  ['discovery', 'GET', '/apis/apps/v1', { isResource: false, path: '/apis/apps/v1' }],
  ['core discovery', 'GET', '/api/v1/', { isResource: false, path: '/api/v1' }],
  ['something else', 'GET', '/healthz', { isResource: false, path: '/healthz' }],
  ['the root', 'GET', '/', { isResource: false, path: '/' }],
];

for (const [title, method, url, expected] of cases) {
  test(`request info: ${title}`, () => assert.deepEqual(parse(method, url), expected));
}

test('request info: broken percent-encoding is told apart', () => {
  assert.equal(parse('GET', '/api/v1/pods/%zz'), undefined);
});
