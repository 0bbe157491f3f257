import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Status } from '../api/meta/v1/status.ts';
import { bindingTo, bindingsPath, ns, startAccessServer, tokenPath } from './fixtures/access-server.ts';
import type { AccessServer } from './fixtures/access-server.ts';
import { jsonOf, postJson } from './fixtures/running-server.ts';
import type { Ask } from './fixtures/running-server.ts';

let server: AccessServer;
before(async () => (server = await startAccessServer()));
after(() => server.stop());
const as: AccessServer['as'] = (name, path, ask) => server.as(name, path, ask);
const make: AccessServer['make'] = (path, body) => server.make(path, body);

describe('a node', () => {
  const node = 'node';
  before(async () => {
    await make('/api/v1/nodes', { metadata: { name: 'node-2' } });
    await make(ns('secrets'), { metadata: { name: 'used' } });
    await make(ns('secrets'), { metadata: { name: 'unused' } });
    await make(ns('secrets'), { metadata: { name: 'mirrored' } });
    const made = await as(node, '/api/v1/nodes', postJson({ metadata: { name: 'node-1' } }));
    assert.equal(made.status, 201, made.bytes.toString());
    const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'used', key: 'a' } } }];
    await make(ns('pods'), {
      metadata: { name: 'mine' },
      spec: { nodeName: 'node-1', serviceAccountName: 'robot', containers: [{ name: 'c', image: 'i', env }] },
    });
    await make(ns('pods'), {
      metadata: { name: 'mirror', annotations: { 'kubernetes.io/config.mirror': 'x' } },
      spec: {
        nodeName: 'node-1',
        imagePullSecrets: [{ name: 'mirrored' }],
        containers: [{ name: 'c', image: 'i' }],
      },
    });
    await make(ns('pods'), {
      metadata: { name: 'theirs' },
      spec: { nodeName: 'node-2', containers: [{ name: 'c', image: 'i' }] },
    });
  });
  const nodePods = (name: string) => `/api/v1/pods?fieldSelector=spec.nodeName%3D${name}`;
  const status = {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: '{"status":{"phase":"Running"}}',
  };
  const rows: Readonly<Record<string, readonly [path: string, ask: Ask, expected: number | RegExp]>> = {
    'reads its own Node': ['/api/v1/nodes/node-1', {}, 200],
    'lists nodes, for its service proxy': ['/api/v1/nodes', {}, 200],
    'makes no other Node': [
      '/api/v1/nodes',
      postJson({ metadata: { name: 'node-3' } }),
      /node "node-1" is not allowed to modify node "node-3"/,
    ],
    'changes no other Node': [
      '/api/v1/nodes/node-2/status',
      status,
      /node "node-1" is not allowed to modify node "node-2"/,
    ],
    'gives itself no label that steers': [
      '/api/v1/nodes/node-1',
      { ...status, body: '{"metadata":{"labels":{"node-role.kubernetes.io/x":""}}}' },
      /is not allowed to modify labels: node-role.kubernetes.io\/x/,
    ],
    'gives itself no taint': [
      '/api/v1/nodes/node-1',
      { ...status, body: '{"spec":{"taints":[{"key":"a","effect":"NoSchedule"}]}}' },
      /node "node-1" is not allowed to modify taints/,
    ],
    'gives itself no owner': [
      '/api/v1/nodes/node-1',
      {
        ...status,
        body: '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"x","uid":"x"}]}}',
      },
      /node "node-1" is not allowed to modify ownerReferences/,
    ],
    'reads no Secret of a Pod that it says it runs itself': [
      ns('secrets/mirrored'),
      {},
      /no relationship found between node 'node-1' and this object/,
    ],
    'lists its own Pods': [nodePods('node-1'), {}, 200],
    'lists no Pods of others': [
      nodePods('node-2'),
      {},
      /can only list\/watch pods with spec.nodeName field selector/,
    ],
    'reads the Secret of its Pod': [ns('secrets/used'), {}, 200],
    'reads no other Secret': [
      ns('secrets/unused'),
      {},
      /no relationship found between node 'node-1' and this object/,
    ],
    'lists no Secrets': [ns('secrets'), {}, /No Object name found/],
    'writes the status of its Pod': [ns('pods/mine/status'), status, 200],
    'writes no status of others': [
      ns('pods/theirs/status'),
      status,
      /node "node-1" can only update pod status for pods with spec.nodeName set to itself/,
    ],
    'deletes no Pod of others': [
      ns('pods/theirs'),
      { method: 'DELETE' },
      /node "node-1" can only delete pods with spec.nodeName set to itself/,
    ],
    'evicts no Pod of others': [
      ns('pods/theirs/eviction'),
      postJson({ metadata: { name: 'theirs' } }),
      /node node-1 can only evict pods with spec.nodeName set to itself/,
    ],
    'evicts its own': [
      ns('pods/mine/eviction'),
      postJson({ metadata: { name: 'mine' }, deleteOptions: { dryRun: ['All'] } }),
      201,
    ],
    'makes no Pod': [
      ns('pods'),
      postJson({ metadata: { name: 'made' }, spec: { containers: [{ name: 'c', image: 'i' }] } }),
      /can only create mirror pods|not contain/,
    ],
    'keeps its lease': [
      '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
      postJson({ metadata: { name: 'node-1' }, spec: {} }),
      201,
    ],
    'keeps no other lease': [
      '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
      postJson({ metadata: { name: 'node-2' }, spec: {} }),
      /can only access node lease with the same name as the requesting node/,
    ],
    'keeps no lease elsewhere': [
      '/apis/coordination.k8s.io/v1/namespaces/default/leases',
      postJson({ metadata: { name: 'node-1' }, spec: {} }),
      /can only access leases in the "kube-node-lease" system namespace/,
    ],
    'gets no token without a Pod': [
      tokenPath,
      postJson({ spec: {} }),
      /node requested token not bound to a pod/,
    ],
    'gets no token of an account that is not here': [
      ns('serviceaccounts/default/token'),
      postJson({ spec: {} }),
      /no relationship found/,
    ],
    'grants nothing': [bindingsPath, postJson(bindingTo('view')), 403],
  };
  for (const [title, [path, ask, expected]] of Object.entries(rows)) {
    it(title, async () => {
      const answer = await as(node, path, ask);
      const text = answer.bytes.toString();
      if (typeof expected === 'number') assert.equal(answer.status, expected, text);
      else
        assert.deepEqual(
          [answer.status, expected.test(jsonOf<Status>(answer).message ?? '')],
          [403, true],
          text,
        );
    });
  }

  it('gets a token for a Pod that it runs', async () => {
    const { metadata } = jsonOf<{ metadata: { uid: string } }>(await as(node, ns('pods/mine')));
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'mine', uid: metadata.uid };
    const answer = await as(node, tokenPath, postJson({ spec: { boundObjectRef, expirationSeconds: 3607 } }));
    assert.equal(answer.status, 201, answer.bytes.toString());
  });
});
