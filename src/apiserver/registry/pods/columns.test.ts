import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../../api/core/v1/pod.ts';
import type { JsonObject } from '../../../base/json.ts';
import { START_MS } from '../../fixtures/test-registry.ts';
import { podColumns } from './columns.ts';

const meta = { name: 'it', namespace: 'default', creationTimestamp: '2025-12-31T23:59:00Z' };
const pod = (status: JsonObject, changes: JsonObject = {}): JsonObject => ({
  metadata: { ...meta, ...(changes.metadata as JsonObject | undefined) },
  spec: { containers: [{ name: 'a' }, { name: 'b' }], ...(changes.spec as JsonObject | undefined) },
  status,
});
const container = (changes: JsonObject): JsonObject => ({
  name: 'a',
  ready: false,
  restartCount: 0,
  ...changes,
});
const running = container({ ready: true, state: { running: {} } });
const conditions = [{ type: 'Ready', status: 'True' }];

type Row = readonly [object: JsonObject, cells: Readonly<Record<string, unknown>>];

/** A Pod -> some of its cells, one minute after it was created. */
const rows: Readonly<Record<string, Row>> = {
  'a Pod that runs': [
    pod(
      { phase: 'Running', podIPs: [{ ip: '10.244.0.2' }], conditions, containerStatuses: [running, running] },
      { spec: { nodeName: 'node-1' } },
    ),
    {
      Ready: '2/2',
      Status: 'Running',
      Restarts: '0',
      Age: '60s',
      IP: '10.244.0.2',
      Node: 'node-1',
      'Nominated Node': '<none>',
      'Readiness Gates': '<none>',
    },
  ],
  'a Pod that waits': [
    pod({ phase: 'Pending' }),
    { Ready: '0/2', Status: 'Pending', IP: '<none>', Node: '<none>' },
  ],
  'a Pod that keeps failing': [
    pod({
      phase: 'Running',
      containerStatuses: [
        running,
        container({
          restartCount: 3,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, finishedAt: '2025-12-31T23:59:30Z' } },
        }),
      ],
    }),
    { Ready: '1/2', Status: 'CrashLoopBackOff', Restarts: '3 (30s ago)' },
  ],
  'a Pod that failed': [
    pod({ phase: 'Failed', containerStatuses: [container({ state: { terminated: { exitCode: 2 } } })] }),
    { Status: 'ExitCode:2' },
  ],
  'a Pod that was killed': [
    pod({
      phase: 'Failed',
      containerStatuses: [container({ state: { terminated: { exitCode: 137, signal: 9 } } })],
    }),
    { Status: 'Signal:9' },
  ],
  'a Pod that was evicted': [pod({ phase: 'Failed', reason: 'Evicted' }), { Status: 'Evicted' }],
  'a Pod of which one part is done': [
    pod({
      phase: 'Running',
      conditions,
      containerStatuses: [
        container({ state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
        running,
      ],
    }),
    { Ready: '1/2', Status: 'Running' },
  ],
  'a Pod of which one part is done and the other not ready': [
    pod({
      phase: 'Running',
      containerStatuses: [
        container({ state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
        running,
      ],
    }),
    { Status: 'NotReady' },
  ],
  'a Pod that is being deleted': [
    pod(
      { phase: 'Running', containerStatuses: [running] },
      { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
    ),
    { Status: 'Terminating' },
  ],
  'a Pod whose node is lost': [
    pod(
      { phase: 'Running', reason: 'NodeLost' },
      { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
    ),
    { Status: 'Unknown' },
  ],
  'a Pod that prepares': [
    pod(
      {
        phase: 'Pending',
        initContainerStatuses: [
          container({ state: { terminated: { exitCode: 0 } } }),
          container({ name: 'i2' }),
        ],
      },
      { spec: { initContainers: [{ name: 'a' }, { name: 'i2' }] } },
    ),
    { Ready: '0/2', Status: 'Init:1/2' },
  ],
  'a Pod that fails to prepare': [
    pod(
      {
        phase: 'Pending',
        initContainerStatuses: [
          container({ restartCount: 1, state: { waiting: { reason: 'CrashLoopBackOff' } } }),
        ],
      },
      { spec: { initContainers: [{ name: 'a' }] } },
    ),
    { Status: 'Init:CrashLoopBackOff', Restarts: '1' },
  ],
  'a Pod that failed to prepare': [
    pod(
      { phase: 'Pending', initContainerStatuses: [container({ state: { terminated: { exitCode: 3 } } })] },
      { spec: { initContainers: [{ name: 'a' }] } },
    ),
    { Status: 'Init:ExitCode:3' },
  ],
  'a Pod with gates': [
    pod(
      { phase: 'Running', conditions: [{ type: 'g1', status: 'True' }] },
      { spec: { readinessGates: [{ conditionType: 'g1' }, { conditionType: 'g2' }] } },
    ),
    { 'Readiness Gates': '1/2' },
  ],
  'a Pod that nobody may schedule': [
    pod({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
    }),
    { Status: 'SchedulingGated' },
  ],
};

describe('the table of', () => {
  for (const [sentence, [object, expected]] of Object.entries(rows)) {
    it(sentence, () => {
      for (const [name, value] of Object.entries(expected)) {
        const found = podColumns.find((column) => column.name === name);
        assert.ok(found, `no column ${name}`);
        assert.equal(found.cell(object as unknown as Pod, START_MS), value, name);
      }
    });
  }
});
