import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asJson } from '../kind.ts';
import { type StoryCase, testStories } from './story-cases.ts';
import { refusal, startStory, type Story } from './test-kind.ts';

const cases: Readonly<Record<string, StoryCase>> = {
  'an apply creates, and owns what it names': {
    writes: (s) =>
      s.apply('a', 'spec: { number: 1, tags: { x: y }, flags: [f], items: [{ name: i, value: 2 }] }'),
    spec: { number: 1, tags: { x: 'y' }, flags: ['f'], items: [{ name: 'i', value: 2 }] },
    owners: {
      'a Apply': [
        '.spec.flags[="f"]',
        '.spec.items[name="i"]',
        '.spec.items[name="i"].name',
        '.spec.items[name="i"].value',
        '.spec.number',
        '.spec.tags.x',
      ],
    },
  },
  'a field no longer named goes': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, text: t }');
      s.apply('a', 'spec: { text: t }');
    },
    spec: { text: 't' },
    owners: { 'a Apply': ['.spec.text'] },
  },
  'a field that another applier names as well stays when one lets go': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, text: t }');
      s.apply('b', 'spec: { number: 1 }');
      s.apply('a', 'spec: { text: t }');
    },
    spec: { number: 1, text: 't' },
    owners: { 'a Apply': ['.spec.text'], 'b Apply': ['.spec.number'] },
  },
  'a field an updater changed and the applier lets go of stays': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, text: t }');
      s.update('u', 'spec: { number: 2, text: t }');
      s.apply('a', 'spec: { text: t }');
    },
    spec: { number: 2, text: 't' },
    owners: { 'a Apply': ['.spec.text'], 'u Update': ['.spec.number'] },
  },
  'an updater that also says what the applier said owns nothing, and cannot keep it': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, text: t }');
      s.update('u', 'spec: { number: 1, text: t }');
      s.apply('a', 'spec: { text: t }');
    },
    spec: { text: 't' },
    owners: { 'a Apply': ['.spec.text'] },
  },
  'an update takes what it changes': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, text: t }');
      s.update('u', 'spec: { number: 2, text: t }');
    },
    owners: { 'a Apply': ['.spec.text'], 'u Update': ['.spec.number'] },
  },
  'an update that takes a field away takes it from everybody': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, text: t }');
      s.update('u', 'spec: { text: t }');
    },
    spec: { text: 't' },
    owners: { 'a Apply': ['.spec.text'] },
  },
  'force takes the field from its owner': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, text: t }');
      s.apply('b', 'spec: { number: 2 }', { isForced: true });
    },
    spec: { number: 2, text: 't' },
    owners: { 'a Apply': ['.spec.text'], 'b Apply': ['.spec.number'] },
  },
  'items of a list belong to different appliers': {
    writes: (s) => {
      s.apply('a', 'spec: { items: [{ name: one, value: 1 }] }');
      s.apply('b', 'spec: { items: [{ name: two, value: 2 }] }');
      s.apply('a', '{}');
    },
    spec: { items: [{ name: 'two', value: 2 }] },
    owners: {
      'b Apply': ['.spec.items[name="two"]', '.spec.items[name="two"].name', '.spec.items[name="two"].value'],
    },
  },
  'a list whose last item goes, goes': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, items: [{ name: one, value: 1 }] }');
      s.apply('a', 'spec: { number: 1 }');
    },
    spec: { number: 1 },
  },
  'fields within one item may have different owners': {
    writes: (s) => {
      s.apply('a', 'spec: { items: [{ name: one, value: 1 }] }');
      s.apply('b', 'spec: { items: [{ name: one, note: n }] }');
      s.apply('a', 'spec: { items: [{ name: one }] }');
    },
    spec: { items: [{ name: 'one', note: 'n' }] },
  },
  'an item somebody else has a field in survives the one who put it there': {
    writes: (s) => {
      s.apply('a', 'spec: { items: [{ name: one, value: 1 }] }');
      s.apply('b', 'spec: { items: [{ name: one, note: n }] }');
      s.apply('a', '{}');
    },
    spec: { items: [{ name: 'one', note: 'n' }] },
  },
  'elements of a set belong to different appliers': {
    writes: (s) => {
      s.apply('a', 'spec: { flags: [x, y] }');
      s.apply('b', 'spec: { flags: [y, z] }');
      s.apply('a', '{}');
    },
    spec: { flags: ['y', 'z'] },
    owners: { 'b Apply': ['.spec.flags[="y"]', '.spec.flags[="z"]'] },
  },
  'keys of a map belong to different appliers': {
    writes: (s) => {
      s.apply('a', 'spec: { tags: { x: "1", y: "2" } }');
      s.apply('b', 'spec: { tags: { z: "3" } }');
      s.apply('a', 'spec: { tags: { x: "1" } }');
    },
    spec: { tags: { x: '1', z: '3' } },
  },
  'an atomic list has one owner and is replaced as a whole': {
    writes: (s) => {
      s.apply('a', 'spec: { lines: [x, y] }');
      s.apply('a', 'spec: { lines: [z] }');
    },
    spec: { lines: ['z'] },
    owners: { 'a Apply': ['.spec.lines'] },
  },
  'an atomic map is replaced as a whole': {
    writes: (s) => {
      s.apply('a', 'spec: { selector: { x: y }, whole: { a: 1 } }');
      s.apply('a', 'spec: { selector: { z: y }, whole: { b: 1 } }');
    },
    spec: { selector: { z: 'y' }, whole: { b: 1 } },
    owners: { 'a Apply': ['.spec.selector', '.spec.whole'] },
  },
  'a key that is left out has its default': {
    writes: (s) => {
      s.apply('a', 'spec: { ports: [{ port: 80, title: web }] }');
      s.apply('a', 'spec: { ports: [{ port: 80, protocol: TCP, title: www }, { port: 80, protocol: UDP }] }');
    },
    spec: {
      ports: [
        { port: 80, protocol: 'TCP', title: 'www' },
        { port: 80, protocol: 'UDP' },
      ],
    },
    owners: {
      'a Apply': [
        '.spec.ports[port=80,protocol="TCP"]',
        '.spec.ports[port=80,protocol="TCP"].port',
        '.spec.ports[port=80,protocol="TCP"].protocol',
        '.spec.ports[port=80,protocol="TCP"].title',
        '.spec.ports[port=80,protocol="UDP"]',
        '.spec.ports[port=80,protocol="UDP"].port',
        '.spec.ports[port=80,protocol="UDP"].protocol',
      ],
    },
  },
  'items have the order of the last applier, and others keep their places among them': {
    writes: (s) => {
      s.apply('a', 'spec: { items: [{ name: a }, { name: b }, { name: c }] }');
      s.apply('b', 'spec: { items: [{ name: c }, { name: d }, { name: a }] }');
    },
    spec: { items: [{ name: 'b' }, { name: 'c' }, { name: 'd' }, { name: 'a' }] },
  },
  'a map that has lost its last key by its applier goes': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, inner: { a: 1 } }');
      s.apply('a', 'spec: { number: 1 }');
    },
    spec: { number: 1 },
  },
  'a part in which another applier has a field stays': {
    writes: (s) => {
      s.apply('a', 'spec: { inner: { a: 1 } }');
      s.apply('b', 'spec: { inner: { b: 2 } }');
      s.apply('a', '{}');
    },
    spec: { inner: { b: 2 } },
    owners: { 'b Apply': ['.spec.inner.b'] },
  },
  'an applier owns an empty part that it names': {
    writes: (s) => s.apply('a', 'spec: { inner: {} }'),
    spec: { inner: {} },
    owners: { 'a Apply': ['.spec.inner'] },
  },
  'a part that its applier empties stays, empty': {
    writes: (s) => {
      s.apply('a', 'spec: { inner: { a: 1 } }');
      s.apply('a', 'spec: { inner: {} }');
    },
    spec: { inner: {} },
    owners: { 'a Apply': ['.spec.inner'] },
  },
  'null is a wish for nothing, and owned': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1 }');
      s.apply('a', 'spec: { number: null, text: t }');
    },
    spec: { text: 't' },
    owners: { 'a Apply': ['.spec.number', '.spec.text'] },
  },
  'what stood before anyone kept track has an owner from the first apply on': {
    writes: (s) => {
      s.update('u', { metadata: { name: 'x' }, spec: { number: 1, text: 't' } });
      s.update('u', { metadata: { name: 'x', managedFields: [] }, spec: { number: 1, text: 't' } });
      s.apply('a', 'spec: { text: t }');
    },
    owners: {
      'a Apply': ['.spec.text'],
      'before-first-apply Update': ['.spec.number', '.spec.text'],
    },
  },
  'an updater of the status owns nothing of the rest': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1 }');
      s.update('u', 'spec: { number: 7 }\nstatus: { a: 1 }', 'status');
    },
    owners: { 'a Apply': ['.spec.number'], 'u Update status': ['.status.a'] },
  },
  'an applier of the object owns nothing of its status': {
    writes: (s) => s.apply('a', 'spec: { number: 1 }\nstatus: { a: 1 }'),
    owners: { 'a Apply': ['.spec.number'] },
  },
  'nobody owns the name, but labels have owners': {
    writes: (s) => s.apply('a', 'metadata: { name: x, namespace: n, labels: { l: v }, finalizers: [a/b] }'),
    owners: { 'a Apply': ['.metadata.finalizers[="a/b"]', '.metadata.labels.l'] },
  },
};

