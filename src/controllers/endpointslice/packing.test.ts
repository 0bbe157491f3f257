import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { packSlices, portsKey } from './packing.ts';
import type { PortGroup } from './packing.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const maxPerSlice = 5;
const ports = (n: number): readonly EndpointPort[] => [{ name: '', port: n, protocol: 'TCP' }];
const endpoint = (id: number, ready: boolean): Endpoint => ({
  addresses: [`10.0.0.${id}`],
  conditions: { ready },
  targetRef: { kind: 'Pod', name: `p${id}`, uid: `u${id}` },
});

/** Pods as id -> port and readiness; the state of the world a Service sees. */
const world = fc.dictionary(
  fc.integer({ min: 1, max: 24 }).map(String),
  fc.record({ port: fc.integer({ min: 1, max: 3 }), ready: fc.boolean() }),
);

const groupsOf = (pods: Readonly<Record<string, { port: number; ready: boolean }>>): PortGroup[] =>
  [1, 2, 3].flatMap((port) => {
    const endpoints = Object.entries(pods)
      .filter(([, pod]) => pod.port === port)
      .map(([id, pod]) => endpoint(Number(id), pod.ready));
    return endpoints.length === 0 ? [] : [{ ports: ports(port), endpoints }];
  });

const contentOf = (groups: readonly PortGroup[]): string[] =>
  groups
    .flatMap((group) => group.endpoints.map((e) => `${portsKey(group.ports)} ${JSON.stringify(e)}`))
    .sort();

it('whatever happens to the Pods, the slices hold exactly them, none too full, and a second look writes nothing', () => {
  fc.assert(
    fc.property(fc.array(world, { minLength: 1, maxLength: 6 }), (worlds) => {
      let slices: EndpointSlice[] = [];
      let nMade = 0;
      for (const pods of worlds) {
        const input = {
          groups: groupsOf(pods),
          maxPerSlice,
          newSlice: (list: readonly EndpointPort[], endpoints: readonly Endpoint[]): EndpointSlice => ({
            metadata: { name: '' },
            addressType: 'IPv4',
            ports: list,
            endpoints,
          }),
          refresh: (slice: EndpointSlice) => slice,
        };
        const { creates, updates, deletes } = packSlices({ ...input, existing: slices });
        const nameOf = ({ metadata }: EndpointSlice): string => metadata.name;
        const gone = new Set(deletes.map(nameOf));
        assert.equal(new Set([...updates, ...deletes].map(nameOf)).size, updates.length + deletes.length);
        slices = slices
          .filter((slice) => !gone.has(nameOf(slice)))
          .map((slice) => updates.find((update) => nameOf(update) === nameOf(slice)) ?? slice);
        slices.push(...creates.map((slice) => ({ ...slice, metadata: { name: `s${nMade++}` } })));

        const shown = slices.map((slice): PortGroup => ({
          ports: slice.ports ?? [],
          endpoints: slice.endpoints,
        }));
        assert.deepEqual(contentOf(shown), contentOf(input.groups));
        assert.ok(slices.every(({ endpoints }) => endpoints.length > 0 && endpoints.length <= maxPerSlice));
        const again = packSlices({ ...input, existing: slices });
        assert.deepEqual(again, { creates: [], updates: [], deletes: [] });
      }
    }),
    { numRuns: 300 },
  );
});
