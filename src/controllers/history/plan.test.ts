import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControllerRevision } from '../../api/apps/v1/revisioned-workloads.ts';
import { planHistory, revisionData, surplusRevisions, templateOf } from './plan.ts';

const template = (image: string) => ({
  metadata: { labels: { a: 'b' } },
  spec: { containers: [{ name: 'c', image }] },
});
const reference = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'ds', uid: 'u' };
const owner = { name: 'ds', namespace: 'shop', annotations: { why: 'not' }, reference };
const plan = (image: string, revisions: readonly ControllerRevision[], nCollisions = 0) =>
  planHistory({ owner, template: template(image), revisions, nCollisions });

describe('the history of a workload', () => {
  const first = plan('one', []);
  const second = plan('two', [first.current]);

  it('begins with 1 and counts on', () => {
    assert.deepEqual([first.write, first.current.revision], ['create', 1]);
    assert.deepEqual([second.write, second.current.revision], ['create', 2]);
    assert.notEqual(first.current.metadata.name, second.current.metadata.name);
  });

  it('keeps the template as the patch that brings it back', () => {
    assert.deepEqual(first.current.data, revisionData(template('one')));
    assert.deepEqual(templateOf(first.current), template('one'));
    const { labels, annotations, ownerReferences } = first.current.metadata;
    assert.deepEqual([labels?.a, annotations, ownerReferences], ['b', { why: 'not' }, [reference]]);
    assert.equal(`ds-${labels?.['controller-revision-hash']}`, first.current.metadata.name);
  });

  it('does not write what is there', () => {
    assert.deepEqual(plan('two', [first.current, second.current]), {
      current: second.current,
      write: 'keep',
    });
  });

  it('makes an old template the newest again', () => {
    const { current, write } = plan('one', [first.current, second.current]);
    assert.deepEqual(
      [write, current.revision, current.metadata.name],
      ['renumber', 3, first.current.metadata.name],
    );
  });

  it('has another name after a collision', () => {
    assert.notEqual(plan('one', [], 1).current.metadata.name, first.current.metadata.name);
  });

  it('drops the oldest that nobody uses', () => {
    const all = [1, 2, 3, 4].map((revision): ControllerRevision => ({
      metadata: { name: `r${revision}` },
      revision,
    }));
    const dropped = (live: string[], limit: number): string[] =>
      surplusRevisions(all, new Set(live), limit).map(({ metadata }) => metadata.name);
    assert.deepEqual(dropped(['r4'], 1), ['r1', 'r2']);
    assert.deepEqual(dropped(['r4', 'r1'], 1), ['r2']);
    assert.deepEqual(dropped(['r4'], 10), []);
    assert.deepEqual(dropped([], 0), ['r1', 'r2', 'r3', 'r4']);
  });
});