describe('applying', () => {
  testStories(cases);

  it('again changes nothing, not even the time', () => {
    const story = startStory();
    story.apply('a', 'spec: { number: 1 }');
    const before = story.object;
    story.apply('a', 'spec: { number: 1 }');
    assert.deepEqual(story.object, before);
  });
});

const refusals: Readonly<Record<string, readonly [(story: Story) => void, string]>> = {
  'another value of a field that an applier owns': [
    (s) => {
      s.apply('a', 'spec: { number: 1 }');
      s.apply('b', 'spec: { number: 2 }');
    },
    '409 Conflict: Apply failed with 1 conflict: conflict with "a": .spec.number',
  ],
  'another value of a field that an updater owns': [
    (s) => {
      s.update('u', 'spec: { number: 1 }');
      s.apply('b', 'spec: { number: 2 }');
    },
    '409 Conflict: Apply failed with 1 conflict: conflict with "u" using v1: .spec.number',
  ],
  'values of several': [
    (s) => {
      s.update('u', 'spec: { number: 1, text: t }');
      s.apply('a', 'spec: { items: [{ name: i, value: 1 }] }');
      s.update('s', asJson({ ...s.object, status: { a: 1 } }), 'status');
      s.apply('b', 'spec: { number: 2, text: x, items: [{ name: i, value: 2 }] }');
    },
    '409 Conflict: Apply failed with 3 conflicts: conflicts with "a":\n- .spec.items[name="i"].value\n' +
      'conflicts with "u" using v1:\n- .spec.number\n- .spec.text',
  ],
  'a field the kind does not have': [
    (s) => s.apply('a', 'spec: { colour: red }'),
    '400 BadRequest: failed to create typed patch object (/x; /v1, Kind=Thing): .spec.colour: field not declared in schema',
  ],
  'a number where a text should be': [
    (s) => s.apply('a', 'spec: { text: 1, number: x }'),
    '400 BadRequest: failed to create typed patch object (/x; /v1, Kind=Thing): errors:\n' +
      '  .spec.text: expected string, got 1\n  .spec.number: expected numeric (int or float), got "x"',
  ],
  'an item twice': [
    (s) => s.apply('a', 'spec: { ports: [{ port: 80 }, { port: 80, protocol: TCP }] }'),
    '400 BadRequest: failed to create typed patch object (/x; /v1, Kind=Thing): ' +
      '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]',
  ],
  'an item without its key': [
    (s) => s.apply('a', 'spec: { items: [{ value: 1 }] }'),
    '400 BadRequest: failed to create typed patch object (/x; /v1, Kind=Thing): .spec.items: element 0: associative list ' +
      'with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)',
  ],
  managedFields: [
    (s) => s.apply('a', 'metadata: { managedFields: [] }'),
    '400 BadRequest: metadata.managedFields must be nil',
  ],
  'another kind': [
    (s) => s.apply('a', 'kind: Other'),
    '400 BadRequest: invalid object type: /v1, Kind=Other',
  ],
};

