import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFieldErrors } from '../errors/field-error.ts';
import type { ObjectMeta } from '../meta/v1/object-meta.ts';
import { dns1035Label, dns1123Subdomain } from './names.ts';
import { type ObjectMetaRules, validateObjectMeta, validateObjectMetaUpdate } from './object-meta.ts';

const namespaced: ObjectMetaRules = { isNamespaced: true, name: dns1035Label };
const clusterScoped: ObjectMetaRules = { isNamespaced: false, name: dns1123Subdomain };
const good: ObjectMeta = { name: 'a', namespace: 'default' };
const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u' };

const texts = (errors: Parameters<typeof formatFieldErrors>[0]): string[] =>
  errors.map((error) => formatFieldErrors([error]).replace(/ \(e\.g\..*/, ''));

describe('validateObjectMeta', () => {
  const label1035 =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  const name =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const cases: Record<string, [Partial<ObjectMeta>, string[]]> = {
    'nothing wrong': [{}, []],
    'a bad name': [{ name: '1a' }, [`metadata.name: Invalid value: "1a": ${label1035}`]],
    'no name': [{ name: undefined }, ['metadata.name: Required value: name or generateName is required']],
    'a prefix that may end in a hyphen': [{ generateName: 'a-' }, []],
    'a bad prefix': [{ generateName: 'A-' }, [`metadata.generateName: Invalid value: "A-": ${label1035}`]],
    'no namespace': [{ namespace: '' }, ['metadata.namespace: Required value']],
    'a negative generation': [
      { generation: -1 },
      ['metadata.generation: Invalid value: -1: must be greater than or equal to 0'],
    ],
    'a bad label key': [
      { labels: { 'a b': 'c' } },
      [`metadata.labels: Invalid value: "a b": name part ${name}`],
    ],
    'a bad label value': [
      { labels: { a: 'b c' } },
      [
        `metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
      ],
    ],
    'annotations with capitals in their domain': [{ annotations: { 'Example.COM/A': 'any text' } }, []],
    'a bad annotation key': [
      { annotations: { '/a': '' } },
      ['metadata.annotations: Invalid value: "/a": prefix part must be non-empty'],
    ],
    'annotations that are too large': [
      { annotations: { a: 'ä'.repeat(131_072) } },
      ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    ],
    'an owner': [{ ownerReferences: [{ ...owner, controller: true }, owner] }, []],
    'an owner without anything': [
      { ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '' }] },
      [
        'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
        'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
        'metadata.ownerReferences.name: Invalid value: "": must not be empty',
        'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
      ],
    ],
    'an Event as an owner': [
      { ownerReferences: [{ ...owner, apiVersion: 'v1', kind: 'Event' }] },
      [
        'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"rs","uid":"u"}: /v1, Kind=Event is disallowed from being an owner',
      ],
    ],
    'known and domain finalizers': [{ finalizers: ['foregroundDeletion', 'example.com/x'] }, []],
    'a finalizer without a domain': [
      { finalizers: ['mine'] },
      [
        'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
  };
  for (const [sentence, [change, expected]] of Object.entries(cases)) {
    it(sentence, () => {
      assert.deepEqual(texts(validateObjectMeta({ ...good, ...change }, namespaced)), expected);
    });
  }
  it('two controllers', () => {
    const controller = { ...owner, controller: true };
    const [error, ...rest] = texts(
      validateObjectMeta(
        { ...good, ownerReferences: [controller, { ...controller, name: 'b' }] },
        namespaced,
      ),
    );
    assert.deepEqual(rest, []);
    assert.match(
      error ?? '',
      /^metadata\.ownerReferences: Invalid value: \[.*\]: Only one reference can have Controller set to true\. Found "true" in references for rs and b$/,
    );
  });
  it('a namespace for a kind that has none', () => {
    assert.deepEqual(texts(validateObjectMeta(good, clusterScoped)), [
      'metadata.namespace: Forbidden: not allowed on this type',
    ]);
    assert.deepEqual(validateObjectMeta({ name: 'a.b' }, clusterScoped), []);
  });
});

describe('validateObjectMetaUpdate', () => {
  const stored: ObjectMeta = {
    ...good,
    uid: 'u',
    resourceVersion: '5',
    generation: 2,
    creationTimestamp: '2024-01-01T00:00:00Z',
  };
  const deleted = {
    deletionTimestamp: '2024-01-02T00:00:00Z',
    deletionGracePeriodSeconds: 0,
    finalizers: ['a/x'],
  };
  const cases: Record<string, [Partial<ObjectMeta>, Partial<ObjectMeta>, string[]]> = {
    'nothing wrong': [{}, { labels: { a: 'b' }, resourceVersion: '5' }, []],
    'other names and times': [
      {},
      {
        name: 'b',
        namespace: 'other',
        uid: 'v',
        creationTimestamp: '2025-01-01T00:00:00Z',
        deletionTimestamp: '2025-01-01T00:00:00Z',
      },
      [
        'metadata.name: Invalid value: "b": field is immutable',
        'metadata.namespace: Invalid value: "other": field is immutable',
        'metadata.uid: Invalid value: "v": field is immutable',
        'metadata.creationTimestamp: Invalid value: "2025-01-01T00:00:00Z": field is immutable',
        'metadata.deletionTimestamp: Invalid value: "2025-01-01T00:00:00Z": field is immutable',
      ],
    ],
    'no resource version': [
      {},
      { resourceVersion: undefined },
      ['metadata.resourceVersion: Invalid value: "": must be specified for an update'],
    ],
    'an older generation': [
      {},
      { generation: 1 },
      ['metadata.generation: Invalid value: 1: must not be decremented'],
    ],
    'fewer finalizers while it is deleted': [deleted, { ...deleted, finalizers: [] }, []],
    'more finalizers while it is deleted': [
      deleted,
      { ...deleted, finalizers: ['a/x', 'b/y'] },
      [
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"b/y"}',
      ],
    ],
    'what is wrong with a new object too': [
      {},
      { finalizers: ['x'] },
      [
        'metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
  };
  for (const [sentence, [before, change, expected]] of Object.entries(cases)) {
    it(sentence, () => {
      const prev = { ...stored, ...before };
      assert.deepEqual(
        texts(validateObjectMetaUpdate({ prev, next: { ...stored, ...change } }, namespaced)),
        expected,
      );
    });
  }
});
