import type { Service } from '../../../api/core/v1/service.ts';
import type { KubeObject } from '../../../api/kind.ts';
import type { IPAddress } from '../../../api/networking/v1/ip-address.ts';
import { familyOf } from '../../../net/ip.ts';
import { sloppyIp } from '../rules/addresses.ts';
import { revisionOf } from '../../cache/stored-object.ts';
import {
  addressKey,
  addressObject,
  ALLOCATOR,
  FAMILY_LABEL,
  isHeldBy,
  MANAGED_BY_LABEL,
  nodePortKey,
  type Pool,
} from './claims.ts';
import {
  clusterIPsOf,
  isHeadless,
  needsClusterIP,
  needsHealthCheckNodePort,
  needsNodePort,
  nodePortsOf,
} from './service-type.ts';

/** What the claims are compared with; every answer is as this server has heard last. */
export interface RepairView {
  readonly address: (ip: string) => IPAddress | undefined;
  readonly service: (namespace: string, name: string) => Service | undefined;
  /** Whether any ServiceCIDR has the address, ready or not. */
  readonly isInRange: (ip: string) => boolean;
  /** Whose note stands at the node port, as `namespace/name`; '' for a note nobody can read. */
  readonly portHolder: (port: number) => { readonly holder: string; readonly revision: number } | undefined;
  readonly nodePorts: Pick<Pool<number>, 'range' | 'contains'>;
}

/** An event that people should see, in upstream's words. */
export interface Finding {
  readonly about: KubeObject;
  readonly reason: string;
  readonly action: string;
  readonly message: string;
}

/** A claim put right: made, rewritten or (`next` undefined) removed, if it still stands at `expect`. */
export interface Mend {
  readonly key: string;
  readonly next: { readonly object: KubeObject } | { readonly holder: Service } | undefined;
  readonly expect: number | 'absent';
  /** What is told when it has been done. */
  readonly finding?: Finding;
}

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly mends: readonly Mend[];
}

