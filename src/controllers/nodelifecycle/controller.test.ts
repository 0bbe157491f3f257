import assert from 'node:assert/strict';
import { it } from 'node:test';
import { leases } from '../../api/coordination/v1/lease.ts';
import { nodes } from '../../api/core/v1/node.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { fakeClock, realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createInformers } from '../../client/informers.ts';
import { startControlPlane } from '../../testing/control-plane.ts';
import { eventually } from '../../testing/test-cluster.ts';
import { isPodReady } from '../pod-state.ts';
import { createPodGcController } from '../podgc/controller.ts';
import { createNodeLifecycleController } from './controller.ts';

/** A second set of the two controllers whose time the test moves; the plane's own stand still within a test. */
async function start() {
  const plane = await startControlPlane({ nodeNames: ['node-1', 'node-2'] });
  const { client } = plane;
  const clock = fakeClock(Date.now());
  const informers = createInformers({ client, clock: realClock, logger: silentLogger });
  const deps = { client, informers, clock, logger: silentLogger };
  const controllers = [createNodeLifecycleController(deps), createPodGcController(deps)];
  const stop = new AbortController();
  const running = [informers, ...controllers].map((part) => part.run(stop.signal));
  await informers.synced(stop.signal);
  const pod = (name: string, nodeName: string) =>
    client.create(pods, {
      metadata: { name, namespace: 'default' },
      spec: { nodeName, containers: [{ name: 'c', image: 'x' }] },
    });
  const isReady = async (name: string): Promise<boolean> => {
    const found = (await client.list(pods, { namespace: 'default' })).items.find(
      (p) => p.metadata.name === name,
    );
    return found !== undefined && isPodReady(found);
  };
  const readyOf = async (name: string): Promise<string | undefined> =>
    (await client.get(nodes, { name })).status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const end = async (): Promise<void> => {
    stop.abort();
    await Promise.all(running);
    await plane.stop();
  };
  return { client, clock, informers, pod, isReady, readyOf, end };
}

it('a node that stops renewing its lease becomes Unknown and its Pods not ready; others stay as they are', async () => {
  const { client, clock, informers, pod, isReady, readyOf, end } = await start();
  await pod('a', 'node-1');
  await pod('b', 'node-2');
  await eventually('both are ready', async () => ((await isReady('a')) && (await isReady('b'))) || undefined);
  for (let elapsed = 0; elapsed < 60; elapsed += 10) {
    const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
    const ref = { namespace: 'kube-node-lease', name: 'node-2' };
    const { metadata } = await client.patch(leases, ref, { type: 'merge', body: { spec: { renewTime } } });
    await eventually('the renewal is seen', async () => {
      const seen = informers.for(leases).get('kube-node-lease/node-2');
      return seen?.metadata.resourceVersion === metadata.resourceVersion || undefined;
    });
    await clock.advance(10_000);
  }
  await eventually('node-1 is Unknown', async () => (await readyOf('node-1')) === 'Unknown' || undefined);
  await eventually('its Pod is not ready', async () => !(await isReady('a')) || undefined);
  assert.deepEqual([await readyOf('node-2'), await isReady('b')], ['True', true]);
  await end();
});

it('Pods of a node that does not exist are removed after a while, not at once', async () => {
  const { client, clock, informers, pod, end } = await start();
  await pod('lost', 'node-9');
  await pod('kept', 'node-1');
  await eventually('both are seen', async () => informers.for(pods).list().length === 2 || undefined);
  const names = async () =>
    (await client.list(pods, { namespace: 'default' })).items.map(({ metadata }) => metadata.name);
  await clock.advance(39_000);
  assert.deepEqual(await names(), ['kept', 'lost']);
  await clock.advance(2_000);
  await eventually('it is gone', async () => !(await names()).includes('lost') || undefined);
  assert.deepEqual(await names(), ['kept']);
  await end();
});
