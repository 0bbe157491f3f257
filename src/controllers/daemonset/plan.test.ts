import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet } from '../../api/apps/v1/revisioned-workloads.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { PodSpec } from '../../api/core/v1/pod-spec.ts';
import { daemonPod, fitOf, nodeOf, planDaemonSet } from './plan.ts';

const daemonSet = (
  rollingUpdate: object | null = { maxUnavailable: 1, maxSurge: 0 },
  spec: Partial<PodSpec> = {},
): DaemonSet => ({
  metadata: { name: 'ds', namespace: 'shop', uid: 's', generation: 2 },
  spec: {
    selector: {},
    template: { metadata: { labels: { app: 'a' } }, spec: { containers: [], ...spec } },
    updateStrategy: rollingUpdate === null ? { type: 'OnDelete' } : { type: 'RollingUpdate', rollingUpdate },
  },
});

const node = (name: string, spec: Node['spec'] = {}, labels: Record<string, string> = {}): Node => ({
  metadata: { name, labels },
  spec,
});

let nPods = 0;
/** `a`: a ready Pod of the old template on node a; `a'`: a new one; `a!`: not ready; `ax`: stopping; `af`: failed. */
function podOn(text: string): Pod {
  const [, nodeName = '', marks = ''] = /^([a-z])(.*)$/.exec(text) ?? [];
  return {
    metadata: {
      name: `${text} ${nPods++}`,
      creationTimestamp: new Date(nPods * 1000).toISOString(),
      labels: { 'controller-revision-hash': marks.includes("'") ? 'new' : 'old' },
      ...(marks.includes('x') ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { nodeName, containers: [] },
    status: {
      phase: marks.includes('f') ? 'Failed' : 'Running',
      conditions: [{ type: 'Ready', status: /[!f]/.test(marks) ? 'False' : 'True' }],
    },
  };
}

interface Row {
  readonly pods: string;
  readonly update?: object | null;
  readonly creates?: string;
  readonly deletes?: string;
}

const twice = { maxUnavailable: 2, maxSurge: 0 };
const half = { maxUnavailable: '50%', maxSurge: 0 };
const surge = { maxUnavailable: 0, maxSurge: 1 };

/** The Pods on nodes a, b and c -> the nodes that get one, and the Pods that go. Each Pod of no mark is old. */
const rows: Readonly<Record<string, Row>> = {
  'each node gets one': { pods: '', creates: 'a b c' },
  'a node that has one gets no other': { pods: "a' c'", creates: 'b' },
  'a node whose Pod stops gets none yet': { pods: "a' bx c'" },
  'a failed one goes first': { pods: "a' b'f c'", deletes: "b'f" },
  'of two new ones the older stays': { pods: "a' a' b' c'", deletes: "a'" },
  'one on a node that is no more goes': { pods: "a' b' c' z'", deletes: "z'" },
  'an update takes one': { pods: 'a b c', deletes: 'a' },
  'an update takes two where it may': { pods: 'a b c', update: twice, deletes: 'a b' },
  'an update takes a share, rounded up': { pods: 'a b c', update: half, deletes: 'a b' },
  'an update waits for the one it took': { pods: "a'! b c" },
  'an update waits for a missing one': { pods: 'b c', creates: 'a' },
  'an update takes one that serves nobody as well': { pods: 'a! b c', update: twice, deletes: 'a! b' },
  'an update takes what serves nobody, whatever the limit': { pods: 'a! b! c', deletes: 'a! b!' },
  'an update by hand takes none': { pods: 'a b c', update: null },
  'an update with surge brings one': { pods: 'a b c', update: surge, creates: 'a' },
  'an update with surge waits for the new one': { pods: "a a'! b c", update: surge },
  'an update with surge takes the old one then': {
    pods: "a a' b c",
    update: surge,
    creates: 'b',
    deletes: 'a',
  },
  'an update with surge replaces at once what serves nobody': {
    pods: 'a! b c',
    update: surge,
    creates: 'a b',
  },
};

const planOf = (set: DaemonSet, pods: string, nodes: readonly Node[] = [node('a'), node('b'), node('c')]) =>
  planDaemonSet({
    daemonSet: set,
    pods: pods === '' ? [] : pods.split(' ').map(podOn),
    nodes,
    hash: 'new',
    nCollisions: 0,
    now: 0,
  });

describe('one step of a DaemonSet', () => {
  for (const [sentence, row] of Object.entries(rows)) {
    it(sentence, () => {
      const plan = planOf(daemonSet(row.update === undefined ? { maxUnavailable: 1 } : row.update), row.pods);
      assert.deepEqual(
        [plan.creates.join(' '), plan.deletes.map(({ metadata }) => metadata.name.split(' ')[0]).join(' ')],
        [row.creates ?? '', row.deletes ?? ''],
      );
    });
  }

  it('counts nodes, not Pods', () => {
    const busy = node('c', { taints: [{ key: 'busy', effect: 'NoSchedule' }] });
    const { status } = planOf(daemonSet(), "a' a b! c", [node('a'), node('b'), busy]);
    assert.deepEqual(
      [
        status.desiredNumberScheduled,
        status.currentNumberScheduled,
        status.numberMisscheduled,
        status.numberReady,
        status.updatedNumberScheduled,
        status.numberAvailable,
        status.numberUnavailable,
        status.observedGeneration,
      ],
      [2, 2, 1, 1, 1, 1, 1, 2],
    );
  });
});

const taint = (effect: string, key = 'busy'): Node => node('a', { taints: [{ key, effect }] });
const fits: Readonly<Record<string, readonly [Partial<PodSpec>, Node, should: boolean, may: boolean]>> = {
  'a plain node': [{}, node('a'), true, true],
  'another node than the named one': [{ nodeName: 'b' }, node('a'), false, false],
  'a node without the label': [{ nodeSelector: { disk: 'ssd' } }, node('a'), false, false],
  'a node with the label': [{ nodeSelector: { disk: 'ssd' } }, node('a', {}, { disk: 'ssd' }), true, true],
  'a node that takes no new Pods': [{}, taint('NoSchedule'), false, true],
  'a node that drives Pods away': [{}, taint('NoExecute'), false, false],
  'a node that would rather not': [{}, taint('PreferNoSchedule'), true, true],
  'a tolerated node': [{ tolerations: [{ operator: 'Exists' }] }, taint('NoExecute'), true, true],
  'a node that is not ready': [{}, taint('NoExecute', 'node.kubernetes.io/not-ready'), true, true],
  'a cordoned node': [{}, taint('NoSchedule', 'node.kubernetes.io/unschedulable'), true, true],
  'a node without network': [{}, taint('NoSchedule', 'node.kubernetes.io/network-unavailable'), false, true],
  'a node without network, whose own is enough': [
    { hostNetwork: true },
    taint('NoSchedule', 'node.kubernetes.io/network-unavailable'),
    true,
    true,
  ],
};

describe('does a daemon fit on', () => {
  for (const [sentence, [spec, where, should, may]] of Object.entries(fits)) {
    it(sentence, () => assert.deepEqual(fitOf(daemonSet(undefined, spec), where), { should, may }));
  }
});

it('a daemon has its node in its affinity, and what it was told to prefer', () => {
  const preferredDuringSchedulingIgnoredDuringExecution = [{ weight: 1, preference: {} }];
  const requiredDuringSchedulingIgnoredDuringExecution = {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
  };
  const nodeAffinity = {
    preferredDuringSchedulingIgnoredDuringExecution,
    requiredDuringSchedulingIgnoredDuringExecution,
  };
  const pod = daemonPod(daemonSet(undefined, { affinity: { nodeAffinity } }), 'a', 'h');
  assert.deepEqual(pod.spec.affinity?.nodeAffinity, {
    preferredDuringSchedulingIgnoredDuringExecution,
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }],
    },
  });
  assert.deepEqual([nodeOf(pod), pod.metadata.labels], ['a', { app: 'a', 'controller-revision-hash': 'h' }]);
});
