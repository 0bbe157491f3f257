import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../api/core/v1/node.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { Endpoint, EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { addTopologyHints, wantsTopologyHints, zoneRatios } from './topology-hints.ts';

const node = (
  zone: string,
  cpu: string,
  facts: { ready?: string; labels?: Record<string, string> } = {},
): Node => ({
  metadata: {
    name: `${zone}-${cpu}`,
    labels: { ...(zone === '' ? {} : { 'topology.kubernetes.io/zone': zone }), ...facts.labels },
  },
  spec: {},
  status: {
    allocatable: cpu === '' ? {} : { cpu },
    conditions: [{ type: 'Ready', status: facts.ready ?? 'True' }],
  },
});

const ratioRows: Readonly<Record<string, readonly [Node[], Record<string, number> | undefined]>> = {
  'two zones alike': [[node('a', '2'), node('b', '2')], { a: 0.5, b: 0.5 }],
  'by the CPU of all nodes of a zone': [
    [node('a', '1'), node('a', '500m'), node('b', '500m')],
    { a: 0.75, b: 0.25 },
  ],
  'nodes that are not ready do not count': [
    [node('a', '1'), node('b', '1'), node('b', '8', { ready: 'Unknown' })],
    { a: 0.5, b: 0.5 },
  ],
  'nor do those of the control plane': [
    [
      node('a', '1'),
      node('b', '1'),
      node('', '', { labels: { 'node-role.kubernetes.io/control-plane': '' } }),
    ],
    { a: 0.5, b: 0.5 },
  ],
  'one zone is none': [[node('a', '1'), node('a', '2')], undefined],
  'a node without zone': [[node('a', '1'), node('b', '1'), node('', '1')], undefined],
  'a node without CPU': [[node('a', '1'), node('b', '')], undefined],
  'no nodes': [[], undefined],
};

describe('the share of each zone', () => {
  for (const [sentence, [nodes, expected]] of Object.entries(ratioRows)) {
    it(sentence, () => {
      const ratios = zoneRatios(nodes);
      assert.deepEqual(ratios === undefined ? undefined : Object.fromEntries(ratios), expected);
    });
  }
});

/** `a`: a ready endpoint in zone a; `a>b`: with the hint b; `a!`: not ready; `-`: without zone. */
function endpointOf(text: string, i: number): Endpoint {
  const [, zone = '', hint] = /^([a-z-])!?(?:>([a-z]))?$/.exec(text) ?? [];
  return {
    addresses: [`10.0.0.${i + 1}`],
    conditions: { ready: !text.includes('!') },
    ...(zone === '-' ? {} : { zone }),
    ...(hint === undefined ? {} : { hints: { forZones: [{ name: hint }] } }),
  };
}
const slice = (name: string, endpoints: string): EndpointSlice => ({
  metadata: { name },
  addressType: 'IPv4',
  endpoints: endpoints.split(' ').map(endpointOf),
});
const shown = (slices: readonly EndpointSlice[]): string =>
  slices
    .map(({ endpoints }) =>
      endpoints
        .map(({ zone = '-', conditions, hints }) => {
          const hint = hints?.forZones?.[0]?.name;
          return `${zone}${conditions?.ready === true ? '' : '!'}${hint === undefined ? '' : `>${hint}`}`;
        })
        .join(' '),
    )
    .join(' | ');

const half = new Map([
  ['a', 0.5],
  ['b', 0.5],
]);
const thirds = new Map([
  ['a', 1 / 3],
  ['b', 1 / 3],
  ['c', 1 / 3],
]);

interface Row {
  readonly fresh?: string;
  readonly stands?: string;
  readonly ratios?: ReadonlyMap<string, number> | null;
  readonly writes?: string;
  readonly refusal?: string;
}

/** Endpoints of a slice that is written, and of one that stands -> what is written. */
const rows: Readonly<Record<string, Row>> = {
  'endpoints serve their own zone': { fresh: 'a b', writes: 'a>a b>b' },
  'those that are not ready have no hint': { fresh: 'a b a!', writes: 'a>a b>b a!' },
  'a zone with too many gives some away': { fresh: 'a a a b', writes: 'a>b a>a a>a b>b' },
  'a zone without endpoints gets some': { fresh: 'a a', writes: 'a>b a>a' },
  'a zone without nodes gives nothing': { fresh: 'a a b c', writes: 'a>a a>a b>b c>c' },
  'three zones share': { fresh: 'a a a', ratios: thirds, writes: 'a>b a>c a>a' },
  'what stands stays': { stands: 'a>a b>b' },
  'what stands without hints is written': { stands: 'a b', writes: 'a>a b>b' },
  'what stands with hints for a zone that is no more is written': { stands: 'a>a b>z', writes: 'a>a b>b' },
  'what stands with too many hints for one zone is written': { stands: 'a>a b>a', writes: 'a>a b>b' },
  'what is written makes up for what stands': { stands: 'a>a', fresh: 'a', writes: 'a>b' },
  'fewer endpoints than zones': {
    fresh: 'a',
    refusal: 'Insufficient number of endpoints (1 endpoints, 2 zones)',
    writes: 'a',
  },
  'nothing known of the nodes': {
    fresh: 'a>a b>b',
    ratios: null,
    refusal: 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    writes: 'a b',
  },
  'no share without overload': {
    fresh: 'a b c',
    ratios: new Map([
      ['a', 0.62],
      ['b', 0.19],
      ['c', 0.19],
    ]),
    refusal:
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 3 zones)',
    writes: 'a b c',
  },
  'an endpoint without zone takes all hints away': {
    stands: 'a>a b>b',
    fresh: 'a -',
    refusal: 'One or more endpoints do not have a zone specified',
    writes: 'a - | a b',
  },
};

describe('hints by zone', () => {
  for (const [sentence, { fresh, stands, ratios = half, writes = '', refusal }] of Object.entries(rows)) {
    it(sentence, () => {
      const hinted = addTopologyHints({
        writes: { creates: fresh === undefined ? [] : [slice('fresh', fresh)], updates: [], deletes: [] },
        unchanged: stands === undefined ? [] : [slice('stands', stands)],
        ratios: ratios ?? undefined,
        addressType: 'IPv4',
      });
      assert.equal(shown([...hinted.writes.creates, ...hinted.writes.updates]), writes);
      const note = {
        type: 'Warning',
        reason: 'TopologyAwareHintsDisabled',
        message: `${refusal}, addressType: IPv4`,
      };
      assert.deepEqual(hinted.refusal, refusal === undefined ? undefined : note);
      assert.equal(hinted.hasHints, refusal === undefined);
    });
  }

  it('are asked for by an annotation, of today or of old', () => {
    const service = (annotations: Record<string, string>): Service => ({
      metadata: { name: 's', annotations },
      spec: {},
    });
    const mode = 'service.kubernetes.io/topology-mode';
    const old = 'service.kubernetes.io/topology-aware-hints';
    const answers: Record<string, string>[] = [
      { [mode]: 'Auto' },
      { [mode]: 'auto' },
      { [old]: 'Auto' },
      { [mode]: 'Disabled', [old]: 'Auto' },
      {},
    ];
    assert.deepEqual(
      answers.map((annotations) => wantsTopologyHints(service(annotations))),
      [true, true, true, false, false],
    );
  });
});