describe('an apply is refused with', () => {
  for (const [sentence, [writes, expected]] of Object.entries(refusals)) {
    it(sentence, () => {
      const story = startStory();
      assert.equal(
        refusal(() => writes(story)),
        expected,
      );
    });
  }

  it('a cause for each field', () => {
    const story = startStory();
    story.update('u', 'spec: { number: 1 }');
    assert.throws(() => story.apply('a', 'spec: { number: 2 }'), {
      status: {
        apiVersion: 'v1',
        kind: 'Status',
        metadata: {},
        status: 'Failure',
        message: 'Apply failed with 1 conflict: conflict with "u" using v1: .spec.number',
        reason: 'Conflict',
        details: {
          causes: [
            {
              reason: 'FieldManagerConflict',
              message: 'conflict with "u" using v1',
              field: '.spec.number',
            },
          ],
        },
        code: 409,
      },
    });
  });
});

describe('kubectl goes over from its own way of applying', () => {
  const applied = (spec: object): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Thing', metadata: { name: 'x' }, spec });
  const object = (last: object, spec: object) => ({
    metadata: {
      name: 'x',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': applied(last) },
    },
    spec,
  });

  it('without conflicts over what its annotation says', () => {
    const story = startStory();
    story.update('kubectl-client-side-apply', asJson(object({ number: 1 }, { number: 1 })));
    story.apply('kubectl', 'spec: { number: 2 }');
    assert.deepEqual(story.spec, { number: 2 });
    const annotations = story.object?.metadata.annotations ?? {};
    assert.deepEqual(
      JSON.parse(annotations['kubectl.kubernetes.io/last-applied-configuration'] ?? ''),
      JSON.parse(applied({ number: 2 })),
    );
  });

  it('but not over what somebody else has changed since, nor under another name', () => {
    const story = startStory();
    story.update('kubectl-client-side-apply', asJson(object({ number: 1 }, { number: 1 })));
    const conflict = '409 Conflict: Apply failed with 1 conflict: conflict with';
    assert.equal(
      refusal(() => story.apply('other', 'spec: { number: 2 }')),
      `${conflict} "kubectl-client-side-apply" using v1: .spec.number`,
    );
    story.update('u', asJson(object({ number: 1 }, { number: 5 })));
    assert.equal(
      refusal(() => story.apply('kubectl', 'spec: { number: 2 }')),
      `${conflict} "u" using v1: .spec.number`,
    );
  });
});
