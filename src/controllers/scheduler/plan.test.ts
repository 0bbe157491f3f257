import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../api/core/v1/node.ts';
import type { PodSpec } from '../../api/core/v1/pod-spec.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { planBinding } from './plan.ts';

const node = (
  name: string,
  spec: Node['spec'] = {},
  facts: { labels?: Record<string, string>; isReady?: boolean; pods?: string } = {},
): Node => ({
  metadata: { name, labels: facts.labels },
  spec,
  status: {
    conditions: [{ type: 'Ready', status: facts.isReady === false ? 'False' : 'True' }],
    ...(facts.pods === undefined ? {} : { allocatable: { pods: facts.pods } }),
  },
});

const pod = (name: string, spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod => ({
  metadata: { name, namespace: 'shop', ...metadata },
  spec: { containers: [], ...spec },
});

const owned = (name: string, uid: string, nodeName?: string): Pod =>
  pod(
    name,
    { nodeName },
    { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid, controller: true }] },
  );

const bind = (one: Pod, nodes: readonly Node[], bound: readonly Pod[] = []) =>
  planBinding({ pod: one, nodes, podsOn: (name) => bound.filter(({ spec }) => spec.nodeName === name) });

describe('a Pod goes to', () => {
  const three = [node('n1'), node('n2'), node('n3')];
  const cases: [sentence: string, one: Pod, nodes: Node[], bound: Pod[], expected: string][] = [
    ['the first node by name when all are equal', pod('p'), [node('n2'), node('n1')], [], 'n1'],
    [
      'the node with the fewest Pods',
      pod('p'),
      three,
      [pod('a', { nodeName: 'n1' }), pod('b', { nodeName: 'n3' })],
      'n2',
    ],
    [
      'the node with the fewest of its owner, even if that has more Pods',
      owned('p', 'x'),
      three,
      [
        owned('a', 'x', 'n1'),
        owned('b', 'x', 'n2'),
        pod('c', { nodeName: 'n3' }),
        pod('d', { nodeName: 'n3' }),
      ],
      'n3',
    ],
    [
      'the node with the fewest Pods of its labels when it has no owner',
      pod('p', {}, { labels: { a: 'b' } }),
      [node('n1'), node('n2')],
      [
        pod('a', { nodeName: 'n1' }, { labels: { a: 'b' } }),
        pod('b', { nodeName: 'n2' }),
        pod('c', { nodeName: 'n2' }),
      ],
      'n2',
    ],
    [
      'a node without a taint that is only a wish',
      pod('p'),
      [node('n1', { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] }), node('n2')],
      [],
      'n2',
    ],
    [
      'such a node when there is no other',
      pod('p'),
      [node('n1', { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] })],
      [],
      'n1',
    ],
    [
      'a node it selects',
      pod('p', { nodeSelector: { disk: 'ssd' } }),
      [node('n1'), node('n2', {}, { labels: { disk: 'ssd' } })],
      [],
      'n2',
    ],
    [
      'a node whose taint it tolerates',
      pod('p', { tolerations: [{ key: 'k', operator: 'Exists' }] }),
      [node('n1', { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] })],
      [],
      'n1',
    ],
    [
      'an unschedulable node when it tolerates that',
      pod('p', { tolerations: [{ operator: 'Exists' }] }),
      [node('n1', { unschedulable: true })],
      [],
      'n1',
    ],
    [
      'a node whose host port is free',
      pod('p', { containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort: 80 }] }] }),
      [node('n1'), node('n2')],
      [
        pod('a', {
          nodeName: 'n1',
          containers: [{ name: 'c', ports: [{ containerPort: 2, hostPort: 80 }] }],
        }),
        pod('b', { nodeName: 'n2' }),
        pod('c', { nodeName: 'n2' }),
      ],
      'n2',
    ],
    [
      'a node where the port is taken for another protocol',
      pod('p', { containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort: 80, protocol: 'UDP' }] }] }),
      [node('n1')],
      [
        pod('a', {
          nodeName: 'n1',
          containers: [{ name: 'c', ports: [{ containerPort: 2, hostPort: 80 }] }],
        }),
      ],
      'n1',
    ],
    [
      'a node where the port is taken on another address',
      pod('p', {
        containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort: 80, hostIP: '127.0.0.1' }] }],
      }),
      [node('n1')],
      [
        pod('a', {
          nodeName: 'n1',
          containers: [{ name: 'c', ports: [{ containerPort: 2, hostPort: 80, hostIP: '10.0.0.1' }] }],
        }),
      ],
      'n1',
    ],
  ];
  for (const [sentence, one, nodes, bound, expected] of cases) {
    it(sentence, () => assert.deepEqual(bind(one, nodes, bound), { node: expected }));
  }
});

describe('required node affinity', () => {
  const labels = { zone: 'a', cpus: '8' };
  const cases: [operator: string, values: string[], expected: boolean][] = [
    ['In', ['a', 'b'], true],
    ['In', ['b'], false],
    ['NotIn', ['b'], true],
    ['NotIn', ['a'], false],
    ['Exists', [], true],
    ['DoesNotExist', [], false],
    ['Sounds', [], false],
  ];
  const affinity = (terms: { key: string; operator: string; values?: string[] }[][]): Partial<PodSpec> => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })),
        },
      },
    },
  });
  const fits = (spec: Partial<PodSpec>): boolean =>
    bind(pod('p', spec), [node('n1', {}, { labels })]).node !== undefined;
  for (const [operator, values, expected] of cases) {
    it(`zone ${operator} ${values.join()}`, () =>
      assert.equal(fits(affinity([[{ key: 'zone', operator, values }]])), expected));
  }
  it('compares numbers', () => {
    assert.ok(fits(affinity([[{ key: 'cpus', operator: 'Gt', values: ['4'] }]])));
    assert.ok(!fits(affinity([[{ key: 'cpus', operator: 'Lt', values: ['4'] }]])));
  });
  it('needs one of its terms, and all of a term', () => {
    const [yes, no] = [
      { key: 'zone', operator: 'Exists' },
      { key: 'zone', operator: 'DoesNotExist' },
    ];
    assert.ok(fits(affinity([[no], [yes]])));
    assert.ok(!fits(affinity([[yes, no]])));
    assert.ok(!fits(affinity([[]])));
  });
  it('may name the node itself', () => {
    const byName = (name: string): Partial<PodSpec> => ({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }],
          },
        },
      },
    });
    assert.ok(fits(byName('n1')));
    assert.ok(!fits(byName('n2')));
  });
});

it('a Pod that fits nowhere is told how many nodes refuse it and why', () => {
  const nodes = [
    node('n1', { unschedulable: true }),
    node('n2', { taints: [{ key: 'k', value: 'v', effect: 'NoExecute' }] }),
    node('n3', {}, { isReady: false }),
    node('n4'),
    node('n5'),
    node('n6', {}, { labels: { a: 'b' }, pods: '1' }),
  ];
  const picky = pod('p', { nodeSelector: { a: 'b' } });
  assert.deepEqual(bind(picky, nodes, [pod('full', { nodeName: 'n6' })]), {
    node: undefined,
    message:
      "0/6 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint {k: v}, 1 node(s) were not ready, 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.",
  });
  assert.deepEqual(bind(picky, []), { node: undefined, message: 'no nodes available to schedule pods' });
});
