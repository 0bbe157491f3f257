import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { isJsonObject } from '../../base/json.ts';
import { LABEL_SERVICE_NAME } from './slice-index.ts';

/**
 * What the decisions rely on of the objects they are told of. An API server checks all of it; but whoever believes every server lets one
 * faulty object stop the proxy for everybody.
 */

/** The path of the first field that is not what the API has there; undefined = all are. */
type Check = (value: unknown, path: string) => string | undefined;

const ofType =
  (type: 'string' | 'number' | 'boolean'): Check =>
  (value, path) =>
    value === undefined || typeof value === type ? undefined : path;
const [text, number, isOn] = [ofType('string'), ofType('number'), ofType('boolean')];

/** Absent is allowed, and `null` where a server written in Go says it for an empty list. */
const list =
  (each: Check, isNullAllowed = false): Check =>
  (value, path) => {
    if (value === undefined || (value === null && isNullAllowed)) return undefined;
    if (!Array.isArray(value)) return path;
    for (const [i, item] of (value as readonly unknown[]).entries()) {
      const fault = item === undefined ? `${path}[${i}]` : each(item, `${path}[${i}]`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };

const texts: Check = (value, path) => {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) return path;
  for (const key in value) if (typeof value[key] !== 'string') return `${path}[${key}]`;
  return undefined;
};

/** `isNeeded`: there must be one. */
function fields(checks: Readonly<Record<string, Check>>, isNeeded = false): Check {
  const entries = Object.entries(checks);
  return (value, path) => {
    if (value === undefined && !isNeeded) return undefined;
    if (!isJsonObject(value)) return path;
    for (const [name, check] of entries) {
      const fault = check(value[name], path === '' ? name : `${path}.${name}`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

/** It ends up in names and comments of rules: no white space, quotes or slashes. */
const isName = (value: unknown): boolean =>
  typeof value === 'string' && /^[A-Za-z0-9._-]{1,253}$/.test(value);
const name: Check = (value, path) => (isName(value) ? undefined : path);
const optionalName: Check = (value, path) =>
  value === undefined || value === '' || isName(value) ? undefined : path;

const metadata = fields(
  { name, namespace: optionalName, labels: texts, annotations: texts, creationTimestamp: text },
  true,
);

const service = fields(
  {
    metadata,
    spec: fields(
      {
        type: text,
        clusterIP: text,
        clusterIPs: list(text),
        externalIPs: list(text),
        loadBalancerSourceRanges: list(text),
        internalTrafficPolicy: text,
        externalTrafficPolicy: text,
        trafficDistribution: text,
        sessionAffinity: text,
        sessionAffinityConfig: fields({ clientIP: fields({ timeoutSeconds: number }) }),
        healthCheckNodePort: number,
        publishNotReadyAddresses: isOn,
        ports: list(fields({ name: optionalName, protocol: text, port: number, nodePort: number }, true)),
      },
      true,
    ),
    status: fields({
      loadBalancer: fields({ ingress: list(fields({ ip: text, ipMode: text }, true)) }),
    }),
  },
  true,
);

const named = list(fields({ name: text }, true));

const addresses = list(text);

const slice = fields(
  {
    metadata,
    addressType: text,
    ports: list(fields({ name: optionalName, protocol: text, port: number }, true), true),
    endpoints: list(
      fields(
        {
          addresses: (value, path) => (value === undefined ? path : addresses(value, path)),
          conditions: fields({ ready: isOn, serving: isOn, terminating: isOn }),
          nodeName: text,
          targetRef: fields({ kind: text, name: text }),
          hints: fields({ forZones: named, forNodes: named }),
        },
        true,
      ),
      true,
    ),
  },
  true,
);

/** The path of what keeps a Service from being looked at; undefined = nothing does. */
export const serviceFault = (object: Service): string | undefined => service(object, '');

/** The same of an EndpointSlice. */
export const sliceFault = (object: EndpointSlice): string | undefined => slice(object, '');

/** Whose slice it seems to be, whatever else is wrong with it: `namespace/name`. */
export function claimedOwner(object: EndpointSlice): string | undefined {
  if (metadata(object.metadata, '') !== undefined) return undefined;
  const { namespace = '', labels } = object.metadata;
  const owner = labels?.[LABEL_SERVICE_NAME];
  return owner === undefined ? undefined : `${namespace}/${owner}`;
}
