import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../api/kind.ts';
import type { Column } from '../rest/rest.ts';
import { renderPartialMetadata, renderTable } from './table.ts';
import type { TableRequest } from './table.ts';

interface Thing extends KubeObject {
  readonly size: number;
}
const columns: readonly Column<Thing>[] = [
  {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: 'its name',
    priority: 0,
    cell: (thing) => thing.metadata.name,
  },
  {
    name: 'Age',
    type: 'integer',
    description: 'its age',
    priority: 1,
    cell: (thing, now) => now - thing.size,
  },
  { name: 'Note', type: 'string', description: 'nothing', priority: 0, cell: () => null },
];
const items: readonly Thing[] = [
  { kind: 'Thing', apiVersion: 'v1', metadata: { name: 'a"b', labels: { x: 'y' } }, size: 3 },
];
const request: TableRequest<Thing> = {
  resource: { columns, toJson: JSON.stringify },
  items,
  metadata: { resourceVersion: '9', continue: 'more' },
  includeObject: 'Metadata',
  version: 'v1',
  now: 10,
  hasColumns: true,
};
const render = (changes: Partial<TableRequest<Thing>> = {}): unknown =>
  JSON.parse(renderTable({ ...request, ...changes }));

test('a table names its columns and gives one row per object', () => {
  assert.deepEqual(render(), {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: '9', continue: 'more' },
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name', description: 'its name', priority: 0 },
      { name: 'Age', type: 'integer', format: '', description: 'its age', priority: 1 },
      { name: 'Note', type: 'string', format: '', description: 'nothing', priority: 0 },
    ],
    rows: [
      {
        cells: ['a"b', 7, null],
        object: {
          kind: 'PartialObjectMetadata',
          apiVersion: 'meta.k8s.io/v1',
          metadata: { name: 'a"b', labels: { x: 'y' } },
        },
      },
    ],
  });
});

test('rows carry as much of the object as was asked for', () => {
  const rows = (includeObject: TableRequest<Thing>['includeObject']) =>
    (render({ includeObject }) as { rows: unknown }).rows;
  assert.deepEqual(rows('None'), [{ cells: ['a"b', 7, null] }]);
  assert.deepEqual(rows('Object'), [{ cells: ['a"b', 7, null], object: items[0] }]);
});

test('later tables of a watch leave the columns out, an empty one has no rows', () => {
  assert.deepEqual(render({ hasColumns: false, items: [], metadata: {} }), {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    columnDefinitions: [],
    rows: [],
  });
});

test('metadata alone is of the version that was asked for', () => {
  assert.deepEqual(JSON.parse(renderPartialMetadata({ metadata: { name: 'a' } }, 'v1beta1')), {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1beta1',
    metadata: { name: 'a' },
  });
});
