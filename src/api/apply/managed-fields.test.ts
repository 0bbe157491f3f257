import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { deployments } from '../apps/v1/deployment.ts';
import { services } from '../core/v1/service.ts';
import { asJson, type Kind } from '../kind.ts';
import type { ManagedFieldsEntry } from '../meta/v1/object-meta.ts';
import { compareValues } from './compare.ts';
import { covers, pathsOf, sortedSet, unionOf } from './field-set.ts';
import { ignoredFields } from './ignored-fields.ts';
import { isSameButTimes } from './managed-fields.ts';
import { refusal, startStory, things } from './test-kind.ts';
import { writtenFields } from './written-fields.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const anyKind = (kind: unknown): Kind => kind as Kind;

describe('managedFields of a new object', () => {
  it('are those of kube-apiserver for a Service', () => {
    const story = startStory(anyKind(services));
    story.update('kubectl-create', 'spec: { selector: { a: b }, ports: [{ port: 80 }] }');
    assert.deepEqual(story.object?.metadata.managedFields, [
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:internalTrafficPolicy': {},
            'f:ports': {
              '.': {},
              'k:{"port":80,"protocol":"TCP"}': {
                '.': {},
                'f:port': {},
                'f:protocol': {},
                'f:targetPort': {},
              },
            },
            'f:selector': {},
            'f:sessionAffinity': {},
            'f:type': {},
          },
        },
      },
    ]);
  });

  it('are those of kube-apiserver for a Deployment', () => {
    const story = startStory(anyKind(deployments));
    story.update(
      'kubectl-create',
      `metadata: { labels: { app: web } }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: c, image: i, resources: { limits: { cpu: 1 } }, ports: [{ containerPort: 80 }] }] }`,
    );
    const [entry] = story.object?.metadata.managedFields ?? [];
    assert.deepEqual(entry?.fieldsV1, {
      'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
      'f:spec': {
        'f:progressDeadlineSeconds': {},
        'f:replicas': {},
        'f:revisionHistoryLimit': {},
        'f:selector': {},
        'f:strategy': {
          'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} },
          'f:type': {},
        },
        'f:template': {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"c"}': {
                '.': {},
                'f:image': {},
                'f:imagePullPolicy': {},
                'f:name': {},
                'f:ports': {
                  '.': {},
                  'k:{"containerPort":80,"protocol":"TCP"}': {
                    '.': {},
                    'f:containerPort': {},
                    'f:protocol': {},
                  },
                },
                'f:resources': { '.': {}, 'f:limits': { '.': {}, 'f:cpu': {} } },
                'f:terminationMessagePath': {},
                'f:terminationMessagePolicy': {},
              },
            },
            'f:dnsPolicy': {},
            'f:restartPolicy': {},
            'f:schedulerName': {},
            'f:securityContext': {},
            'f:terminationGracePeriodSeconds': {},
          },
        },
      },
    });
  });
});

describe('an update', () => {
  it('joins the entry its writer has already, and renews its time', () => {
    const story = startStory();
    story.update('u', 'spec: { number: 1 }');
    story.update('u', 'spec: { number: 1, text: t }');
    assert.deepEqual(story.owners, { 'u Update': ['.spec.number', '.spec.text'] });
    assert.equal(story.object?.metadata.managedFields?.[0]?.time, '2026-01-01T00:00:01Z');
  });

  it('keeps entries that a client does not send, and takes those it does', () => {
    const story = startStory();
    story.update('u', 'spec: { number: 1 }');
    story.update('v', 'spec: { number: 1 }');
    assert.deepEqual(story.owners, { 'u Update': ['.spec.number'] });
    const sent: ManagedFieldsEntry = {
      manager: 'w',
      operation: 'Apply',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:spec': { 'f:number': {} } },
    };
    const withEntries = (entries: readonly unknown[]) => ({
      metadata: { name: 'x', managedFields: entries as never[] },
      spec: { number: 1 },
    });
    story.update('v', withEntries([sent]));
    assert.deepEqual(story.owners, { 'w Apply': ['.spec.number'] });
    for (const wrong of [
      { ...sent, operation: 'Other' },
      { ...sent, apiVersion: '' },
      { ...sent, fieldsType: 'FieldsV9' },
      { ...sent, fieldsV1: { 'f:spec': { 'k:{': {} } } },
    ]) {
      story.update('v', withEntries([wrong]));
      assert.deepEqual(story.owners, { 'w Apply': ['.spec.number'] });
    }
    story.update('v', asJson({ ...withEntries([{ ...sent, manager: 'z' }]) }), 'status');
    assert.deepEqual(story.owners, { 'w Apply': ['.spec.number'] });
  });

  for (const [sentence, reset] of [
    ['an empty list', []],
    ['one empty entry', [{}]],
  ] as const) {
    it(`forgets all owners on ${sentence}, and keeps no track until an apply`, () => {
      const story = startStory();
      story.update('u', 'spec: { number: 1 }');
      story.update('u', { metadata: { name: 'x', managedFields: [...reset] }, spec: { number: 2 } });
      assert.deepEqual(story.owners, {});
      story.update('u', 'spec: { number: 3 }');
      assert.deepEqual(story.owners, {});
    });
  }

  it('puts the oldest together when more than ten have written', () => {
    const story = startStory();
    const spec: Record<string, string> = {};
    for (let i = 1; i <= 13; i++) {
      spec[`k${i}`] = 'v';
      story.update(`u${i}`, { metadata: { name: 'x' }, spec: { tags: { ...spec } } });
    }
    const managers = story.object?.metadata.managedFields?.map(({ manager }) => manager) ?? [];
    assert.deepEqual(managers, ['ancient-changes', ...Array.from({ length: 9 }, (_, i) => `u${i + 5}`)]);
    assert.deepEqual(story.owners['ancient-changes Update'], [
      '.spec.tags',
      '.spec.tags.k1',
      '.spec.tags.k2',
      '.spec.tags.k3',
      '.spec.tags.k4',
    ]);
  });

  it('takes time that grows with the object, not faster', () => {
    const labels = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, 'v']));
    const cpuOf = (n: number): number => {
      const story = startStory();
      const before = process.cpuUsage();
      story.update('u', { metadata: { name: 'x', labels: labels(n) }, spec: { tags: labels(n) } });
      story.update('v', { metadata: { name: 'x', labels: labels(n - 1) }, spec: { tags: labels(n) } });
      story.apply('a', JSON.stringify({ spec: { tags: labels(n) } }));
      return process.cpuUsage(before).user;
    };
    cpuOf(1000);
    // Squared, it would be four hundred times as much.
    assert.ok(cpuOf(20_000) < 120 * Math.max(cpuOf(1000), 2000));
  });

  it('is no change when it only would renew a time', () => {
    const entry: ManagedFieldsEntry = { manager: 'a', operation: 'Update', time: '2026-01-01T00:00:00Z' };
    const later = { ...entry, time: '2026-01-01T00:00:09Z' };
    const other = { ...entry, manager: 'b' };
    assert.ok(isSameButTimes([entry, other], [other, later]));
    assert.ok(isSameButTimes(undefined, []));
    assert.ok(!isSameButTimes([entry], [other]));
    assert.ok(!isSameButTimes([entry], [entry, other]));
  });
});

