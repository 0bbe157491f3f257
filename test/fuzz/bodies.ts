import fc from 'fast-check';
import { kindOf } from '../../src/api/kinds.ts';
import { encodeProtobuf } from '../../src/api/protobuf/encode.ts';
import { sealEnvelope } from '../../src/api/protobuf/envelope.ts';
import { isHeaderValue } from './header-value.ts';

/** Values that parsers and rules stumble over. */
export const oddValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    ' ',
    0,
    -0,
    -1,
    65_536,
    2 ** 31,
    2 ** 53 + 2,
    1e308,
    0.5,
    [],
    {},
    [[]],
    '\u0000',
    '\ud800',
    '\uffff',
    '__proto__',
    'constructor',
    '${}',
    '../..',
    'a'.repeat(70_000),
    '10.0.0.1',
    '::1',
    '::ffff:10.0.0.1',
    '010.0.0.1',
    '0x10',
    '1e3',
    '9'.repeat(400),
    '2026-13-45T99:99:99Z',
  ),
  fc.jsonValue({ maxDepth: 4 }),
);

/** Names of fields that are there and of some that no schema has. */
const oddKey = fc.oneof(
  fc.constantFrom('metadata', 'spec', 'status', 'kind', 'apiVersion', 'name', 'namespace', 'uid', 'items'),
  fc.constantFrom('resourceVersion', 'generation', 'managedFields', 'ownerReferences', 'deletionTimestamp'),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '$patch', '$retainKeys'),
  fc.string({ maxLength: 10 }),
);

type Step = readonly [where: number, how: number, key: string, value: unknown];
const step: fc.Arbitrary<Step> = fc.tuple(fc.nat(), fc.nat(3), oddKey, oddValue);

/** The object with some of its parts replaced, removed, renamed or put elsewhere. */
export const spoiledObject = (base: object): fc.Arbitrary<unknown> =>
  fc.array(step, { maxLength: 4 }).map((steps) => steps.reduce<unknown>(spoil, base));

function spoil(value: unknown, [where, how, key, odd]: Step): unknown {
  if (typeof value !== 'object' || value === null) return odd;
  const entries: (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((each: unknown, i) => [i, each] as const)
    : Object.entries(value);
  const at = entries[where % (entries.length + 1)];
  const rest: Step = [Math.floor(where / (entries.length + 1)), how, key, odd];
  const changed = at === undefined ? undefined : how === 0 ? odd : spoil(at[1], rest);
  if (Array.isArray(value)) {
    if (at === undefined) return [...(value as unknown[]), odd];
    return (value as unknown[]).flatMap((each, i) => (i !== at[0] ? [each] : how === 1 ? [] : [changed]));
  }
  if (at === undefined) return { ...value, [key]: odd };
  return Object.fromEntries(
    entries.flatMap(([name, each]) =>
      name !== at[0] ? [[name, each]] : how === 1 ? [] : how === 2 ? [[key, changed]] : [[name, changed]],
    ),
  );
}

/** Bytes with some of them changed, cut out, repeated or put in. */
export const spoiledBytes = (base: Uint8Array): fc.Arbitrary<Buffer> =>
  fc.array(fc.tuple(fc.nat(), fc.nat(4), fc.uint8Array({ maxLength: 12 })), { maxLength: 5 }).map((steps) =>
    steps.reduce<Buffer>((bytes, [where, how, some]) => {
      const at = where % (bytes.length + 1);
      const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
      if (how === 0) return Buffer.concat([head, some, tail.subarray(some.length)]);
      if (how === 1) return head;
      if (how === 2) return Buffer.concat([head, some, tail]);
      if (how === 3) return Buffer.concat([head, tail.subarray(some.length)]);
      return Buffer.concat([bytes, tail]);
    }, Buffer.from(base)),
  );

const protobufOf = (object: Readonly<Record<string, unknown>>): Buffer => {
  const [apiVersion, name] = [String(object['apiVersion']), String(object['kind'])];
  const kind = kindOf(apiVersion, name);
  if (kind === undefined) throw new Error(`there is no ${name} in ${apiVersion}`);
  return sealEnvelope({ apiVersion, kind: name }, encodeProtobuf(kind.schema, object));
};

const deep = (open: string, close: string): fc.Arbitrary<string> =>
  fc.integer({ min: 1, max: 200_000 }).map((n) => open.repeat(n) + close.repeat(n));

/** A body and what it claims to be. */
export interface Body {
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** Documents of one object: nearly right JSON, YAML or protobuf, and things that are none of these. */
export function bodyOf(object: Readonly<Record<string, unknown>>): fc.Arbitrary<Body> {
  const json = Buffer.from(JSON.stringify(object));
  const as = (contentType: string, bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Body> =>
    bytes.map((each) => ({ contentType, bytes: each }));
  const text = (all: fc.Arbitrary<string>): fc.Arbitrary<Buffer> => all.map((each) => Buffer.from(each));
  const spoiled = spoiledObject(object).map((value) => JSON.stringify(value) ?? '');
  const yaml = fc.constantFrom(
    'a: &x [*x]',
    '&a [&b [*a, *b]]',
    'a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]\n',
    '? [complex]: key',
    '!!binary AAA',
    '!!js/function x',
    '%YAML 9.9\n---\n',
    '--- \n---\n---',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "\\ud800"}',
    'a: 2001-12-14t21:59:43.10-05:00\n<<: {a: b}',
    '\t',
  );
  return fc.oneof(
    as('application/json', text(spoiled)),
    as('application/json', spoiledBytes(json)),
    as(
      'application/json',
      text(fc.oneof(deep('[', ']'), deep('{"a":', '}'), deep('{"metadata":{"x":', '}}'))),
    ),
    as('application/yaml', text(fc.oneof(spoiled, yaml, deep('[', ']'), deep('- ', ''), deep('a: {', '}')))),
    as('application/yaml', spoiledBytes(json)),
    as('application/vnd.kubernetes.protobuf', spoiledBytes(protobufOf(object))),
    as(
      'application/vnd.kubernetes.protobuf',
      fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b)),
    ),
    fc
      .tuple(fc.string({ maxLength: 40 }).filter(isHeaderValue), spoiledBytes(json))
      .map(([contentType, bytes]) => ({ contentType, bytes })),
  );
}

