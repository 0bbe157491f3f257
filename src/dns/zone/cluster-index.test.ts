import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { rrType } from '../wire/model.ts';
import { createClusterIndex } from './cluster-index.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { recordLine, serviceOf, sliceOf, testIndex } from './fixtures.ts';
import { createZone } from './zone.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const zoneOf = (index: ClusterIndex) =>
  createZone({ zone: 'cluster.local', view: index.view, now: () => 0, random: () => 0.999_999 });

/** Everything that can be asked about the small world below. */
function answers(index: ClusterIndex): Record<string, string[] | undefined> {
  const zone = zoneOf(index);
  const names = ['a', 'b'].flatMap((s) => [
    `${s}.ns.svc`,
    `h1.${s}.ns.svc`,
    `_http._tcp.${s}.ns.svc`,
    'ns.svc',
  ]);
  const reverse = ['1.0.96.10', '2.0.96.10', '1.0.244.10', '2.0.244.10'].map((r) => `${r}.in-addr.arpa.`);
  const all = [...names.map((n) => `${n}.cluster.local.`), ...reverse];
  return Object.fromEntries(
    all.flatMap((name) =>
      [rrType.A, rrType.SRV, rrType.PTR].map((type) => {
        const answer = zone.lookup({ name, type });
        const lines = [...(answer?.answers ?? []), ...(answer?.additionals ?? [])].map(recordLine).sort();
        return [`${name} ${type}`, answer && [String(answer.rcode), ...lines]];
      }),
    ),
  );
}

describe('the index', () => {
  it('gives the same answers after any events as one made from the last objects', () => {
    const service = fc.tuple(
      fc.constantFrom('ns/a', 'ns/b'),
      fc.constantFrom(['10.96.0.1'], ['10.96.0.2'], ['None'], undefined),
    );
    const slice = fc.tuple(
      fc.constantFrom('ns/s1', 'ns/s2', 'ns/s3'),
      fc.option(
        fc.tuple(
          fc.constantFrom('ns/a', 'ns/b'),
          fc.array(
            fc.record(
              {
                ip: fc.constantFrom('10.244.0.1', '10.244.0.2'),
                hostname: fc.constantFrom(undefined, 'h1'),
                ready: fc.constantFrom(true, false),
              },
              { noNullPrototype: true },
            ),
            { maxLength: 2 },
          ),
        ),
        { nil: undefined },
      ),
    );
    const event = fc.oneof(
      service.map((value) => ({ kind: 'service', value }) as const),
      slice.map((value) => ({ kind: 'slice', value }) as const),
      fc.boolean().map((value) => ({ kind: 'namespace', value }) as const),
      fc.constant({ kind: 'look', value: undefined } as const),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 25 }), (events) => {
        const index = createClusterIndex();
        const services = new Map<string, Service | undefined>();
        const slices = new Map<string, EndpointSlice | undefined>();
        let isThere = false;
        for (const { kind, value } of events) {
          if (kind === 'service') {
            const [key, clusterIPs] = value;
            services.set(
              key,
              clusterIPs && serviceOf(key, { clusterIPs, ports: [{ name: 'http', port: 80 }] }),
            );
            index.setService(key, services.get(key));
          } else if (kind === 'slice') {
            const [key, made] = value;
            slices.set(key, made && sliceOf(made[0], made[1]));
            index.setSlice(key, slices.get(key));
          } else if (kind === 'namespace') index.setNamespace('ns', (isThere = value));
          // What is asked in between is kept and must not outlive its truth.
          else answers(index);
        }
        const fresh = createClusterIndex();
        for (const [key, object] of services) fresh.setService(key, object);
        for (const [key, object] of slices) fresh.setSlice(key, object);
        fresh.setNamespace('ns', isThere);
        assert.deepEqual(answers(index), answers(fresh));
      }),
      { numRuns: 150 },
    );
  });

  it('counts changes that an answer can show, and no others', () => {
    const index = testIndex();
    const counted = (act: () => void): boolean => {
      const before = index.view.changes();
      act();
      return index.view.changes() > before;
    };
    const service = serviceOf('my-ns/my-service', { ports: [{ name: 'http', port: 81 }] });
    assert.equal(
      counted(() => index.setService('my-ns/my-service', service)),
      true,
    );
    const labelled = { ...service, metadata: { ...service.metadata, labels: { a: 'b' } } };
    assert.equal(
      counted(() => index.setService('my-ns/my-service', labelled)),
      false,
    );
    const slice = sliceOf('my-ns/my-service', [{ ip: '10.244.0.7', ready: true }]);
    assert.equal(
      counted(() => index.setSlice('my-ns/a', slice)),
      false,
    );
    const terminating = (slice.endpoints ?? []).map((e) => ({
      ...e,
      conditions: { ready: true, terminating: true },
    }));
    assert.equal(
      counted(() => index.setSlice('my-ns/a', { ...slice, endpoints: terminating })),
      false,
    );
    assert.equal(
      counted(() => index.setSlice('my-ns/a', undefined)),
      true,
    );
    assert.equal(
      counted(() => index.setNamespace('my-ns', true)),
      false,
    );
    assert.equal(
      counted(() => index.setNamespace('my-ns', false)),
      true,
    );
  });

  it('moves the SOA’s serial with them, always upwards', () => {
    const index = testIndex();
    let now = 1_000_000;
    const zone = createZone({ zone: 'cluster.local', view: index.view, now: () => now, random: Math.random });
    const serial = (): number => {
      const [soa] = zone.lookup({ name: 'cluster.local.', type: rrType.SOA })?.answers ?? [];
      return soa?.type === 'SOA' ? soa.serial : -1;
    };
    assert.equal(serial(), 1000);
    now += 5_000;
    assert.equal(serial(), 1000);
    index.setNamespace('new', true);
    assert.equal(serial(), 1005);
    now -= 60_000;
    index.setNamespace('newer', true);
    assert.equal(serial(), 1006);
  });
});
