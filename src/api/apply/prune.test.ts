import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startStory, type Story } from './test-kind.ts';

interface Case {
  readonly writes: (story: Story) => void;
  readonly spec?: unknown;
  readonly owners?: Readonly<Record<string, readonly string[]>>;
}

const cases: Readonly<Record<string, Case>> = {
  'a part in which an updater has a field stays': {
    writes: (s) => {
      s.apply('a', 'spec: { inner: { a: 1 } }');
      s.update('u', 'spec: { inner: { a: 1, b: 2 } }');
      s.apply('a', '{}');
    },
    spec: { inner: { b: 2 } },
    owners: { 'u Update': ['.spec.inner.b'] },
  },
  'an item goes with the applier who put it there, and with it what an updater wrote inside': {
    writes: (s) => {
      s.apply('a', 'spec: { number: 1, items: [{ name: one, value: 1 }] }');
      s.update('u', 'spec: { number: 1, items: [{ name: one, value: 1, note: n }] }');
      s.apply('a', 'spec: { number: 1 }');
    },
    spec: { number: 1 },
  },
  'the last label of an applier leaves those of others': {
    writes: (s) => {
      s.apply('a', 'metadata: { name: x, labels: { l: v } }');
      s.update('u', 'metadata: { name: x, labels: { l: v, tier: front } }');
      s.apply('a', 'metadata: { name: x }');
    },
    owners: { 'u Update': ['.metadata.labels.tier'] },
  },
};

describe('what an applier lets go of', () => {
  for (const [sentence, { writes, spec, owners }] of Object.entries(cases)) {
    it(sentence, () => {
      const story = startStory();
      writes(story);
      if (spec !== undefined) assert.deepEqual(story.spec, spec);
      if (owners !== undefined) assert.deepEqual(story.owners, owners);
    });
  }
});
