import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../base/json.ts';
import { askedAsAdmin } from '../fixtures/asked-as-admin.ts';
import { jsonOf } from '../fixtures/running-server.ts';
import type { Answer } from '../fixtures/running-server.ts';

const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/merge-patch+json';
const pathOf = (apiVersion: string, plural: string): string =>
  `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}/namespaces/default/${plural}`;

interface Shown {
  readonly metadata: {
    readonly managedFields?: readonly {
      readonly manager: string;
      readonly operation: string;
      readonly apiVersion: string;
      readonly fieldsV1: JsonObject;
    }[];
  };
}

describe('who owns fields of a kind of several versions', () => {
  const asAdmin = askedAsAdmin();
  const send = (
    method: string,
    path: string,
    [body, type]: readonly [body: object, type?: string],
  ): Promise<Answer> =>
    asAdmin(path, {
      method,
      headers: { 'content-type': type ?? 'application/json', 'user-agent': 'tester/1' },
      body: JSON.stringify(body),
    });
  /** `manager operation version: top fields` of each entry after a write. */
  const owners = async (
    method: string,
    path: string,
    body: readonly [body: object, type?: string],
  ): Promise<readonly string[]> => {
    const answer = await send(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.bytes.toString()}`);
    // Their order depends on the second they were written in.
    return (jsonOf<Shown>(answer).metadata.managedFields ?? [])
      .map(
        ({ manager, operation, apiVersion, fieldsV1 }) =>
          `${manager} ${operation} ${apiVersion}: ${Object.keys(fieldsV1).join(' ')}`,
      )
      .sort();
  };

  const spec = {
    schedule: '* * * * *',
    jobTemplate: {
      spec: {
        template: {
          spec: {
            containers: [{ name: 'c', image: 'i' }],
            restartPolicy: 'Never',
          },
        },
      },
    },
  };
  const selector = { matchLabels: { a: 'b' } };
  const kinds: readonly (readonly [plural: string, older: string, newer: string, body: JsonObject])[] = [
    ['cronjobs', 'batch/v1beta1', 'batch/v1', { kind: 'CronJob', spec }],
    [
      'poddisruptionbudgets',
      'policy/v1beta1',
      'policy/v1',
      { kind: 'PodDisruptionBudget', spec: { selector } },
    ],
    [
      'endpointslices',
      'discovery.k8s.io/v1beta1',
      'discovery.k8s.io/v1',
      { kind: 'EndpointSlice', addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }] },
    ],
  ];
  for (const [plural, older, newer, body] of kinds) {
    it(`is written down by the version that was written: ${plural}`, async () => {
      const content = Object.keys(body)
        .filter((name) => name !== 'kind')
        .map((name) => `f:${name}`)
        .join(' ');
      const made = { ...body, apiVersion: older, metadata: { name: 'x' } };
      const path = (version: string, query = ''): string => `${pathOf(version, plural)}/x${query}`;
      const first = `tester Update ${older}: ${content}`;
      const second = `tester Update ${newer}: f:metadata`;
      assert.deepEqual(await owners('POST', pathOf(older, plural), [made]), [first]);
      const labels = (value: string): JsonObject => ({ metadata: { labels: { l: value } } });
      assert.deepEqual(await owners('PATCH', path(newer), [labels('1'), MERGE]), [second, first]);
      const config = { apiVersion: older, kind: body.kind, metadata: { name: 'x', labels: { l: '2' } } };
      const refused = await send('PATCH', path(older, '?fieldManager=me'), [config, APPLY]);
      assert.equal(refused.status, 409);
      assert.match(refused.bytes.toString(), new RegExp(`using ${newer}: .metadata.labels.l`));
      assert.deepEqual(await owners('PATCH', path(older, '?fieldManager=me&force=true'), [config, APPLY]), [
        `me Apply ${older}: f:metadata`,
        second,
        first,
      ]);
      const next = { ...config, apiVersion: newer };
      assert.deepEqual(await owners('PATCH', path(newer, '?fieldManager=me'), [next, APPLY]), [
        `me Apply ${newer}: f:metadata`,
        second,
        first,
      ]);
    });
  }

  it('ends for an Event where it is written through the other group, as upstream', async () => {
    const event = {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
      reason: 'R',
    };
    assert.deepEqual(await owners('POST', pathOf('v1', 'events'), [event]), [
      'tester Update v1: f:involvedObject f:reason',
    ]);
    const group = `${pathOf('events.k8s.io/v1', 'events')}/e`;
    assert.deepEqual(await owners('PATCH', group, [{ metadata: { labels: { l: '1' } } }, MERGE]), [
      'tester Update events.k8s.io/v1: f:metadata',
    ]);
  });
});
