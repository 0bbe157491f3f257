import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl } from './kubectl-cases.ts';

/** Pods that stay until they are told to go, and then go at once. */
const sleepers = (replicas: number): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'host', command: ['sleep', '600'] }],
      },
    },
  },
});

/** How many of the Pods run on each node, once `count` do. */
const spread = (kubectl: Kubectl, count: number): Promise<readonly [number, number]> =>
  eventually(`${count} running Pods`, async () => {
    const running = '--field-selector=status.phase=Running';
    const text = await kubectl.ok(`get pods -l app=web ${running} -o 'jsonpath={.items[*].spec.nodeName}'`);
    const nodes = text.split(' ');
    if (nodes.length !== count) return undefined;
    return [nodes.filter((n) => n === 'node-1').length, nodes.filter((n) => n === 'node-2').length] as const;
  });

const isReady = (kubectl: Kubectl): Promise<string> =>
  kubectl.ok('wait --for=condition=Ready node/node-1 node/node-2 --timeout=25s');

kubectlCases(
  'kubectl and nodes',
  {
    'get and describe, with what a node has and who is on it': async (kubectl) => {
      await isReady(kubectl);
      const rows = (await kubectl.ok('get nodes -o wide --no-headers')).split('\n');
      assert.deepEqual(
        rows.map((row) => row.split(/\s+/)).map((cells) => [cells[0], cells[5]]),
        [
          ['node-1', '172.18.0.2'],
          ['node-2', '172.18.0.3'],
        ],
      );
      const text = await kubectl.ok('describe node node-2');
      assert.match(text, /^PodCIDR: +10\.244\.1\.0\/24$/m);
      assert.match(text, /InternalIP: +172\.18\.0\.3\n/);
      assert.match(text, /Ready +True .*KubeletReady/);
      assert.match(text, /HolderIdentity: +node-2\n/);
      await kubectl.ok('get lease node-2 -n kube-node-lease');
    },
    'Pods are spread; cordon, taint and drain say where they may be': async (kubectl) => {
      await isReady(kubectl);
      await kubectl.ok('create -f -', sleepers(4));
      assert.deepEqual(await spread(kubectl, 4), [2, 2]);
      assert.equal(await kubectl.ok('cordon node-2'), 'node/node-2 cordoned');
      assert.match(await kubectl.ok('get node node-2'), / Ready,SchedulingDisabled /);
      await kubectl.ok('scale deployment web --replicas=6');
      assert.deepEqual(await spread(kubectl, 6), [4, 2]);
      assert.match(await kubectl.ok('drain node-2 --timeout=25s'), /evicting pod|node\/node-2 drained/);
      assert.deepEqual(await spread(kubectl, 6), [6, 0]);
      await kubectl.ok('uncordon node-2');
      await kubectl.ok('taint node node-1 example.com/only=us:NoSchedule');
      await kubectl.ok('scale deployment web --replicas=8');
      assert.deepEqual(await spread(kubectl, 8), [6, 2]);
      await kubectl.ok('taint node node-1 example.com/only:NoSchedule-');
      await kubectl.ok('delete deployment web --cascade=foreground --timeout=25s');
    },
    'a Pod that fits nowhere waits, and an event says why': async (kubectl) => {
      const spec = {
        nodeSelector: { disk: 'ssd' },
        containers: [{ name: 'main', image: 'host', command: ['sleep', '600'] }],
        terminationGracePeriodSeconds: 0,
      };
      await isReady(kubectl);
      await kubectl.ok('create -f -', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
      await eventually('the reason', async () =>
        /Warning +FailedScheduling .*0\/2 nodes are available: 2 node\(s\) didn't match Pod's node affinity\/selector/.test(
          await kubectl.ok('describe pod p'),
        )
          ? true
          : undefined,
      );
      await kubectl.ok('label node node-2 disk=ssd');
      await kubectl.ok('wait --for=condition=Ready pod/p --timeout=25s');
      assert.equal(await kubectl.ok('get pod p -o jsonpath={.spec.nodeName}'), 'node-2');
      await kubectl.ok('label node node-2 disk-');
    },
  },
  // One after the other: they share the nodes.
  { nodes: 2, concurrency: 1 },
);
