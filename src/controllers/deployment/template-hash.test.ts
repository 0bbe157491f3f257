import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { PodTemplateSpec } from '../../api/core/v1/pod-template.ts';
import { isSameTemplate, templateHash } from './template-hash.ts';

const template = (image: string): PodTemplateSpec => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }] },
});

it('templates are the same whatever the hash label and the order of fields', () => {
  const labelled = { ...template('a'), metadata: { labels: { 'pod-template-hash': 'x', app: 'web' } } };
  assert.ok(isSameTemplate(template('a'), labelled));
  assert.ok(!isSameTemplate(template('a'), template('b')));
  assert.equal(
    templateHash({ spec: template('a').spec, metadata: { labels: { app: 'web' } } }, 0),
    templateHash(template('a'), 0),
  );
});
