import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pods, type Pod, type PodStatus } from '../../api/core/v1/pod.ts';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { startInProcessApi, type InProcessApi } from '../../testing/in-process-api.ts';
import { createStatusWriter } from './status-writer.ts';

const at = '2026-01-01T00:00:00Z';
const ready = (status: string, more: object = {}): PodStatus => ({
  phase: 'Running',
  conditions: [{ type: 'Ready', status, lastTransitionTime: at, ...more }],
});

describe('the status writer', () => {
  let api: InProcessApi;
  const stop = new AbortController();
  before(async () => {
    api = startInProcessApi();
  });
  after(async () => {
    stop.abort();
    await api.stop();
  });

  const make = (name: string): Promise<Pod> =>
    api.client.create(pods, {
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'host', command: ['true'] }] },
    });
  const readyCondition = async (name: string): Promise<object | undefined> => {
    const pod = await api.client.get(pods, { namespace: 'default', name });
    return pod.status?.conditions?.find(({ type }) => type === 'Ready');
  };
  const writer = () =>
    createStatusWriter({ client: api.client, clock: realClock, logger: silentLogger, signal: stop.signal });

  it('clears the reason and message of the condition before', async () => {
    const pod = await make('clears');
    const status = writer();
    status.set(pod, ready('False', { reason: 'ContainersNotReady', message: 'not yet' }));
    await status.settled(pod.metadata.uid ?? '');
    assert.equal(((await readyCondition('clears')) as { reason?: string }).reason, 'ContainersNotReady');
    status.set(pod, ready('True'));
    await status.settled(pod.metadata.uid ?? '');
    assert.deepEqual(await readyCondition('clears'), {
      type: 'Ready',
      status: 'True',
      lastTransitionTime: at,
    });
  });

  it('writes nothing when nothing changed', async () => {
    const pod = await make('quiet');
    const status = writer();
    status.set(pod, ready('True'));
    await status.settled(pod.metadata.uid ?? '');
    const before = await api.client.get(pods, { namespace: 'default', name: 'quiet' });
    status.set(before, ready('True'));
    await status.settled(pod.metadata.uid ?? '');
    const later = await api.client.get(pods, { namespace: 'default', name: 'quiet' });
    assert.equal(later.metadata.resourceVersion, before.metadata.resourceVersion);
  });

  it('takes back what was said of a Pod while its node was silent', async () => {
    const pod = await make('marked');
    const status = writer();
    status.set(pod, ready('True'));
    await status.settled(pod.metadata.uid ?? '');
    const marked = await api.client.patch(pods, pod.metadata, {
      type: 'strategic',
      subresource: 'status',
      body: { status: { conditions: [{ type: 'Ready', status: 'False', reason: 'NodeNotReady' }] } },
    });
    status.set(marked, ready('True'));
    await status.settled(pod.metadata.uid ?? '');
    assert.deepEqual(await readyCondition('marked'), {
      type: 'Ready',
      status: 'True',
      lastTransitionTime: at,
    });
  });

  it('lets a Pod go that is no more', async () => {
    const pod = await make('gone');
    await api.client.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
    const status = writer();
    status.set(pod, ready('True'));
    await status.settled(pod.metadata.uid ?? '');
    status.forget(pod.metadata.uid ?? '');
    await assert.rejects(api.client.get(pods, pod.metadata), /not found/);
  });
});