const pointer = fc
  .array(
    fc.constantFrom(
      'metadata',
      'labels',
      'annotations',
      'name',
      'spec',
      'ports',
      '0',
      '1',
      '-',
      '99',
      '~1',
      '~',
      '',
      'data',
      '__proto__',
    ),
    {
      maxLength: 5,
    },
  )
  .map((tokens) => tokens.map((token) => `/${token}`).join(''));

const jsonPatch = fc.array(
  fc.oneof(
    fc.record(
      {
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'nothing'),
        path: pointer,
        from: pointer,
        value: oddValue,
      },
      { requiredKeys: ['op', 'path'] },
    ),
    oddValue,
  ),
  { maxLength: 12 },
);

const directives = {
  $patch: 'replace',
  $retainKeys: ['type'],
  '$setElementOrder/ports': [{ port: 80 }],
  '$deleteFromPrimitiveList/finalizers': ['x.io/y'],
};

/** Patches of an object, and what calls itself one. */
export function patchOf(object: Readonly<Record<string, unknown>>): fc.Arbitrary<Body> {
  const strategic = fc
    .tuple(
      spoiledObject(object),
      fc.subarray(Object.entries(directives)),
      fc.constantFrom('spec', 'metadata', ''),
    )
    .map(([value, chosen, where]): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      const inner = (value as Record<string, unknown>)[where];
      const added = Object.fromEntries(chosen);
      return where === ''
        ? { ...value, ...added }
        : { ...value, [where]: { ...(inner as object), ...added } };
    });
  const as = (contentType: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<Body> =>
    value.map((each) => ({ contentType, bytes: Buffer.from(JSON.stringify(each) ?? '') }));
  return fc.oneof(
    as('application/json-patch+json', fc.oneof(jsonPatch, oddValue)),
    as('application/merge-patch+json', fc.oneof(spoiledObject(object), oddValue)),
    as('application/strategic-merge-patch+json', fc.oneof(strategic, oddValue)),
    as('application/apply-patch+yaml', fc.oneof(spoiledObject(object), oddValue)),
    bodyOf(object),
  );
}
