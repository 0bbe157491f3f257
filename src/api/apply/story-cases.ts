import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startStory, type Story } from './test-kind.ts';

/** Writes to one object, and what it and its owners are afterwards; what is left out is not looked at. */
export interface StoryCase {
  readonly writes: (story: Story) => void;
  readonly spec?: unknown;
  readonly owners?: Readonly<Record<string, readonly string[]>>;
}

/** One test a sentence, within a describe. */
export function testStories(cases: Readonly<Record<string, StoryCase>>): void {
  for (const [sentence, { writes, spec, owners }] of Object.entries(cases)) {
    void it(sentence, () => {
      const story = startStory();
      writes(story);
      if (spec !== undefined) assert.deepEqual(story.spec, spec);
      if (owners !== undefined) assert.deepEqual(story.owners, owners);
    });
  }
}
