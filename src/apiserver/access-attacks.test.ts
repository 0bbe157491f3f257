import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  bindingTo,
  bindingsPath,
  clusterRole,
  ns,
  rbac,
  startAccessServer,
  tokenPath,
  user,
} from './fixtures/access-server.ts';
import type { AccessServer } from './fixtures/access-server.ts';
import { postJson } from './fixtures/running-server.ts';
import type { Ask } from './fixtures/running-server.ts';

let server: AccessServer;
before(async () => {
  server = await startAccessServer();
  const every = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
  await server.make(ns('secrets'), { metadata: { name: 'target' }, stringData: { key: 'SECRET-VALUE' } });
  await server.make(`${rbac}/namespaces/default/roles`, { metadata: { name: 'view' }, rules: [every] });
  await server.make(`${rbac}/clusterroles`, {
    metadata: { name: 'role-writer' },
    rules: [
      {
        verbs: ['create', 'update', 'patch'],
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['clusterroles', 'clusterrolebindings'],
      },
    ],
  });
  await server.make(`${rbac}/clusterrolebindings`, {
    metadata: { name: 'writer' },
    roleRef: clusterRole('role-writer'),
    subjects: [user('binder')],
  });
  await server.make(ns('pods'), {
    metadata: { name: 'p' },
    spec: { nodeName: 'node-9', containers: [{ name: 'c', image: 'i' }] },
  });
  await server.make(ns('services'), { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } });
});
after(() => server.stop());

const rolesPath = `${rbac}/namespaces/default/roles`;
const system = (plural: string): string => `/api/v1/namespaces/kube-system/${plural}`;
const every = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
const patch = (body: unknown, type = 'merge-patch+json'): Ask => ({
  method: 'PATCH',
  headers: { 'content-type': `application/${type}` },
  body: JSON.stringify(body),
});
const put = (body: unknown): Ask => ({ ...postJson(body), method: 'PUT' });
const wide = { rules: [every] };
const own = { metadata: { name: 'x' } };

