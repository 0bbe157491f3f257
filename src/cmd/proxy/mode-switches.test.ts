import assert from 'node:assert/strict';
import { it } from 'node:test';
import { events } from '../../api/core/v1/event.ts';
import { services } from '../../api/core/v1/service.ts';
import { realClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { createEventRecorder } from '../../client/event-recorder.ts';
import { openNft } from '../../kernel/nft/open-nft.ts';
import { defaultConfiguration } from '../../proxy/configuration/configuration.ts';
import { createProxyMetrics } from '../../proxy/metrics/proxy-metrics.ts';
import { layoutOf } from '../../proxy/modes/nftables/layout.ts';
import { startInProcessApi } from '../../testing/in-process-api.ts';
import { clusterIp, endpoints, proxyState, servicePort } from '../../testing/proxy-fixtures.ts';
import { inSandbox } from '../../testing/sandbox.ts';
import { createModeSwitches } from './mode-switches.ts';
import { parseProxyOptions } from './options.ts';

inSandbox(import.meta.filename);

it('tells a Service that the kernel takes no rules of it, and serves the others', async (t) => {
  const api = startInProcessApi();
  const logger = memoryLogger();
  const [clock, stop] = [realClock, new AbortController()];
  const recorder = createEventRecorder({ client: api.client, component: 'portico-proxy', clock, logger });
  const recording = recorder.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await recording;
    await api.stop();
  });
  const options = await parseProxyOptions([]);
  assert.ok(options);
  const nobody = { node: () => undefined, isGone: () => false, onChange: () => undefined };
  const watch = { ...nobody, until: async () => false, run: async () => undefined };
  const context = {
    options,
    args: [],
    logger,
    clock,
    nodeName: 'node-1',
    client: api.client,
    watch,
    events: recorder,
  };
  const choice = { name: 'nftables', families: ['IPv4'] } as const;
  const metrics = createProxyMetrics(['IPv4'], { states: () => [], startedMs: 0 });
  const switches = createModeSwitches({ ...context, configuration: defaultConfiguration() }, choice, metrics);

  await api.client.create(services, {
    metadata: { name: 'culprit', namespace: 'default' },
    spec: { ports: [{ port: 80 }] },
  });
  // Two ranges of one address that overlap: the model never decides so, and the kernel takes no such map.
  const range = (name: string, port: number, endPort: number) => {
    const frontend = { kind: 'clusterIP', ip: '10.98.0.1', port, endPort } as const;
    return servicePort(name, [{ ...clusterIp(['10.98.0.1', port], endpoints('IPv4', 1)), frontend }]);
  };
  const good = servicePort('good', [clusterIp(['10.98.0.2', 80], endpoints('IPv4', 2))]);
  const ports = [range('first', 8000, 8999), good, range('culprit', 8500, 9000)];
  await switches.IPv4?.sync(proxyState('IPv4', ports));

  const found = async () => (await api.client.list(events, { namespace: 'default' })).items;
  let told = await found();
  for (const end = Date.now() + 60_000; told.length === 0 && Date.now() < end; told = await found()) {
    await realClock.sleep(20);
  }
  assert.deepEqual(
    told.map(({ type, reason, involvedObject }) => [type, reason, involvedObject.kind, involvedObject.name]),
    [['Warning', 'RefusedByKernel', 'Service', 'culprit']],
  );
  assert.match(
    told[0]?.message ?? '',
    /^the kernel refused the rules of port default\/culprit:\/TCP, which is not served: .*EEXIST/,
  );
  const nft = openNft();
  const { table, sets } = layoutOf('IPv4');
  const served = (await nft.elements(table, sets.rangeIps)).map(({ key }) => key.join(' '));
  assert.deepEqual(served, ['10.98.0.1 tcp 8000-8999']);
  assert.deepEqual((await nft.elements(table, sets.clusterIps)).map(({ key }) => key[0]).sort(), [
    '10.98.0.1',
    '10.98.0.2',
  ]);
  nft.close();
});
