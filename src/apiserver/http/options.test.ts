import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../api/errors/api-error.ts';
import { listQuery, watchQuery } from './list-options.ts';
import { deleteOptions, writeOptions } from './write-options.ts';

const query = (text: string) => new URLSearchParams(text);
const refused = (code: number, text: string | RegExp) => (error: unknown) =>
  error instanceof ApiError &&
  error.code === code &&
  (typeof text === 'string' ? error.message === text : text.test(error.message));

test('a list without parameters selects everything', () => {
  assert.deepEqual(listQuery(query('')), { labelSelector: [], fieldSelector: [] });
});

test('a list takes its page, its version and its selectors', () => {
  assert.deepEqual(
    listQuery(query('limit=5&continue=abc&labelSelector=a%3Db&fieldSelector=metadata.name%3Dx')),
    {
      labelSelector: [{ key: 'a', operator: 'In', values: ['b'] }],
      fieldSelector: [{ field: 'metadata.name', operator: '=', value: 'x' }],
      limit: 5,
      continue: 'abc',
    },
  );
  assert.deepEqual(listQuery(query('resourceVersion=7&resourceVersionMatch=Exact&limit=0')), {
    labelSelector: [],
    fieldSelector: [],
    resourceVersion: '7',
    resourceVersionMatch: 'Exact',
  });
});

const badLists: readonly [text: string, code: number, message: string | RegExp][] = [
  ['limit=many', 400, 'limit must be an integer, not "many"'],
  ['limit=99999999999999999999', 400, /limit must be an integer/],
  ['labelSelector=a%3D%3D%3Db', 400, /unable to parse requirement/],
  ['fieldSelector=nonsense', 400, /invalid selector/],
  [
    'resourceVersion=-1',
    422,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersion: Invalid value: "-1": must be an unsigned integer',
  ],
  ['resourceVersionMatch=Exact', 422, /resourceVersionMatch is forbidden unless resourceVersion is provided/],
  [
    'resourceVersionMatch=Sometimes&resourceVersion=1',
    422,
    /Unsupported value: "Sometimes": supported values: "Exact", "NotOlderThan", ""/,
  ],
  ['resourceVersion=0&resourceVersionMatch=Exact', 422, /forbidden for resourceVersion "0"/],
  ['resourceVersion=1&resourceVersionMatch=Exact&continue=x', 422, /forbidden when continue is provided/],
  ['sendInitialEvents=true', 422, /sendInitialEvents is forbidden for list/],
  ['resourceVersion=5&continue=x', 400, 'specifying resource version is not allowed when using continue'],
];
for (const [text, code, message] of badLists) {
  test(`a list with ${text} is refused`, () =>
    assert.throws(() => listQuery(query(text)), refused(code, message)));
}

test('a watch takes bookmarks, a timeout and initial events', () => {
  const text =
    'allowWatchBookmarks=true&timeoutSeconds=9&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
  assert.deepEqual(watchQuery(query(text)), {
    labelSelector: [],
    fieldSelector: [],
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: true,
    sendInitialEvents: true,
    timeoutSeconds: 9,
  });
});

const badWatches: readonly [text: string, message: RegExp][] = [
  ['sendInitialEvents=true', /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/],
  ['resourceVersionMatch=NotOlderThan', /forbidden for watch unless sendInitialEvents is provided/],
  [
    'sendInitialEvents=true&resourceVersionMatch=Exact&continue=x',
    /^ListOptions.meta.k8s.io "" is invalid: \[resourceVersionMatch: Forbidden: sendInitialEvents requires .*, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan", resourceVersionMatch: Forbidden: .* when continue is provided\]$/,
  ],
];
for (const [text, message] of badWatches) {
  test(`a watch with ${text} is refused`, () =>
    assert.throws(() => watchQuery(query(text)), refused(422, message)));
}

test('a write knows its manager by name or by user agent', () => {
  const options = (text: string, agent?: string) =>
    writeOptions(query(text), { 'user-agent': agent }, 'CreateOptions');
  assert.deepEqual(options('fieldManager=me&dryRun=All&fieldValidation=Strict'), {
    isDryRun: true,
    fieldValidation: 'Strict',
    fieldManager: 'me',
  });
  assert.deepEqual(options('', 'kubectl/v1.32 (linux)'), {
    isDryRun: false,
    fieldValidation: 'Warn',
    fieldManager: 'kubectl',
  });
  assert.equal(options('').fieldManager, 'unknown');
});

const badWrites: readonly [text: string, message: string | RegExp][] = [
  [
    'dryRun=Some',
    'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
  ],
  [
    'fieldValidation=Maybe',
    /fieldValidation: Unsupported value: "Maybe": supported values: "Ignore", "Strict", "Warn"/,
  ],
  [`fieldManager=${'x'.repeat(129)}`, /fieldManager: Too long: may not be more than 128 bytes/],
  ['fieldManager=a%07b', /should only contain printable characters/],
];
for (const [text, message] of badWrites) {
  test(`a write with ${text.slice(0, 30)} is refused`, () =>
    assert.throws(() => writeOptions(query(text), {}, 'CreateOptions'), refused(422, message)));
}

test('a delete is told by its body before its query', () => {
  const body = {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    gracePeriodSeconds: 3,
    preconditions: { uid: 'u' },
  };
  assert.deepEqual(deleteOptions(query('gracePeriodSeconds=9&propagationPolicy=Orphan&dryRun=All'), body), {
    isDryRun: true,
    options: { gracePeriodSeconds: 3, propagationPolicy: 'Orphan', preconditions: { uid: 'u' } },
  });
  assert.deepEqual(deleteOptions(query(''), undefined), { isDryRun: false, options: {} });
  assert.deepEqual(deleteOptions(query('orphanDependents=false'), undefined).options, {
    propagationPolicy: 'Background',
  });
  assert.deepEqual(deleteOptions(query(''), { orphanDependents: true, dryRun: ['All'] }), {
    isDryRun: true,
    options: { propagationPolicy: 'Orphan' },
  });
});

test('a delete with less than no grace gives one second', () => {
  assert.deepEqual(deleteOptions(query('gracePeriodSeconds=-1'), undefined).options, {
    gracePeriodSeconds: 1,
  });
});

test('a delete refuses what makes no sense', () => {
  assert.throws(() => deleteOptions(query(''), { kind: 'Pod' }), refused(400, /must be DeleteOptions/));
  assert.throws(
    () => deleteOptions(query('orphanDependents=true&propagationPolicy=Orphan'), undefined),
    refused(422, /orphanDependents and deletionPropagation cannot be both set/),
  );
  assert.throws(
    () => deleteOptions(query(''), { gracePeriodSeconds: 1.5 }),
    refused(400, /must be an integer/),
  );
  assert.throws(
    () => deleteOptions(query('propagationPolicy=Never'), undefined),
    refused(422, /Unsupported value: "Never"/),
  );
  assert.throws(
    () => deleteOptions(query(''), { preconditions: 'x' }),
    refused(400, /preconditions must be an object/),
  );
});
