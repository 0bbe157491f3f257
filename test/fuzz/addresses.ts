import fc from 'fast-check';
import { oddValue } from './bodies.ts';
import { isHeaderValue } from './header-value.ts';

const selectorText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'a',
        'b',
        '=',
        '==',
        '!=',
        'in',
        'notin',
        '(',
        ')',
        ',',
        '!',
        '>',
        '<',
        ' ',
        '\\',
        '/',
        '.',
      ),
      fc.constantFrom('metadata.name', 'metadata.namespace', 'spec.nodeName', 'status.phase', 'x.io/y', '5'),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 14 },
  )
  .map((tokens) => tokens.join(''));

const pageToken = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc
    .oneof(
      fc.record({ v: oddValue, rv: oddValue, start: oddValue }, { requiredKeys: [] }),
      fc.record({ v: fc.constant('meta.k8s.io/v1'), rv: fc.integer(), start: fc.string() }),
      oddValue,
    )
    .map((value) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url')),
);

const oddText = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '-1',
    'true',
    'false',
    'All',
    'Strict',
    'Warn',
    'Exact',
    'NotOlderThan',
    'Orphan',
    '1e9',
  ),
  fc.constantFrom('99999999999999999999', '0x1', 'NaN', ' ', 'null', '%', 'Foreground', 'Background'),
  fc.string({ maxLength: 12 }),
);

const parameter = fc.oneof(
  selectorText.map((value): [string, string] => ['labelSelector', value]),
  selectorText.map((value): [string, string] => ['fieldSelector', value]),
  pageToken.map((value): [string, string] => ['continue', value]),
  fc.tuple(
    fc.constantFrom(
      'limit',
      'resourceVersionMatch',
      'watch',
      'timeoutSeconds',
      'allowWatchBookmarks',
      'sendInitialEvents',
      'dryRun',
      'fieldValidation',
      'fieldManager',
      'force',
      'propagationPolicy',
      'gracePeriodSeconds',
      'orphanDependents',
      'pretty',
      'includeObject',
      'verbose',
      'exclude',
      'container',
      'tailLines',
      'follow',
      'x',
    ),
    oddText,
  ),
  // A revision still to come is waited for, which is right, and slow.
  fc
    .constantFrom('', '0', '1', '2', '-1', 'x', '01', '1.5')
    .map((value): [string, string] => ['resourceVersion', value]),
);

export const query: fc.Arbitrary<string> = fc.oneof(
  fc.array(parameter, { maxLength: 4 }).map((all) => new URLSearchParams(all).toString()),
  fc.string({ maxLength: 20 }).filter((text) => /^[\x21-\x7e]*$/.test(text) && !text.includes('#')),
);

const segment = fc.oneof(
  fc.constantFrom(
    'api',
    'apis',
    'v1',
    'namespaces',
    'default',
    'services',
    'pods',
    'svc',
    'cm',
    'status',
    'scale',
  ),
  fc.constantFrom(
    'apps',
    'log',
    'exec',
    'proxy',
    'binding',
    'eviction',
    'token',
    'finalize',
    'watch',
    'healthz',
  ),
  fc.constantFrom(
    '',
    '.',
    '..',
    '%00',
    '%2F',
    '%',
    '%ff',
    '%C0%AF',
    'livez',
    'etcd',
    'metrics',
    'openapi',
    'v2',
    'v3',
  ),
  fc.string({ maxLength: 8 }).map((text) => encodeURIComponent(text.toWellFormed())),
);

export const path: fc.Arbitrary<string> = fc
  .array(segment, { maxLength: 8 })
  .map((segments) => `/${segments.join('/')}`);

export const method: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD') },
  { weight: 2, arbitrary: fc.constantFrom('OPTIONS', 'TRACE', 'PROPFIND', 'M-SEARCH') },
);

export const accept: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constant('application/json') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'application/vnd.kubernetes.protobuf',
      'application/yaml',
      '*/*',
      'application/json;as=Table;v=v1;g=meta.k8s.io',
      'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
      'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
      'application/json;stream=watch',
      'text/html',
    ),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 30 }).filter(isHeaderValue) },
);