const ALLOCATION = 'ClusterIPAllocation';
const keyOf = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`;

/** Nothing to tell and nothing to mend. */
export const fine: Verdict = { findings: [], mends: [] };

/** Whether everything the Service uses is claimed by it (upstream: syncService, and runOnce of the port repair). */
export function checkService(service: Service, view: RepairView): Verdict {
  const verdicts = [
    ...(needsClusterIP(service) && !isHeadless(service)
      ? clusterIPsOf(service).map((ip) => checkClusterIP(service, ip, view))
      : []),
    ...portsInUse(service).map((port) => checkNodePort(service, port, view)),
  ].filter((verdict) => verdict !== fine);
  if (verdicts.length === 0) return fine;
  return {
    findings: verdicts.flatMap(({ findings }) => findings),
    mends: verdicts.flatMap(({ mends }) => mends),
  };
}

const reported = (finding: Finding): Verdict => ({ findings: [finding], mends: [] });
const mended = (mend: Mend): Verdict => ({ findings: [], mends: [mend] });

function checkClusterIP(service: Service, text: string, view: RepairView): Verdict {
  const ip = sloppyIp(text);
  const tell = (reason: string, message: string, action = ALLOCATION): Finding => ({
    about: service,
    reason,
    action,
    message,
  });
  if (ip === undefined) {
    const message = `Cluster IP ${text} is not a valid IP; please recreate Service`;
    return reported(tell('ClusterIPNotValid', message, 'ClusterIPValidation'));
  }
  const shown = `[${ip.family}]: ${ip.text}`;
  if (!view.isInRange(ip.text)) {
    const message = `Cluster IP ${shown} is not within any configured Service CIDR; please recreate service`;
    return reported(tell('ClusterIPOutOfRange', message));
  }
  const holder = view.address(ip.text);
  const next = { object: addressObject(ip.text, service) };
  const key = addressKey(ip.text);
  if (holder === undefined) {
    const finding = tell('ClusterIPNotAllocated', `Cluster IP ${shown} is not allocated; repairing`);
    return mended({ key, next, expect: 'absent', finding });
  }
  const expect = revisionOf(holder);
  if (isHeldBy(holder, service)) return hasLabels(holder) ? fine : mended({ key, next, expect });
  const { group = '', resource, namespace = '', name = '' } = holder.spec.parentRef ?? {};
  const other = group === '' && resource === 'services' ? view.service(namespace, name) : undefined;
  if (other !== undefined && holdsAddress(other, ip.text)) {
    const message = `Cluster IP [${ip.family}]:${ip.text} was assigned to multiple services; please recreate service`;
    return reported(tell('ClusterIPAlreadyAllocated', message));
  }
  const message = `the ClusterIP ${shown} for Service ${keyOf(service)} has a wrong reference; repairing`;
  return mended({ key, next, expect, finding: tell('ClusterIPNotAllocated', message) });
}

/** Whether the address is one of the Service's cluster IPs. */
export const holdsAddress = (service: Service, ip: string): boolean =>
  needsClusterIP(service) && clusterIPsOf(service).some((text) => text === ip || sloppyIp(text)?.text === ip);

function hasLabels({ metadata: { name, labels = {} } }: IPAddress): boolean {
  return labels[FAMILY_LABEL] === familyOf(name) && labels[MANAGED_BY_LABEL] === ALLOCATOR;
}

/** The node ports of the Service, its health check's included. */
export function portsInUse(service: Service): readonly number[] {
  const ports = needsNodePort(service) ? nodePortsOf(service) : [];
  const { healthCheckNodePort = 0 } = service.spec;
  const hasHealth = needsHealthCheckNodePort(service) && healthCheckNodePort !== 0;
  return hasHealth && !ports.includes(healthCheckNodePort) ? [...ports, healthCheckNodePort] : ports;
}

function checkNodePort(service: Service, port: number, view: RepairView): Verdict {
  const tell = (reason: string, message: string): Finding => ({
    about: service,
    reason,
    action: 'PortAllocation',
    message,
  });
  if (!view.nodePorts.contains(port)) {
    const message = `Port ${port} is not within the port range ${view.nodePorts.range}; please recreate service`;
    return reported(tell('PortOutOfRange', message));
  }
  const note = view.portHolder(port);
  const next = { holder: service };
  const key = nodePortKey(port);
  if (note === undefined) {
    const finding = tell('PortNotAllocated', `Port ${port} is not allocated; repairing`);
    return mended({ key, next, expect: 'absent', finding });
  }
  if (note.holder === keyOf(service)) return fine;
  const [namespace = '', name = ''] = note.holder.split('/');
  const other = view.service(namespace, name);
  if (other !== undefined && portsInUse(other).includes(port)) {
    const message = `Port ${port} was assigned to multiple services; please recreate service`;
    return reported(tell('PortAlreadyAllocated', message));
  }
  return mended({ key, next, expect: note.revision });
}

/** 'leak': it stands for a Service that does not exist; given up when it is seen so several times. */
export type AddressVerdict = { readonly is: 'fine' } | { readonly is: 'leak' | 'wrong'; readonly mend: Mend };

/** Whether an address that the allocator manages belongs to a Service that has it (upstream: syncIPAddress). */
export function checkAddress(address: IPAddress, view: RepairView): AddressVerdict {
  const { name: ip, labels = {} } = address.metadata;
  if (labels[MANAGED_BY_LABEL] !== ALLOCATOR) return { is: 'fine' };
  const { group = '', resource = '', namespace = '', name = '' } = address.spec.parentRef ?? {};
  const removal = (reason: string, message: string): Mend => ({
    key: addressKey(ip),
    next: undefined,
    expect: revisionOf(address),
    finding: { about: address, reason, action: 'IPAddressAllocation', message },
  });
  if (group !== '' || resource !== 'services') {
    const parent = [group, resource, namespace, name].filter((part) => part !== '').join('/');
    const message = `IPAddress ${ip} appears to have been modified, not referencing a Service ${parent}: cleaning up`;
    return { is: 'wrong', mend: removal('IPAddressNotAllocated', message) };
  }
  const service = view.service(namespace, name);
  const shown = `IPAddress: ${ip} for Service ${namespace}/${name}`;
  if (service === undefined) {
    const message = `${shown} appears to have leaked: cleaning up`;
    return { is: 'leak', mend: removal('IPAddressNotAllocated', message) };
  }
  if (holdsAddress(service, ip)) return { is: 'fine' };
  const message = `${shown} has a wrong reference; cleaning up`;
  return { is: 'wrong', mend: removal('IPAddressWrongReference', message) };
}
