import { describe } from 'node:test';
import { type StoryCase, testStories } from './story-cases.ts';

const cases: Readonly<Record<string, StoryCase>> = {
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
  testStories(cases);
});
