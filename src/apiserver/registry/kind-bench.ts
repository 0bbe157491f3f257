import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { asJson } from '../../api/kind.ts';
import type { JsonObject } from '../../base/json.ts';
import { refusalOf, scopeOf, startRegistry, type TestRegistry } from './test-registry.ts';

/** The kind, a new object of it, and how the refusal goes on after `is invalid: `, or 'accepted'. */
export type Row = readonly [plural: string, body: JsonObject, expected: string];
/** A standing object, the refusal or 'accepted', and the merge patch (through a subresource) that gets it. */
export type ChangeRow = readonly [...Row, patch: JsonObject, subresource?: string];

export interface KindBench {
  /** Creates an object named `it` unless `body` says otherwise. */
  create(plural: string, body: JsonObject): Promise<JsonObject>;
  change(plural: string, patch: JsonObject, subresource?: string): Promise<JsonObject>;
  remove(plural: string): Promise<unknown>;
}

/** A registry for the tests of a file, and the one object that they make. */
export function kindBench(): KindBench {
  let registry: TestRegistry | undefined;
  before(async () => (registry = await startRegistry()));
  after(() => registry?.stop());
  const place = (plural: string) => {
    assert.ok(registry !== undefined);
    const { kind, write } = registry.resource(plural);
    return { scope: scopeOf(kind.isNamespaced ? 'default' : ''), write };
  };
  return {
    create: async (plural, body) => {
      const { scope, write } = place(plural);
      const metadata = { name: 'it', ...(body.metadata as JsonObject | undefined) };
      return asJson(await write.create(scope, { ...body, metadata }));
    },
    change: async (plural, patch, subresource) => {
      const { scope, write } = place(plural);
      const request = { name: 'it', type: 'application/merge-patch+json', body: patch } as const;
      const object = await write.patch(
        scope,
        subresource === undefined ? request : { ...request, subresource },
      );
      return asJson(object);
    },
    remove: (plural) => {
      const { scope, write } = place(plural);
      return write.delete(scope, { name: 'it', options: { propagationPolicy: 'Background' } });
    },
  };
}

export function testNewObjects(bench: KindBench, rows: Readonly<Record<string, Row>>): void {
  void describe('is it accepted?', () => {
    for (const [sentence, [plural, body, expected]] of Object.entries(rows)) {
      void it(sentence, async () => {
        const answer = await refusalOf(bench.create(plural, body));
        if (answer === 'accepted') await bench.remove(plural);
        if (expected === 'accepted') assert.equal(answer, 'accepted');
        else assert.ok(answer.includes(` is invalid: ${expected}`), answer);
      });
    }
  });
}

export function testChanges(bench: KindBench, rows: Readonly<Record<string, ChangeRow>>): void {
  void describe('may it change?', () => {
    for (const [sentence, [plural, body, expected, patch, subresource]] of Object.entries(rows)) {
      void it(sentence, async () => {
        await bench.create(plural, body);
        const answer = await refusalOf(bench.change(plural, patch, subresource));
        await bench.remove(plural);
        if (expected === 'accepted') assert.equal(answer, 'accepted');
        else assert.ok(answer.includes(` "it" is invalid: ${expected}`), answer);
      });
    }
  });
}
