import { isJsonObject, type JsonObject, type JsonValue } from '../../../base/json.ts';
import { objectReference } from '../../core/v1/references.ts';
import type { KindVersion } from '../../kind-version.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
  filled,
  list,
  map,
  message,
  optional,
  pointer,
  required,
  set,
  string,
  typeMeta,
} from '../../schema/schema.ts';
import { endpointConditions, endpointPort, endpointSlices, forZone } from '../v1/endpoint-slice.ts';

const name = (short: string): string => `io.k8s.api.discovery.v1beta1.${short}`;

const conditions = message(name('EndpointConditions'), 'State of an endpoint.', endpointConditions.fields);
const zone = message(name('ForZone'), 'A zone.', forZone.fields);
const hints = message(name('EndpointHints'), 'Who should use an endpoint.', {
  forZones: optional([1, list(zone)], 'Zones whose clients should use it.'),
});

const endpoint = message(name('Endpoint'), 'One backend of a Service.', {
  addresses: required([1, set(string)], 'Its addresses, of which proxies use the first.'),
  conditions: optional([2, conditions], 'Its state.'),
  hostname: pointer([3, string], "Host name of the endpoint within the Service's domain."),
  targetRef: optional([4, objectReference], 'The object behind it, most often a Pod.'),
  topology: optional([5, map(string)], 'Where it is: its zone and its node, by the labels of nodes.'),
  nodeName: pointer([6, string], 'Node it is on.'),
  hints: optional([7, hints], 'Who should use it.'),
});

const port = atomic(
  message(name('EndpointPort'), 'A port of all endpoints of a slice.', endpointPort.fields),
);

const endpointSlice = message(
  name('EndpointSlice'),
  'Some of the endpoints of a Service; together its slices hold them all.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    addressType: required([4, string], 'Kind of the addresses; cannot be changed.', {
      values: ['IPv4', 'IPv6', 'FQDN'],
    }),
    endpoints: required([2, list(endpoint)], 'The endpoints; at most 1000.'),
    ports: optional([3, list(port)], 'Their ports; at most 100.'),
  },
);
export type EndpointSliceV1beta1 = Infer<typeof endpointSlice>;

const kind: Kind<EndpointSliceV1beta1> = {
  ...endpointSlices,
  version: 'v1beta1',
  schema: endpointSlice,
  deprecation: { since: '1.21', goneIn: '1.25', use: 'discovery.k8s.io/v1 EndpointSlice' },
};

/** The labels of nodes that v1 has fields for. */
const ZONE = 'topology.kubernetes.io/zone';
const HOSTNAME = 'kubernetes.io/hostname';

/** The slice with each of its endpoints changed. */
function withEndpoints(slice: JsonObject, change: (endpoint: JsonObject) => JsonObject): JsonObject {
  if (!Array.isArray(slice.endpoints)) return slice;
  const endpoints = slice.endpoints.map((each): JsonValue => (isJsonObject(each) ? change(each) : each));
  return { ...slice, endpoints };
}

/** The topology's zone and node become fields; what is left of it is kept as deprecatedTopology. */
function toV1({ topology, ...rest }: JsonObject): JsonObject {
  if (!isJsonObject(topology)) return rest;
  const { [ZONE]: zoneLabel, ...left } = topology;
  const hostname = left[HOSTNAME];
  const isNode = hostname !== undefined && (rest.nodeName === undefined || rest.nodeName === hostname);
  if (isNode) delete left[HOSTNAME];
  return {
    ...rest,
    ...(isNode ? { nodeName: hostname } : {}),
    ...(zoneLabel === undefined ? {} : { zone: zoneLabel }),
    ...(Object.keys(left).length === 0 ? {} : { deprecatedTopology: left }),
  };
}

/** Zone and node go into the topology, unless it names another node; hints for nodes did not exist yet. */
function fromV1({ deprecatedTopology, zone: inZone, hints: given, ...rest }: JsonObject): JsonObject {
  const topology: JsonObject = isJsonObject(deprecatedTopology) ? { ...deprecatedTopology } : {};
  if (inZone !== undefined) topology[ZONE] = inZone;
  if (rest.nodeName !== undefined && (topology[HOSTNAME] ?? '') === '') topology[HOSTNAME] = rest.nodeName;
  const { forNodes: _, ...kept } = isJsonObject(given) ? given : {};
  return {
    ...rest,
    ...(Object.keys(topology).length === 0 ? {} : { topology }),
    ...(given === undefined ? {} : { hints: kept }),
  };
}

export const endpointSlicesV1beta1: KindVersion = {
  kind: kind,
  stored: endpointSlices,
  toStored: (slice) => withEndpoints(slice, toV1),
  fromStored: (slice) => withEndpoints(slice, fromV1),
};