/** Configurations of the test kind. */
const specs = fc.record(
  {
    number: fc.integer({ min: 0, max: 3 }),
    text: fc.constantFrom('s', 't'),
    flags: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')),
    items: fc.uniqueArray(
      fc.record({ name: fc.constantFrom('i', 'j', 'k'), value: fc.integer({ min: 0, max: 2 }) }),
      { selector: ({ name }) => name },
    ),
    lines: fc.array(fc.constantFrom('1', '2'), { minLength: 1, maxLength: 3 }),
    tags: fc.dictionary(fc.constantFrom('p', 'q'), fc.constantFrom('1', '2')),
    inner: fc.record(
      { a: fc.integer({ min: 0, max: 2 }), b: fc.integer({ min: 0, max: 2 }) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const config = (spec: object): string => JSON.stringify({ spec });

describe('whatever is written', () => {
  const schema = things.schema;
  const wholes = fc.record({
    kind: fc.constant('Thing'),
    metadata: fc.record(
      {
        name: fc.constant('x'),
        labels: fc.dictionary(fc.constantFrom('p', '"q', '__proto__'), fc.constantFrom('1', '2')),
        finalizers: fc.uniqueArray(fc.constantFrom('a', 'b')),
      },
      { requiredKeys: ['name'] },
    ),
    spec: specs,
    status: fc.record({ a: fc.integer({ min: 0, max: 1 }) }, { requiredKeys: [] }),
  });
  const ignored = ignoredFields(things);

  it('its fields are what a comparison calls added and modified, in their order', () => {
    fc.assert(
      fc.property(wholes, wholes, (before, after) => {
        const pair = [asJson(before), asJson(after)] as const;
        const { added, modified } = compareValues(schema, pair, ignored);
        const written = writtenFields(schema, pair, ignored);
        assert.equal(JSON.stringify(written), JSON.stringify(sortedSet(unionOf(added, modified))));
      }),
      { numRuns: 300 },
    );
  });

  it('a set covers another when they make nothing new together', () => {
    fc.assert(
      fc.property(wholes, wholes, wholes, (first, second, third) => {
        const of = (one: object, two: object) => writtenFields(schema, [asJson(one), asJson(two)], ignored);
        const [a, b] = [of(first, second), of(first, third)];
        const union = sortedSet(unionOf(a, b));
        assert.equal(covers(a, b), JSON.stringify(pathsOf(union)) === JSON.stringify(pathsOf(a)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('whatever is applied', () => {
  it('applying it twice changes nothing the second time', () => {
    fc.assert(
      fc.property(specs, specs, specs, (first, second, update) => {
        const story = startStory();
        story.apply('a', config(first));
        story.update('u', config({ ...first, ...update }));
        story.apply('a', config(second), { isForced: true });
        const { object, spec } = story;
        story.apply('a', config(second));
        assert.deepEqual(story.spec, spec);
        assert.ok(isSameButTimes(story.object?.metadata.managedFields, object?.metadata.managedFields));
      }),
      { numRuns: 150 },
    );
  });

  it('appliers of different fields never meet, and letting go takes only what was one’s own', () => {
    fc.assert(
      fc.property(specs, specs, (all, others) => {
        const names = Object.keys(all);
        const mine = Object.fromEntries(Object.entries(all).filter((_, i) => i % 2 === 0));
        const theirs = Object.fromEntries(Object.entries(others).filter(([name]) => !(name in mine)));
        const story = startStory();
        story.apply('them', config({ ...theirs, selector: { only: names.join('') || 'x' } }));
        const before = story.spec;
        assert.equal(
          refusal(() => story.apply('me', config(mine))),
          'accepted',
        );
        story.apply('me', '{}');
        assert.deepEqual(story.spec, before);
        assert.ok(!('me Apply' in story.owners));
      }),
      { numRuns: 150 },
    );
  });
});
