import type {
  Endpoint,
  EndpointHints,
  EndpointPort,
  EndpointSlice,
} from '../../../api/discovery/v1/endpoint-slice.ts';
import {
  duplicate,
  invalidValue,
  notSupported,
  required,
  tooMany,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../../../api/validation/names.ts';
import { validateLabels } from '../../../api/validation/object-meta.ts';
import type { Cidr } from '../../../net/cidr.ts';
import { ipOfFamilyFaults, specialIpFaults, type Standing } from '../rules/addresses.ts';
import { immutableFaults, invalidEach } from '../rules/fields.ts';
import { PROTOCOLS } from '../rules/ports.ts';

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_TOPOLOGY = 16;
const MAX_HINTS = 8;

export interface EndpointSliceRules {
  /** Special addresses that are fine nevertheless. */
  readonly exempt?: readonly Cidr[];
  /** What stands now; its addresses may be spelled as they are. */
  readonly prev?: EndpointSlice | undefined;
}

export function endpointSliceFaults(
  slice: EndpointSlice,
  { exempt = [], prev }: EndpointSliceRules = {},
): FieldError[] {
  const standing = new Set(prev?.endpoints.flatMap(({ addresses }) => addresses));
  return [
    ...addressTypeFaults(slice),
    ...(slice.endpoints.length > MAX_ENDPOINTS
      ? [tooMany('endpoints', slice.endpoints.length, MAX_ENDPOINTS)]
      : slice.endpoints.flatMap((endpoint, i) =>
          endpointFaults({ endpoint, slice, exempt, standing }, `endpoints[${i}]`),
        )),
    ...portListFaults(slice.ports ?? []),
  ];
}

export const endpointSliceChangeFaults = (next: EndpointSlice, prev: EndpointSlice): FieldError[] =>
  immutableFaults('addressType', next.addressType, prev.addressType);

function addressTypeFaults({ addressType }: EndpointSlice): FieldError[] {
  if (addressType === '') return [required('addressType')];
  return ADDRESS_TYPES.includes(addressType) ? [] : [notSupported('addressType', addressType, ADDRESS_TYPES)];
}

interface Judged {
  readonly endpoint: Endpoint;
  readonly slice: EndpointSlice;
  readonly exempt: readonly Cidr[];
  readonly standing: Standing;
}

function endpointFaults({ endpoint, slice, ...rules }: Judged, path: string): FieldError[] {
  const { addresses, hostname, nodeName, deprecatedTopology = {}, hints } = endpoint;
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > MAX_ADDRESSES)
    errors.push(tooMany(`${path}.addresses`, addresses.length, MAX_ADDRESSES));
  for (const [i, address] of addresses.entries()) {
    errors.push(...addressFaults(slice.addressType, { path: `${path}.addresses[${i}]`, address, ...rules }));
  }
  if (nodeName !== undefined)
    errors.push(...invalidEach(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName)));
  const nTopology = Object.keys(deprecatedTopology).length;
  if (nTopology > MAX_TOPOLOGY) errors.push(tooMany(`${path}.deprecatedTopology`, nTopology, MAX_TOPOLOGY));
  errors.push(...validateLabels(deprecatedTopology, `${path}.deprecatedTopology`));
  if (hostname !== undefined)
    errors.push(...invalidEach(`${path}.hostname`, hostname, dns1123Label(hostname)));
  return hints === undefined ? errors : [...errors, ...hintFaults(hints, `${path}.hints`)];
}

interface JudgedAddress {
  readonly path: string;
  readonly address: string;
  readonly exempt: readonly Cidr[];
  readonly standing: Standing;
}

function addressFaults(type: string, { path, address, exempt, standing }: JudgedAddress): FieldError[] {
  if (type === 'IPv4' || type === 'IPv6') {
    return [
      ...ipOfFamilyFaults(path, address, { family: type, standing }),
      ...specialIpFaults(path, address, exempt),
    ];
  }
  return type === 'FQDN' ? fqdnFaults(path, address) : [];
}

function fqdnFaults(path: string, address: string): FieldError[] {
  const name = address.replace(/\.$/, '');
  if (name === '') return [required(path)];
  const faults = dns1123Subdomain(name);
  if (faults.length > 0) return [invalidValue(path, name, faults.join(','))];
  const labels = name.split('.');
  if (labels.length < 2) {
    return [invalidValue(path, name, 'should be a domain with at least two segments separated by dots')];
  }
  return labels.flatMap((label) => invalidEach(path, label, dns1123Label(label)));
}

function hintFaults({ forZones = [], forNodes = [] }: EndpointHints, path: string): FieldError[] {
  const check = (field: string, items: readonly { readonly name: string }[]): FieldError[] => {
    if (items.length > MAX_HINTS) return [tooMany(`${path}.${field}`, items.length, MAX_HINTS)];
    const seen = new Set<string>();
    return items.flatMap(({ name }, i) => {
      const at = `${path}.${field}[${i}].name`;
      const isRepeated = seen.size === seen.add(name).size;
      return isRepeated ? [duplicate(at, name)] : invalidEach(at, name, dns1123Subdomain(name));
    });
  };
  return [...check('forZones', forZones), ...check('forNodes', forNodes)];
}

function portListFaults(ports: readonly EndpointPort[]): FieldError[] {
  if (ports.length > MAX_PORTS) return [tooMany('ports', ports.length, MAX_PORTS)];
  const names = new Set<string>();
  return ports.flatMap(({ name = '', protocol, port, appProtocol }, i) => {
    const path = `ports[${i}]`;
    const errors = name === '' ? [] : invalidEach(`${path}.name`, name, dns1123Label(name));
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
    if (protocol === undefined || protocol === '') errors.push(required(`${path}.protocol`));
    else if (!PROTOCOLS.includes(protocol))
      errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
    if (port !== undefined) errors.push(...invalidEach(`${path}.port`, port, portNumber(port)));
    if (appProtocol !== undefined) {
      errors.push(...invalidEach(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
    }
    return errors;
  });
}
