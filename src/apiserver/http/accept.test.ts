import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiate, parseAccept } from './accept.ts';

const table = { encoding: 'json', shape: 'Table', shapeVersion: 'v1' };
const json = { encoding: 'json', shape: 'object', shapeVersion: 'v1' };
const yaml = { ...json, encoding: 'yaml' };
const protobuf = { ...json, encoding: 'protobuf' };
const asMetadata = 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const metadata = { encoding: 'json', shape: 'PartialObjectMetadata', shapeVersion: 'v1' };

const cases: readonly [title: string, header: string | undefined, expected: object | undefined][] = [
  ['nothing asked is JSON', undefined, json],
  ['an empty header is JSON', ' ', json],
  ['anything is JSON', 'text/html, */*;q=0.1', json],
  [
    'kubectl get takes the first table it offers',
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
    table,
  ],
  [
    'an older kubectl gets the older table',
    'application/json;as=Table;v=v1beta1;g=meta.k8s.io',
    { ...table, shapeVersion: 'v1beta1' },
  ],
  ['a Go client gets protobuf', 'application/vnd.kubernetes.protobuf,application/json', protobuf],
  ['a Go client that watches', 'application/vnd.kubernetes.protobuf;stream=watch', protobuf],
  ['a Go client that prefers JSON', 'application/json, application/vnd.kubernetes.protobuf', json],
  ['another stream falls to the next clause', 'application/json;stream=all, application/yaml', yaml],
  ['YAML has no streams', 'application/yaml;stream=watch', undefined],
  [
    'metadata in protobuf',
    `application/vnd.kubernetes.protobuf;${asMetadata}`,
    { ...metadata, encoding: 'protobuf' },
  ],
  [
    'a Table in protobuf falls to the next clause',
    'application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1, application/json;as=Table;g=meta.k8s.io;v=v1',
    table,
  ],
  ['a type without wildcards comes before one with', '*/*, application/*, application/yaml', yaml],
  ['wildcards of a type', 'application/*', json],
  ['indented', 'application/json;pretty=1', { ...json, isPretty: true }],
  ['quoted parameters', 'application/json;as="Table";g="meta.k8s.io";v="v1"', table],
  ['a group without a shape is none', 'application/json;g=meta.k8s.io;v=v1', undefined],
  ['a type that is called like a member of every object', 'constructor, application/yaml', yaml],
  ['YAML', 'application/yaml', yaml],
  ['quality decides before order', 'application/yaml;q=0.5, application/json', json],
  ['quality zero is a refusal', 'application/json;q=0', undefined],
  ['metadata only', `application/json;${asMetadata}`, metadata],
  ['a shape of another group cannot be met', 'application/json;as=Table;g=example.org;v=v1', undefined],
  [
    'a shape nobody knows falls to the next clause',
    'application/json;as=Chart;g=meta.k8s.io;v=v1, application/json',
    json,
  ],
];

for (const [title, header, expected] of cases) {
  test(`accept: ${title}`, () => assert.deepEqual(negotiate(header, { hasShapes: true }), expected));
}

test('accept: the list form of metadata', () => {
  const header = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  assert.deepEqual(negotiate(header, { hasShapes: true }), {
    ...metadata,
    shape: 'PartialObjectMetadataList',
  });
});

test('accept: where there are no shapes they are passed over', () => {
  const header = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  assert.deepEqual(negotiate(header, { hasShapes: false }), json);
});

test('accept: clauses keep their parameters', () => {
  assert.deepEqual(parseAccept('a/b; X = 1 ;y=2, c/d;q=0.1'), [
    { type: 'a/b', parameters: { x: '1', y: '2' } },
    { type: 'c/d', parameters: { q: '0.1' } },
  ]);
});
