import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { isJsonObject } from '../../base/json.ts';
import type { IpFamily } from '../../net/ip.ts';
import { LABEL_SERVICE_NAME } from './slice-index.ts';

/**
 * What the decisions rely on of the objects they are told of. An API server checks all of it; but whoever believes every server lets one
 * faulty object stop the proxy for everybody.
 */

/**
 * Where below the value the first field stands that is not what the API has there (`.ports[0].name`; empty = the value itself);
 * undefined = all are. Paths are put together on the way back alone, since every object of every node is asked.
 */
type Check = (value: unknown) => string | undefined;

const HERE = '';
const text: Check = (value) => (value === undefined || typeof value === 'string' ? undefined : HERE);
const number: Check = (value) => (value === undefined || typeof value === 'number' ? undefined : HERE);
const isOn: Check = (value) => (value === undefined || typeof value === 'boolean' ? undefined : HERE);

/** Absent is allowed, and `null` where a server written in Go says it for an empty list. */
const list =
  (each: Check, isNullAllowed = false): Check =>
  (value) => {
    if (value === undefined || (value === null && isNullAllowed)) return undefined;
    if (!Array.isArray(value)) return HERE;
    const items = value as readonly unknown[];
    for (let i = 0; i < items.length; i++) {
      const fault = items[i] === undefined ? HERE : each(items[i]);
      if (fault !== undefined) return `[${i}]${fault}`;
    }
    return undefined;
  };

const texts: Check = (value) => {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) return HERE;
  for (const key in value) if (typeof value[key] !== 'string') return `[${key}]`;
  return undefined;
};

/** `isNeeded`: there must be one. */
function fields(checks: Readonly<Record<string, Check>>, isNeeded = false): Check {
  const entries = Object.entries(checks);
  return (value) => {
    if (value === undefined && !isNeeded) return undefined;
    if (!isJsonObject(value)) return HERE;
    for (const [name, check] of entries) {
      const fault = check(value[name]);
      if (fault !== undefined) return `.${name}${fault}`;
    }
    return undefined;
  };
}

/** It ends up in names and comments of rules: no white space, quotes or slashes. */
const isName = (value: unknown): boolean =>
  typeof value === 'string' && /^[A-Za-z0-9._-]{1,253}$/.test(value);
const name: Check = (value) => (isName(value) ? undefined : HERE);
const optionalName: Check = (value) =>
  value === undefined || value === '' || isName(value) ? undefined : HERE;

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
          addresses: (value) => (value === undefined ? HERE : addresses(value)),
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

const pathOf = (fault: string | undefined): string | undefined => fault?.replace(/^\./, '');

/** The path of what keeps a Service from being looked at; undefined = nothing does. */
export const serviceFault = (object: Service): string | undefined => pathOf(service(object));

/** The same of an EndpointSlice. */
export const sliceFault = (object: EndpointSlice): string | undefined => pathOf(slice(object));

/** Whether a slice is sure to be no matter of this family, so that nothing else of it need be looked at. */
export const isOfAnother = (family: IpFamily, object: EndpointSlice): boolean =>
  isJsonObject(object) && typeof object.addressType === 'string' && object.addressType !== family;

/** Whose slice it seems to be, whatever else is wrong with it: `namespace/name`. */
export function claimedOwner(object: EndpointSlice): string | undefined {
  if (metadata(object.metadata) !== undefined) return undefined;
  const { namespace = '', labels } = object.metadata;
  const owner = labels?.[LABEL_SERVICE_NAME];
  return owner === undefined ? undefined : `${namespace}/${owner}`;
}
