import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../base/json.ts';
import { arbitraryObject, completeValue } from '../testing/arbitrary-object.ts';
import { endpointSlicesV1beta1 } from './discovery/v1beta1/endpoint-slice.ts';
import { eventsOfGroup } from './events/v1/event.ts';
import { apiVersionOf, asJson, groupKindOf } from './kind.ts';
import { allKinds } from './kinds.ts';
import { decodeProtobuf } from './protobuf/decode.ts';
import { encodeProtobuf } from './protobuf/encode.ts';
import { decodeObject } from './schema/decode.ts';
import { kindVersions } from './versions.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const ZONE = 'topology.kubernetes.io/zone';
const HOSTNAME = 'kubernetes.io/hostname';

/** One endpoint as v1beta1 has it, the same as v1 has it, and as v1beta1 shows that. */
const endpoints: Readonly<Record<string, readonly [given: object, stored: object, shown: object]>> = {
  'zone and node become fields, and are shown as topology again': [
    { addresses: ['10.0.0.1'], topology: { [ZONE]: 'a', [HOSTNAME]: 'n' } },
    { addresses: ['10.0.0.1'], zone: 'a', nodeName: 'n' },
    { addresses: ['10.0.0.1'], nodeName: 'n', topology: { [ZONE]: 'a', [HOSTNAME]: 'n' } },
  ],
  'other labels are kept as deprecatedTopology': [
    { topology: { [ZONE]: 'a', region: 'r' } },
    { zone: 'a', deprecatedTopology: { region: 'r' } },
    { topology: { region: 'r', [ZONE]: 'a' } },
  ],
  'a host name that is the node is said once': [
    { nodeName: 'n', topology: { [HOSTNAME]: 'n' } },
    { nodeName: 'n' },
    { nodeName: 'n', topology: { [HOSTNAME]: 'n' } },
  ],
  'a host name that is another node is kept': [
    { nodeName: 'n', topology: { [HOSTNAME]: 'm' } },
    { nodeName: 'n', deprecatedTopology: { [HOSTNAME]: 'm' } },
    { nodeName: 'n', topology: { [HOSTNAME]: 'm' } },
  ],
  'no topology is none': [{ hostname: 'h' }, { hostname: 'h' }, { hostname: 'h' }],
  'an empty topology is none': [{ topology: {} }, {}, {}],
  'hints for zones stay': [
    { hints: { forZones: [{ name: 'a' }] } },
    { hints: { forZones: [{ name: 'a' }] } },
    { hints: { forZones: [{ name: 'a' }] } },
  ],
};

describe('EndpointSlice of v1beta1', () => {
  const { toStored, fromStored } = endpointSlicesV1beta1;
  for (const [title, [given, stored, shown]] of Object.entries(endpoints)) {
    it(title, () => {
      const before = structuredClone(given);
      assert.deepEqual(toStored({ endpoints: [given as JsonObject] }), { endpoints: [stored] });
      assert.deepEqual(fromStored({ endpoints: [stored as JsonObject] }), { endpoints: [shown] });
      assert.deepEqual(given, before);
    });
  }

  it('does not show hints for nodes', () => {
    const hints = { forZones: [{ name: 'a' }], forNodes: [{ name: 'n' }] };
    assert.deepEqual(fromStored({ endpoints: [{ hints }] }), {
      endpoints: [{ hints: { forZones: [{ name: 'a' }] } }],
    });
  });

  it('may lack its endpoints', () => {
    assert.deepEqual(toStored({ metadata: {} }), { metadata: {} });
    assert.deepEqual(fromStored({ endpoints: null }), { endpoints: null });
  });
});

describe('Event of events.k8s.io', () => {
  const here = {
    metadata: { name: 'e' },
    regarding: { kind: 'Pod' },
    note: 'n',
    reportingController: 'c',
    reportingInstance: 'i',
    deprecatedSource: { component: 's' },
    deprecatedFirstTimestamp: '2026-01-01T00:00:00Z',
    deprecatedLastTimestamp: '2026-01-01T00:00:01Z',
    deprecatedCount: 3,
    series: { count: 2 },
  };
  const stored = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod' },
    message: 'n',
    reportingComponent: 'c',
    reportingInstance: 'i',
    source: { component: 's' },
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:01Z',
    count: 3,
    series: { count: 2 },
  };
  it('has other names for the same things', () => {
    assert.deepEqual(eventsOfGroup.toStored(here), stored);
    assert.deepEqual(eventsOfGroup.fromStored(stored), here);
  });
});

describe('every further version', () => {
  for (const version of kindVersions) {
    const { kind, stored, toStored, fromStored } = version;
    const title = `${apiVersionOf(kind)} ${kind.kind}`;
    it(`${title} is of a kind that is stored, and stored in another version`, () => {
      assert.ok(allKinds.includes(stored));
      assert.equal(kind.kind, stored.kind);
      assert.notEqual(apiVersionOf(kind), apiVersionOf(stored), groupKindOf(kind));
    });

    it(`${title} becomes a valid stored object`, () => {
      fc.assert(
        fc.property(arbitraryObject(kind), (object) => {
          const { apiVersion: _a, kind: _k, ...converted } = toStored(asJson(object));
          decodeObject(stored, converted, { mode: 'Strict' });
        }),
        { numRuns: 60 },
      );
    });

    it(`${title} can show any stored object`, () => {
      fc.assert(
        fc.property(arbitraryObject(stored), (object) => {
          const { apiVersion: _a, kind: _k, ...converted } = fromStored(asJson(object));
          decodeObject(kind, converted, { mode: 'Strict' });
        }),
        { numRuns: 60 },
      );
    });

    it(`${title} survives protobuf`, () => {
      const whole = completeValue(kind.schema);
      assert.deepEqual(decodeProtobuf(kind.schema, encodeProtobuf(kind.schema, whole as object)), whole);
    });
  }
});
