import type { EndpointAddress, EndpointPort, Endpoints } from '../../../api/core/v1/endpoints.ts';
import { notSupported, required, type FieldError } from '../../../api/errors/field-error.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../../../api/validation/names.ts';
import type { Cidr } from '../../../net/cidr.ts';
import { ipFaults, specialIpFaults, type Standing } from '../rules/addresses.ts';
import { invalidEach } from '../rules/fields.ts';
import { PROTOCOLS } from '../rules/ports.ts';

export interface EndpointsRules {
  /** Special addresses that are fine nevertheless. */
  readonly exempt?: readonly Cidr[];
  /** What stands now; its addresses may be spelled as they are. */
  readonly prev?: Endpoints | undefined;
}

const addressesOf = ({ subsets = [] }: Endpoints): string[] =>
  subsets.flatMap(({ addresses = [], notReadyAddresses = [] }) =>
    [...addresses, ...notReadyAddresses].map(({ ip }) => ip),
  );

export function endpointsFaults(
  { subsets = [] }: Endpoints,
  { exempt = [], prev }: EndpointsRules = {},
): FieldError[] {
  const rules = { exempt, standing: new Set(prev === undefined ? [] : addressesOf(prev)) };
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, i) => {
    const path = `subsets[${i}]`;
    const isEmpty = addresses.length === 0 && notReadyAddresses.length === 0;
    return [
      ...(isEmpty ? [required(path, 'must specify `addresses` or `notReadyAddresses`')] : []),
      ...addresses.flatMap((address, j) => addressFaults(address, `${path}.addresses[${j}]`, rules)),
      ...notReadyAddresses.flatMap((address, j) =>
        addressFaults(address, `${path}.notReadyAddresses[${j}]`, rules),
      ),
      ...ports.flatMap((port, j) => portFaults(port, `${path}.ports[${j}]`, ports.length > 1)),
    ];
  });
}

function addressFaults(
  { ip, hostname, nodeName }: EndpointAddress,
  path: string,
  { exempt, standing }: { readonly exempt: readonly Cidr[]; readonly standing: Standing },
): FieldError[] {
  return [
    ...ipFaults(`${path}.ip`, ip, standing),
    ...(hostname ? invalidEach(`${path}.hostname`, hostname, dns1123Label(hostname)) : []),
    ...(nodeName === undefined ? [] : invalidEach(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName))),
    ...specialIpFaults(`${path}.ip`, ip, exempt),
  ];
}

function portFaults(
  { name = '', port, protocol = '', appProtocol }: EndpointPort,
  path: string,
  needsName: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (name !== '') errors.push(...invalidEach(`${path}.name`, name, dns1123Label(name)));
  else if (needsName) errors.push(required(`${path}.name`));
  errors.push(...invalidEach(`${path}.port`, port, portNumber(port)));
  if (protocol === '') errors.push(required(`${path}.protocol`));
  else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
  if (appProtocol !== undefined) {
    errors.push(...invalidEach(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
  }
  return errors;
}

const hasSctp = ({ subsets = [] }: Endpoints): boolean =>
  subsets.some(({ ports = [] }) => ports.some(({ protocol }) => protocol === 'SCTP'));

/** Where SCTP is no protocol; objects that have it already may keep it. */
export function sctpFaults(next: Endpoints, prev: Endpoints | undefined): FieldError[] {
  if (prev !== undefined && hasSctp(prev)) return [];
  return (next.subsets ?? []).flatMap(({ ports = [] }, i) =>
    ports.flatMap(({ protocol }, j) =>
      protocol === 'SCTP'
        ? [notSupported(`subsets[${i}].ports[${j}].protocol`, protocol, ['TCP', 'UDP'])]
        : [],
    ),
  );
}