/** Who tries what, and with which codes it may fail. None of the answers may hold the Secret. */
type Attack = readonly [who: string, path: string, ask: Ask, codes: readonly number[]];
const attacks: Readonly<Record<string, Attack>> = {
  'dots in a path': ['vic', `${ns('pods')}/../secrets`, {}, [403, 404]],
  'dots that are encoded': ['vic', `${ns('pods')}/%2e%2e/secrets`, {}, [400, 403, 404]],
  'slashes that are encoded': ['vic', `/api/v1/namespaces/default%2Fsecrets/target`, {}, [400, 403, 404]],
  'slashes that are doubled': ['vic', '/api/v1//namespaces/default/secrets', {}, [403, 404]],
  'a path in capitals': ['vic', '/API/V1/namespaces/default/secrets', {}, [403, 404]],
  'the older path of watches': ['vic', '/api/v1/watch/namespaces/default/secrets', {}, [403, 404]],
  'a watch of one': ['vic', `${ns('secrets')}?watch=1&fieldSelector=metadata.name%3Dtarget`, {}, [403]],
  'all namespaces, of which one is selected': [
    'vic',
    '/api/v1/secrets?fieldSelector=metadata.namespace%3Ddefault',
    {},
    [403],
  ],
  'only the metadata': [
    'vic',
    ns('secrets'),
    { headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' } },
    [403],
  ],
  'a table': [
    'vic',
    ns('secrets/target'),
    { headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } },
    [403],
  ],
  'HEAD instead of GET': ['vic', ns('secrets/target'), { method: 'HEAD' }, [403]],
  'a method by way of a header': [
    'vic',
    ns('secrets'),
    { ...postJson(own), headers: { 'x-http-method-override': 'GET', 'content-type': 'application/json' } },
    [403],
  ],
  'the headers of a proxy before the API': [
    'vic',
    ns('secrets'),
    { headers: { 'x-remote-user': 'root', 'x-remote-group': 'system:masters' } },
    [403],
  ],
  'an apply that would create': [
    'vic',
    `${ns('configmaps')}/new?fieldManager=m`,
    patch({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new' } }, 'apply-patch+yaml'),
    [403],
  ],
  'a dry run': ['vic', `${ns('configmaps')}?dryRun=All`, postJson(own), [403]],
  'a deletion of many': ['vic', ns('pods'), { method: 'DELETE' }, [403]],
  'a group beside somebody': [
    'helper',
    ns('secrets'),
    { headers: { 'impersonate-user': 'vic', 'impersonate-group': 'system:masters' } },
    [403],
  ],
  'a UID beside somebody': [
    'helper',
    ns('pods'),
    { headers: { 'impersonate-user': 'vic', 'impersonate-uid': '7' } },
    [403],
  ],
  'a group without somebody': [
    'helper',
    ns('secrets'),
    { headers: { 'impersonate-group': 'system:masters' } },
    [400, 403],
  ],
  'an account of another namespace': [
    'ed',
    system('pods'),
    { headers: { 'impersonate-user': 'system:serviceaccount:kube-system:replicaset-controller' } },
    [403],
  ],
  'a node in disguise': [
    'ed',
    ns('secrets'),
    { headers: { 'impersonate-user': 'system:node:node-9' } },
    [403],
  ],
  'a token of an account elsewhere': [
    'ed',
    system('serviceaccounts/replicaset-controller/token'),
    postJson({ spec: {} }),
    [403],
  ],
  'a token by a reader': ['vic', tokenPath, postJson({ spec: {} }), [403]],
  'a token Secret elsewhere': [
    'ed',
    system('secrets'),
    postJson({
      metadata: { name: 't', annotations: { 'kubernetes.io/service-account.name': 'replicaset-controller' } },
      type: 'kubernetes.io/service-account-token',
    }),
    [403],
  ],
  'a review of a token': [
    'ed',
    '/apis/authentication.k8s.io/v1/tokenreviews',
    postJson({ spec: { token: 'x' } }),
    [403],
  ],
  'a review of somebody else': [
    'ed',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    postJson({ spec: { user: 'root', resourceAttributes: { verb: 'get', resource: 'pods' } } }),
    [403],
  ],
  'exec by a reader': ['vic', `${ns('pods/p/exec')}?command=id`, { method: 'POST' }, [403]],
  'exec by GET': ['vic', `${ns('pods/p/exec')}?command=id`, {}, [403]],
  attach: ['vic', ns('pods/p/attach'), { method: 'POST' }, [403]],
  'a forwarded port': ['vic', ns('pods/p/portforward'), {}, [403]],
  'the proxy of a Pod': ['vic', `${ns('pods/p/proxy')}/`, {}, [403]],
  'the proxy of a Service': ['vic', `${ns('services/s:80/proxy')}/`, {}, [403]],
  'the proxy of a node': ['ed', '/api/v1/nodes/node-9/proxy/runningpods/', {}, [403]],
  'the metrics of a node': ['ed', '/api/v1/nodes/node-9:10250/proxy/metrics', {}, [403]],
  'a binding of a Pod': ['ed', ns('pods/p/binding'), postJson({ ...own, target: { name: 'n' } }), [403]],
  'the status of a Pod': ['ed', ns('pods/p/status'), patch({ status: { podIP: '10.0.0.1' } }), [403]],
  'the status of a Service': ['ed', ns('services/s/status'), patch({ status: {} }), [403]],
  'the end of a namespace': ['ed', '/api/v1/namespaces/default/finalize', put(own), [403]],
  'a namespace': ['adam', '/api/v1/namespaces/default', { method: 'DELETE' }, [403]],
  'a limit of oneself': ['ed', ns('limitranges'), postJson({ ...own, spec: { limits: [] } }), [403]],
  'endpoints of somebody else': [
    'ed',
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
    postJson({ ...own, addressType: 'IPv4', endpoints: [] }),
    [403],
  ],
  'a wider role by PUT': ['jane', `${rolesPath}/mine`, put({ metadata: { name: 'mine' }, ...wide }), [403]],
  'a wider role by merge patch': ['jane', `${rolesPath}/mine`, patch(wide), [403]],
  'a wider role by JSON patch': [
    'jane',
    `${rolesPath}/mine`,
    patch([{ op: 'add', path: '/rules/-', value: every }], 'json-patch+json'),
    [403],
  ],
  'a wider role by strategic merge patch': [
    'jane',
    `${rolesPath}/mine`,
    patch(wide, 'strategic-merge-patch+json'),
    [403],
  ],
  'a wider role by apply': [
    'jane',
    `${rolesPath}/mine?fieldManager=j&force=true`,
    patch(
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'mine' }, ...wide },
      'apply-patch+yaml',
    ),
    [403],
  ],
  'a verb of another case': [
    'jane',
    rolesPath,
    postJson({ ...own, rules: [{ verbs: ['GET'], apiGroups: [''], resources: ['pods'] }] }),
    [403],
  ],
  'a subresource of what one holds': [
    'jane',
    rolesPath,
    postJson({ ...own, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods/*'] }] }),
    [403],
  ],
  'all groups of what one holds': [
    'jane',
    rolesPath,
    postJson({ ...own, rules: [{ verbs: ['get'], apiGroups: ['*'], resources: ['pods'] }] }),
    [403],
  ],
  'a subject more in a binding': [
    'jane',
    `${bindingsPath}/adam`,
    patch(
      [
        {
          op: 'add',
          path: '/subjects/-',
          value: { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' },
        },
      ],
      'json-patch+json',
    ),
    [403],
  ],
  'another role in a binding': [
    'jane',
    `${bindingsPath}/jane`,
    patch({ roleRef: { name: 'cluster-admin' } }),
    [403, 422],
  ],
  'a role by the name of one that may be bound': [
    'binder',
    bindingsPath,
    postJson({ ...bindingTo('view'), roleRef: { kind: 'Role', name: 'view' } }),
    [403],
  ],
  'rights in all namespaces by who holds them in one': [
    'escalator',
    `${rbac}/clusterroles`,
    postJson({ ...own, ...wide }),
    [403],
  ],
  'a role that gathers others': [
    'binder',
    `${rbac}/clusterroles`,
    postJson({ ...own, rules: [], aggregationRule: { clusterRoleSelectors: [{ matchLabels: {} }] } }),
    [403],
  ],
  'a role that others gather': [
    'binder',
    `${rbac}/clusterroles`,
    postJson({
      metadata: { name: 'x', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
      ...wide,
    }),
    [403],
  ],
  'a label that makes a role be gathered': [
    'binder',
    `${rbac}/clusterroles/cluster-admin`,
    patch({ metadata: { labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } } }),
    [403],
  ],
  'cluster-admin for all': [
    'binder',
    `${rbac}/clusterrolebindings`,
    postJson({ ...own, roleRef: clusterRole('cluster-admin'), subjects: [user('binder')] }),
    [403],
  ],
  'a subject more in the binding of cluster-admin': [
    'binder',
    `${rbac}/clusterrolebindings/cluster-admin`,
    patch({ subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'binder' }] }),
    [403],
  ],
};

describe('what an attacker tries', () => {
  before(async () => {
    const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }];
    const made = await server.as('jane', rolesPath, postJson({ metadata: { name: 'mine' }, rules }));
    assert.equal(made.status, 201, made.bytes.toString());
  });
  for (const [title, [who, path, ask, codes]] of Object.entries(attacks)) {
    it(`in vain: ${title}`, async () => {
      const answer = await server.as(who, path, ask);
      const text = answer.bytes.toString();
      assert.ok(codes.includes(answer.status), `${answer.status} ${text}`);
      assert.doesNotMatch(text, /SECRET-VALUE|U0VDUkVULVZBTFVF/);
    });
  }

  const shown: Readonly<Record<string, readonly [path: string, headers: Record<string, string>]>> = {
    'a token in the query': [`${ns('secrets')}?access_token=token-of-root`, {}],
    'a user without a password': [ns('secrets'), { authorization: 'Basic cm9vdDo=' }],
    'a token and more': [ns('secrets'), { authorization: 'Bearer token-of-root x' }],
    'a token that only begins right': [ns('secrets'), { authorization: 'Bearer token-of-roo' }],
    'two tokens': [ns('secrets'), { authorization: 'Bearer x, Bearer token-of-root' }],
    'only somebody to be taken for': [ns('secrets'), { 'impersonate-user': 'root' }],
    'only the headers of a proxy': [
      ns('secrets'),
      { 'x-remote-user': 'root', 'x-remote-group': 'system:masters' },
    ],
    'a token where no WebSocket is opened': [
      ns('secrets'),
      { 'sec-websocket-protocol': `base64url.bearer.authorization.k8s.io.${btoa('token-of-root')}, x` },
    ],
  };
  for (const [title, [path, headers]] of Object.entries(shown)) {
    it(`nobody is known by ${title}`, async () => {
      assert.equal((await server.nobody(path, { headers })).status, 401);
    });
  }
});
