import assert from 'node:assert/strict';
import { it } from 'node:test';
import { configMaps } from '../../api/core/v1/config-map.ts';
import { namespaces } from '../../api/core/v1/namespace.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import { fakeClock, realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createClient } from '../../client/client.ts';
import { createInformers } from '../../client/informers.ts';
import { startInProcessApi } from '../../testing/in-process-api.ts';
import { eventually } from '../../testing/test-cluster.ts';
import { createNamespaceController } from './controller.ts';

it('a namespace with something that does not go is asked about more and more rarely, and goes after it', async (t) => {
  const api = startInProcessApi();
  let nRounds = 0;
  const { transport } = api.client;
  const client = createClient({
    request: (request) => {
      if (request.method === 'DELETE' && request.path.endsWith('/configmaps')) nRounds++;
      return transport.request(request);
    },
    close: () => undefined,
  });
  const clock = fakeClock(Date.now());
  const informers = createInformers({ client, clock: realClock, logger: silentLogger });
  const controller = createNamespaceController({ client, informers, clock, logger: silentLogger });
  await api.client.create(namespaces, { metadata: { name: 'stuck' } });
  const held = { name: 'held', namespace: 'stuck' };
  await api.client.create(configMaps, { metadata: { ...held, finalizers: ['example.com/hold'] } });
  const stop = new AbortController();
  const running = [controller, informers].map((part) => part.run(stop.signal));
  t.after(async () => {
    stop.abort();
    await Promise.all(running);
    await api.stop();
  });
  await api.client.delete(namespaces, { name: 'stuck' });
  await eventually('the first round', async () => (nRounds > 0 ? true : undefined));
  const conditions = await eventually('conditions', async () => {
    await clock.advance(1000);
    return (await api.client.get(namespaces, { name: 'stuck' })).status?.conditions;
  });
  assert.deepEqual(
    conditions.map(({ type, status, reason, message }) => [type, status, reason, message]).slice(3),
    [
      [
        'NamespaceContentRemaining',
        'True',
        'SomeResourcesRemain',
        'Some resources are remaining: configmaps. has 1 resource instances',
      ],
      [
        'NamespaceFinalizersRemaining',
        'True',
        'SomeFinalizersRemain',
        'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
      ],
    ],
  );

  /** One second of the controller's, and the time to do what is due. */
  const second = async (): Promise<void> => {
    await clock.advance(1000);
    await realClock.sleep(10);
  };
  for (let i = 0; i < 200; i++) await second();
  assert.ok(nRounds >= 3 && nRounds < 60, `${nRounds} rounds in 200 seconds`);

  await api.client.patch(configMaps, held, { type: 'merge', body: { metadata: { finalizers: null } } });
  await eventually('the namespace is gone', async () => {
    await second();
    return api.client.get(namespaces, { name: 'stuck' }).then(
      () => undefined,
      (error: unknown) => (isNotFound(error) ? true : undefined),
    );
  });
});
