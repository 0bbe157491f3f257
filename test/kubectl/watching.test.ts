import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl } from './kubectl-cases.ts';
import { configMap, pod, service } from './manifests.ts';
import { watchWhile } from './watch.ts';

interface WatchEvent {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
    readonly code?: number;
  };
}

/** The events of a watch that the server ends after a second. */
async function watchFor(kubectl: Kubectl, query: string): Promise<readonly WatchEvent[]> {
  const path = `/api/v1/namespaces/${kubectl.namespace}/configmaps?watch=1&timeoutSeconds=1&${query}`;
  const text = await kubectl.ok(`get --raw ${path}`);
  const events = text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as WatchEvent);
  // Every namespace gets the root certificate, sooner or later.
  return events.filter(({ object }) => object.metadata.name !== 'kube-root-ca.crt');
}
const told = (events: readonly WatchEvent[]): readonly string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata.name}`);

/** The revision of the list of ConfigMaps. */
async function revision(kubectl: Kubectl): Promise<string> {
  const text = await kubectl.ok(`get --raw /api/v1/namespaces/${kubectl.namespace}/configmaps`);
  return (JSON.parse(text) as WatchEvent['object']).metadata.resourceVersion;
}

kubectlCases('kubectl get -w, wait and watches', {
  'a watch shows what is there, and then every change': async (kubectl) => {
    await kubectl.ok('create -f -', service('a'));
    const rows = await watchWhile(kubectl, 'services -w', {
      meanwhile: async () => {
        await kubectl.ok('create service clusterip b --tcp=81');
        await kubectl.ok('patch service b --type=merge -p {"spec":{"ports":[{"port":82}]}}');
        await kubectl.ok('delete service b');
      },
      isEnough: (lines) => lines.length === 5,
    });
    const namesAndPorts = rows.map((row) => row.split(' ')).map(([name, , , , ports]) => `${name} ${ports}`);
    assert.deepEqual(namesAndPorts, ['NAME PORT(S)', 'a 80/TCP', 'b 81/TCP', 'b 82/TCP', 'b 82/TCP']);
  },
  'a watch of one object, without what was there': async (kubectl) => {
    await kubectl.ok('create -f -', [configMap('a'), configMap('b')]);
    const print = '-o jsonpath={.metadata.name}={.data.a};';
    const lines = await watchWhile(kubectl, `configmap a --watch-only ${print}`, {
      meanwhile: async () => {
        await kubectl.ok('patch configmap b -p {"data":{"a":"2"}}');
        await kubectl.ok('patch configmap a -p {"data":{"a":"3"}}');
      },
      isEnough: (found) => found.includes('a=3'),
    });
    assert.deepEqual(lines, ['a=3']);
  },
  'a watch with events and a selector tells what enters and what leaves': async (kubectl) => {
    await kubectl.ok('create -f -', configMap('a', {}, { labels: { in: 'no' } }));
    const line = 'configmaps -l in=yes --watch --output-watch-events --no-headers';
    const lines = await watchWhile(kubectl, line, {
      meanwhile: async () => {
        await kubectl.ok('label configmap a in=yes --overwrite');
        await kubectl.ok('label configmap a in=no --overwrite');
      },
      isEnough: (found) => found.length === 2,
    });
    assert.deepEqual(
      lines.map((row) => row.split(' ').slice(0, 2).join(' ')),
      ['ADDED a', 'DELETED a'],
    );
  },
  'a watch resumes at the revision where another ended': async (kubectl) => {
    await kubectl.ok('create -f -', configMap('before'));
    const start = await revision(kubectl);
    await kubectl.ok('create -f -', configMap('a'));
    await kubectl.ok('patch configmap a -p {"data":{"a":"2"}}');
    await kubectl.ok('delete configmap a');
    const all = await watchFor(kubectl, `resourceVersion=${start}`);
    assert.deepEqual(told(all), ['ADDED a', 'MODIFIED a', 'DELETED a']);
    const resumed = await watchFor(kubectl, `resourceVersion=${all[0]?.object.metadata.resourceVersion}`);
    assert.deepEqual(told(resumed), ['MODIFIED a', 'DELETED a']);
    const last = await watchFor(kubectl, `resourceVersion=${all[2]?.object.metadata.resourceVersion}`);
    assert.deepEqual(told(last), []);
  },
  'a watch begins with what is there when it has no revision, and marks the end of it when asked': async (
    kubectl,
  ) => {
    await kubectl.ok('create -f -', [configMap('a'), configMap('b')]);
    assert.deepEqual(told(await watchFor(kubectl, '')), ['ADDED a', 'ADDED b']);
    const initial = 'sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
    const events = await watchFor(kubectl, initial);
    assert.deepEqual(events.map(({ type }) => type).slice(0, 3), ['ADDED', 'ADDED', 'BOOKMARK']);
    assert.match(JSON.stringify(events[2]), /"k8s\.io\/initial-events-end":"true"/);
  },
  'wait for a condition, a value, a creation and an end': async (kubectl) => {
    await kubectl.ok('create -f -', [pod('p'), service('s', { clusterIP: '10.96.40.1' })]);
    assert.equal(
      await kubectl.ok('wait --for=jsonpath={.spec.clusterIP}=10.96.40.1 service/s --timeout=5s'),
      'service/s condition met',
    );
    const created = kubectl.ok('wait --for=create configmap/c --timeout=20s');
    await kubectl.ok('create -f -', configMap('c'));
    assert.equal(await created, 'configmap/c condition met');
    const changing = kubectl.ok('wait --for=jsonpath={.data.a}=2 configmap/c --timeout=20s');
    await kubectl.ok('patch configmap c -p {"data":{"a":"2"}}');
    await changing;
    assert.match(
      await kubectl.refuses('wait --for=condition=Ready pod/p --timeout=300ms'),
      /timed out waiting for the condition on pods\/p/,
    );
    const ready = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}';
    const becoming = kubectl.ok('wait --for=condition=Ready pod/p --timeout=20s');
    await kubectl.ok(`patch pod p --subresource=status -p ${ready}`);
    assert.equal(await becoming, 'pod/p condition met');
    const ending = kubectl.ok('wait --for=delete configmap/c --timeout=20s');
    await kubectl.ok('delete configmap c');
    await ending;
  },
  'endpoints can be watched: every change of a Service is seen': async (kubectl) => {
    // A Pod of a node that is not there is no endpoint.
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'nowhere' } };
    await kubectl.ok('create -f -', [node, service('s', { selector: { app: 'x' } })]);
    await eventually('a slice', async () => (await kubectl.ok('get endpointslices -o name')) || undefined);
    const columns =
      '-o custom-columns=A:.endpoints[*].addresses[*],R:.endpoints[*].conditions.ready --no-headers';
    const rows = await watchWhile(kubectl, `endpointslices --watch-only ${columns}`, {
      meanwhile: async () => {
        await kubectl.ok('create -f -', pod('p', { nodeName: 'nowhere' }, { labels: { app: 'x' } }));
        for (const ready of ['False', 'True']) {
          const conditions = [{ type: 'Ready', status: ready }];
          const address = { podIP: '192.0.2.50', podIPs: [{ ip: '192.0.2.50' }] };
          const status = JSON.stringify({ status: { phase: 'Running', conditions, ...address } });
          await kubectl.ok(`patch pod p --subresource=status -p ${status}`);
        }
      },
      isEnough: (lines) => lines.at(-1) === '192.0.2.50 true',
    });
    assert.ok(rows.includes('192.0.2.50 false'), rows.join('\n'));
  },
});
