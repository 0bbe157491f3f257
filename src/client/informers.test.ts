import assert from 'node:assert/strict';
import { it } from 'node:test';
import { configMaps } from '../api/core/v1/config-map.ts';
import { secrets } from '../api/core/v1/secret.ts';
import { realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { startControlPlane } from '../testing/control-plane.ts';
import { eventually } from '../testing/test-cluster.ts';
import { createInformers } from './informers.ts';

it('informers are shared per kind, index by owner, and one asked for late starts at once', async () => {
  const plane = await startControlPlane({ nodeNames: [] });
  const { client } = plane;
  const informers = createInformers({ client, clock: realClock, logger: silentLogger });
  const maps = informers.for(configMaps);
  assert.equal(informers.for(configMaps), maps);
  const stop = new AbortController();
  const running = informers.run(stop.signal);
  await informers.synced(stop.signal);
  assert.ok(maps.synced());

  const owner = await client.create(configMaps, { metadata: { name: 'owner', namespace: 'default' } });
  const uid = owner.metadata.uid ?? '';
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
  await client.create(configMaps, { metadata: { name: 'owned', namespace: 'default', ownerReferences } });
  await eventually('the owned object is found', async () => maps.by('owner', uid)[0]);
  assert.deepEqual(
    maps.by('owner', uid).map(({ metadata }) => metadata.name),
    ['owned'],
  );

  const late = informers.for(secrets);
  await client.create(secrets, { metadata: { name: 's', namespace: 'default' } });
  await informers.synced(stop.signal);
  await eventually('the late informer follows', async () => late.get('default/s'));
  stop.abort();
  await running;
  await plane.stop();
});
