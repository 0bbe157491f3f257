import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../base/json.ts';
import { askedAsAdmin } from '../fixtures/asked-as-admin.ts';
import { jsonOf } from '../fixtures/running-server.ts';
import type { Answer } from '../fixtures/running-server.ts';

const beta = '/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices';
const v1 = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const group = '/apis/events.k8s.io/v1/namespaces/default/events';
const core = '/api/v1/namespaces/default/events';
const MERGE = 'PATCH application/merge-patch+json';
const ZONE = 'topology.kubernetes.io/zone';

interface Shown extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: JsonObject & { name: string; resourceVersion: string };
}
interface Slice extends Shown {
  endpoints: JsonObject[];
}

describe('several versions of one kind', () => {
  const asAdmin = askedAsAdmin();

  /** `method` may name the type of the body: 'PATCH application/merge-patch+json'. */
  const send = (method: string, path: string, body?: object): Promise<Answer> => {
    const [verb = 'GET', type = 'application/json'] = method.split(' ');
    return asAdmin(path, {
      method: verb,
      headers: { 'content-type': type },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const answer = await send(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.bytes.toString()}`);
    return jsonOf<T>(answer);
  };
  const slice = (name: string): object => ({
    apiVersion: 'discovery.k8s.io/v1beta1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { test: name } },
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['10.1.2.3'], topology: { [ZONE]: 'a', 'kubernetes.io/hostname': 'n', rack: '7' } },
    ],
    ports: [{ port: 80 }],
  });

  it('is written in one version and read in either', async () => {
    const made = await ask<Slice>('POST', beta, slice('either'));
    assert.equal(made.apiVersion, 'discovery.k8s.io/v1beta1');
    assert.deepEqual(made.ports, [{ name: '', protocol: 'TCP', port: 80 }]);
    assert.equal(made.endpoints[0]?.nodeName, 'n');
    const stored = await ask<Slice>('GET', `${v1}/either`);
    assert.equal(stored.apiVersion, 'discovery.k8s.io/v1');
    assert.deepEqual(stored.endpoints, [
      { addresses: ['10.1.2.3'], nodeName: 'n', zone: 'a', deprecatedTopology: { rack: '7' } },
    ]);
    assert.deepEqual(await ask('GET', `${beta}/either`), made);
  });

  it('is listed in either, each item as its list says', async () => {
    await ask('POST', beta, slice('listed'));
    const list = await ask<JsonObject & { items: Slice[] }>('GET', `${beta}?labelSelector=test%3Dlisted`);
    assert.deepEqual([list.apiVersion, list.kind], ['discovery.k8s.io/v1beta1', 'EndpointSliceList']);
    assert.deepEqual(list.items[0]?.endpoints[0]?.topology, {
      [ZONE]: 'a',
      'kubernetes.io/hostname': 'n',
      rack: '7',
    });
    assert.equal(list.items[0]?.apiVersion, 'discovery.k8s.io/v1beta1');
  });

  it('is watched in either', async () => {
    await ask('POST', v1, {
      metadata: { name: 'watched', labels: { test: 'watched' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.2.4'], zone: 'b' }],
    });
    const query = 'watch=1&labelSelector=test%3Dwatched&timeoutSeconds=1';
    const events = (await send('GET', `${beta}?${query}`)).bytes.toString().trim().split('\n');
    const [event] = events.map((line) => JSON.parse(line) as { type: string; object: Slice });
    assert.deepEqual([event?.type, event?.object.apiVersion], ['ADDED', 'discovery.k8s.io/v1beta1']);
    assert.deepEqual(event?.object.endpoints[0]?.topology, { [ZONE]: 'b' });
  });

  it('is updated through one version, without losing what that version does not know', async () => {
    const made = await ask<Slice>('POST', beta, slice('updated'));
    const changed = { ...made, endpoints: [{ ...made.endpoints[0], topology: { [ZONE]: 'c' } }] };
    const updated = await ask<Slice>('PUT', `${beta}/updated`, changed);
    assert.notEqual(updated.metadata.resourceVersion, made.metadata.resourceVersion);
    const stored = await ask<Slice>('GET', `${v1}/updated`);
    assert.deepEqual([stored.endpoints[0]?.zone, stored.endpoints[0]?.nodeName], ['c', 'n']);
    const late = await send('PUT', `${beta}/updated`, changed);
    assert.equal(late.status, 409);
  });

  it('is patched as the version shows it', async () => {
    await ask('POST', beta, slice('patched'));
    const merge = { endpoints: [{ addresses: ['10.9.9.9'], topology: { [ZONE]: 'd' } }] };
    const patched = await ask<Slice>(MERGE, `${beta}/patched`, merge);
    assert.deepEqual(patched.endpoints[0]?.topology, { [ZONE]: 'd' });
    const json = [{ op: 'replace', path: '/endpoints/0/topology', value: { [ZONE]: 'e' } }];
    await ask('PATCH application/json-patch+json', `${beta}/patched`, json);
    assert.equal((await ask<Slice>('GET', `${v1}/patched`)).endpoints[0]?.zone, 'e');
    const strategic = { metadata: { labels: { more: 'yes' } } };
    const strategically = 'PATCH application/strategic-merge-patch+json';
    const labelled = await ask<Slice>(strategically, `${beta}/patched`, strategic);
    assert.deepEqual(labelled.metadata.labels, { test: 'patched', more: 'yes' });
    const stale = { metadata: { resourceVersion: '1' } };
    assert.equal((await send(strategically, `${beta}/patched`, stale)).status, 409);
  });

  it('is applied in one version, and owned', async () => {
    const path = `${beta}/applied?fieldManager=me`;
    const applied = await ask<Slice>('PATCH application/apply-patch+yaml', path, slice('applied'));
    assert.equal(applied.apiVersion, 'discovery.k8s.io/v1beta1');
    assert.equal((await ask<Slice>('GET', `${v1}/applied`)).endpoints[0]?.zone, 'a');
  });

  it('is deleted through either, one or many', async () => {
    await ask('POST', beta, slice('gone'));
    assert.equal((await ask<Shown>('DELETE', `${beta}/gone`)).kind, 'Status');
    assert.equal((await send('GET', `${v1}/gone`)).status, 404);
    await ask('POST', v1, {
      metadata: { name: 'gone', labels: { test: 'gone' } },
      addressType: 'IPv4',
      endpoints: [],
    });
    const list = await ask<JsonObject & { items: Slice[] }>('DELETE', `${beta}?labelSelector=test%3Dgone`);
    assert.deepEqual(
      list.items.map(({ apiVersion, metadata }) => [apiVersion, metadata.name]),
      [['discovery.k8s.io/v1beta1', 'gone']],
    );
  });

  it('refuses fields and versions that are not its own', async () => {
    const strict = `${beta}?fieldValidation=Strict`;
    const wrong = await send('POST', strict, {
      ...slice('wrong'),
      endpoints: [{ addresses: ['10.0.0.1'], zone: 'a' }],
    });
    assert.equal(wrong.status, 400);
    assert.match(wrong.bytes.toString(), /unknown field \\"endpoints\[0\].zone\\"/);
    const other = await send('POST', beta, { ...slice('other'), apiVersion: 'discovery.k8s.io/v1' });
    assert.match(
      other.bytes.toString(),
      /does not match the expected API version \(discovery.k8s.io\/v1beta1\)/,
    );
  });

  it('has the same columns', async () => {
    await ask('POST', beta, slice('printed'));
    const answer = await asAdmin(`${beta}/printed`, {
      headers: {
        accept: 'application/json;as=Table;g=meta.k8s.io;v=v1',
      },
    });
    const { rows } = jsonOf<{ rows: { cells: unknown[] }[] }>(answer);
    assert.deepEqual(rows[0]?.cells.slice(0, 4), ['printed', 'IPv4', '80', '10.1.2.3']);
  });

  const event = (name: string, changes: object = {}): object => ({
    metadata: { name },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'example.com/c',
    reportingInstance: 'c-1',
    action: 'Did',
    reason: 'Because',
    note: 'It was done.',
    type: 'Normal',
    regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
    ...changes,
  });

  it('shows events of the group in core/v1 and the other way round', async () => {
    await ask('POST', group, event('new'));
    const old = await ask<Shown>('GET', `${core}/new`);
    assert.deepEqual(
      [old.message, old.reportingComponent, old.apiVersion],
      ['It was done.', 'example.com/c', 'v1'],
    );
    const involvedObject = { kind: 'Pod', name: 'q', namespace: 'default' };
    const legacy = {
      metadata: { name: 'old' },
      involvedObject,
      message: 'm',
      source: { component: 'k' },
      count: 2,
    };
    await ask('POST', core, legacy);
    const shown = await ask<Shown>('GET', `${group}/old`);
    assert.deepEqual(
      [shown.note, shown.deprecatedSource, shown.deprecatedCount],
      ['m', { component: 'k' }, 2],
    );
  });

  it('selects events by the names of the version', async () => {
    await ask('POST', group, event('selected', { reason: 'Chosen' }));
    const query =
      'fieldSelector=reason%3DChosen%2Cregarding.kind%3DPod%2CreportingController%3Dexample.com/c';
    const { items } = await ask<{ items: Shown[] }>('GET', `${group}?${query}`);
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['selected'],
    );
    const refused = await send('GET', `${group}?fieldSelector=involvedObject.kind%3DPod`);
    assert.equal(refused.status, 400);
    assert.match(refused.bytes.toString(), /field label not supported: involvedObject.kind/);
  });

  const refusedEvents: Readonly<Record<string, readonly [changes: object, message: RegExp]>> = {
    'without a time': [{ eventTime: undefined }, /eventTime: Required value/],
    'without an action': [{ action: '' }, /action: Required value/],
    'of an unknown type': [{ type: 'Odd' }, /type: Invalid value: \\"\\": has invalid value: Odd/],
    'with a count of old': [{ deprecatedCount: 2 }, /count: Invalid value: \\"\\": needs to be unset/],
    'with a source of old': [
      { deprecatedSource: { component: 'c' } },
      /source: Invalid value: \\"\\": needs to be unset/,
    ],
    'with a series of one': [
      { series: { count: 1 } },
      /series.count: Invalid value: \\"\\": should be at least 2/,
    ],
    'with a long note': [
      { note: 'x'.repeat(1025) },
      /message: Invalid value: \\"\\": can have at most 1024 characters/,
    ],
    'with a controller that is no name': [
      { reportingController: 'a b' },
      /reportingController: Invalid value/,
    ],
    'about something elsewhere': [
      { regarding: { kind: 'Node' }, metadata: { name: 'x', namespace: 'far' } },
      /does not match/,
    ],
  };
  for (const [title, [changes, message]] of Object.entries(refusedEvents)) {
    it(`refuses an event ${title}`, async () => {
      const refused = await send('POST', group, event('refused', changes));
      assert.ok(refused.status === 422 || refused.status === 400, refused.bytes.toString());
      assert.match(refused.bytes.toString(), message);
    });
  }

  it('lets the series of an event go on, and nothing else of it change', async () => {
    await ask('POST', group, event('series'));
    const series = { count: 2, lastObservedTime: '2026-01-01T00:01:00.000000Z' };
    const patched = await ask<Shown>(MERGE, `${group}/series`, { series });
    assert.deepEqual(patched.series, series);
    const refused = await send(MERGE, `${group}/series`, { note: 'Other.' });
    assert.equal(refused.status, 422);
    assert.match(refused.bytes.toString(), /message: Invalid value: \\"Other.\\": field is immutable/);
  });
});
