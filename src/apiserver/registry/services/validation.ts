import type { LoadBalancerIngress, Service, ServicePort } from '../../../api/core/v1/service.ts';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../../../api/validation/names.ts';
import { validateLabels } from '../../../api/validation/object-meta.ts';
import type { JsonValue } from '../../../base/json.ts';
import { cidrFaults, ipFaults, specialIpFaults, type Standing } from '../rules/addresses.ts';
import { invalidEach } from '../rules/fields.ts';
import { PROTOCOLS, portNumberOrNameFaults } from '../rules/ports.ts';
import { clusterIPChangeFaults, clusterIPFaults } from './cluster-ips.ts';
import {
  isExternallyAccessible,
  isExternalName,
  isHeadless,
  isLoadBalancer,
  needsHealthCheckNodePort,
  needsNodePort,
  portsOf,
} from './service-type.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const POLICIES = ['Cluster', 'Local'];
const AFFINITIES = ['ClientIP', 'None'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
const MAX_AFFINITY_SECONDS = 86400;
const SOURCE_RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints';
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'";

/**
 * The spec of a Service; values that are still to be allocated may be missing (upstream: ValidateService). Addresses that
 * `prev` has may be spelled as they are.
 */
export function serviceFaults(service: Service, prev?: Service): FieldError[] {
  return [
    ...topologyFaults(service),
    ...typeFaults(service),
    ...portListFaults(service),
    ...validateLabels(service.spec.selector ?? {}, 'spec.selector'),
    ...affinityFaults(service),
    ...clusterIPFaults(service, prev),
    ...externalIPFaults(service, prev),
    ...knownTypeFaults(service),
    ...duplicatePortFaults(service),
    ...sourceRangeFaults(service, prev),
    ...loadBalancerFaults(service),
    ...externalTrafficFaults(service),
    ...internalTrafficFaults(service),
  ];
}

/** What may not change in an update; comes before `serviceFaults` (upstream: ValidateServiceUpdate). */
export function serviceChangeFaults(next: Service, prev: Service): FieldError[] {
  const errors = clusterIPChangeFaults(next, prev);
  if (
    isLoadBalancer(next) &&
    isLoadBalancer(prev) &&
    next.spec.loadBalancerClass !== prev.spec.loadBalancerClass
  ) {
    const value = next.spec.loadBalancerClass ?? null;
    errors.push(invalidValue('spec.loadBalancerClass', value, 'may not change once set'));
  }
  const { healthCheckNodePort: port = 0 } = next.spec;
  const isFixed = needsHealthCheckNodePort(next) && needsHealthCheckNodePort(prev);
  if (isFixed && port !== (prev.spec.healthCheckNodePort ?? 0)) {
    errors.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'));
  }
  return errors;
}

/** Only addresses and host names a load balancer can have, and only where there is one (`isOnAnyType`: anywhere). */
export function serviceStatusFaults(service: Service, prev?: Service, isOnAnyType = false): FieldError[] {
  const all = service.status?.loadBalancer?.ingress ?? [];
  const path = 'status.loadBalancer.ingress';
  if (all.length > 0 && !isLoadBalancer(service) && !isOnAnyType) {
    return [forbiddenField(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  const standing = new Set(prev?.status?.loadBalancer?.ingress?.map(({ ip = '' }) => ip));
  return all.flatMap((ingress, i) => ingressFaults(ingress, `${path}[${i}]`, standing));
}

function ingressFaults(
  { ip = '', hostname = '', ipMode }: LoadBalancerIngress,
  path: string,
  standing: Standing,
): FieldError[] {
  const errors = ip === '' ? [] : ipFaults(`${path}.ip`, ip, standing);
  if (ip !== '' && ipMode === undefined) {
    errors.push(required(`${path}.ipMode`, 'must be specified when `ip` is set'));
  } else if (ip === '' && ipMode !== undefined) {
    errors.push(forbiddenField(`${path}.ipMode`, 'may not be specified when `ip` is not set'));
  } else if (ipMode !== undefined && ipMode !== 'VIP' && ipMode !== 'Proxy') {
    errors.push(notSupported(`${path}.ipMode`, ipMode, ['Proxy', 'VIP']));
  }
  if (hostname === '') return errors;
  errors.push(...invalidEach(`${path}.hostname`, hostname, dns1123Subdomain(hostname)));
  if (ipFaults('', hostname).length === 0) {
    errors.push(invalidValue(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'));
  }
  return errors;
}

function topologyFaults({ metadata: { annotations = {} } }: Service): FieldError[] {
  const { [TOPOLOGY_MODE]: mode, [TOPOLOGY_HINTS]: hints } = annotations;
  if (mode === undefined || hints === undefined || mode === hints) return [];
  const detail = `must match annotations[${TOPOLOGY_HINTS}] when both are specified`;
  return [invalidValue(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, detail)];
}

function typeFaults(service: Service): FieldError[] {
  const { type = '', clusterIPs } = service.spec;
  const errors: FieldError[] = [];
  if (portsOf(service).length === 0 && !isHeadless(service) && !isExternalName(service)) {
    errors.push(required('spec.ports', ''));
  }
  if (isExternalName(service)) return [...errors, ...externalNameFaults(service)];
  if (needsNodePort(service) && isHeadless(service)) {
    errors.push(
      invalidValue(
        'spec.clusterIPs[0]',
        clusterIPs?.[0] ?? '',
        `may not be set to 'None' for ${type} services`,
      ),
    );
  }
  return errors;
}

function externalNameFaults({ spec }: Service): FieldError[] {
  const errors: FieldError[] = [];
  const refuse = (field: string): unknown =>
    errors.push(forbiddenField(`spec.${field}`, 'may not be set for ExternalName services'));
  if ((spec.clusterIPs ?? []).length > 0 || (spec.clusterIP ?? '') !== '') refuse('clusterIPs');
  if ((spec.ipFamilies ?? []).length > 0) refuse('ipFamilies');
  if (spec.ipFamilyPolicy !== undefined) refuse('ipFamilyPolicy');
  // A trailing dot says that the name is complete.
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName', ''));
  else errors.push(...invalidEach('spec.externalName', name, dns1123Subdomain(name)));
  return errors;
}

function portListFaults(service: Service): FieldError[] {
  const names = new Set<string>();
  const ports = portsOf(service);
  return ports.flatMap((port, i) => {
    const path = `spec.ports[${i}]`;
    const { name = '' } = port;
    const errors: FieldError[] = [];
    if (name === '') {
      if (ports.length > 1) errors.push(required(`${path}.name`, ''));
    } else {
      errors.push(...invalidEach(`${path}.name`, name, dns1123Label(name)));
      if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
      names.add(name);
    }
    return [...errors, ...portFaults(port, path)];
  });
}

function portFaults(port: ServicePort, path: string): FieldError[] {
  const { protocol = '', targetPort = port.port, appProtocol } = port;
  const errors = invalidEach(`${path}.port`, port.port, portNumber(port.port));
  if (protocol === '') errors.push(required(`${path}.protocol`, ''));
  else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
  errors.push(...portNumberOrNameFaults(`${path}.targetPort`, targetPort));
  if (appProtocol !== undefined) {
    errors.push(...invalidEach(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
  }
  return errors;
}

function affinityFaults({ spec }: Service): FieldError[] {
  const { sessionAffinity = '', sessionAffinityConfig: config } = spec;
  const path = 'spec.sessionAffinityConfig';
  if (sessionAffinity === '') return [required('spec.sessionAffinity', '')];
  if (!AFFINITIES.includes(sessionAffinity)) {
    return [notSupported('spec.sessionAffinity', sessionAffinity, AFFINITIES)];
  }
  if (sessionAffinity === 'None') {
    return config === undefined
      ? []
      : [forbiddenField(path, 'must not be set when session affinity is None')];
  }
  const seconds = config?.clientIP?.timeoutSeconds;
  if (config === undefined) return [required(path, 'when session affinity type is ClientIP')];
  if (config.clientIP === undefined) {
    return [required(`${path}.clientIP`, 'when session affinity type is ClientIP')];
  }
  if (seconds === undefined) {
    return [required(`${path}.clientIP.timeoutSeconds`, 'when session affinity type is ClientIP')];
  }
  if (seconds > 0 && seconds <= MAX_AFFINITY_SECONDS) return [];
  const detail = `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`;
  return [invalidValue(`${path}.clientIP.timeoutSeconds`, seconds, detail)];
}

function externalIPFaults({ spec }: Service, prev: Service | undefined): FieldError[] {
  const standing = new Set(prev?.spec.externalIPs);
  return (spec.externalIPs ?? []).flatMap((ip, i) => {
    const errors = ipFaults(`spec.externalIPs[${i}]`, ip, standing);
    return errors.length > 0 ? errors : specialIpFaults(`spec.externalIPs[${i}]`, ip);
  });
}

function knownTypeFaults(service: Service): FieldError[] {
  const { type = '' } = service.spec;
  if (type === '') return [required('spec.type', '')];
  if (!TYPES.includes(type)) return [notSupported('spec.type', type, TYPES)];
  if (type !== 'ClusterIP') return [];
  return portsOf(service).flatMap((port, i) =>
    port.nodePort
      ? [forbiddenField(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'")]
      : [],
  );
}

/** As a Go struct prints in upstream's message. */
const goServicePort = (protocol: string, port: number): JsonValue => ({
  Name: '',
  Protocol: protocol,
  AppProtocol: null,
  Port: port,
  TargetPort: 0,
  NodePort: 0,
});

function duplicatePortFaults(service: Service): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  const isRepeated = (key: string): boolean => seen.size === seen.add(key).size;
  for (const [i, { protocol = '', nodePort = 0 }] of portsOf(service).entries()) {
    if (nodePort !== 0 && isRepeated(`node ${protocol} ${nodePort}`)) {
      errors.push(duplicate(`spec.ports[${i}].nodePort`, nodePort));
    }
  }
  for (const [i, { protocol = '', port }] of portsOf(service).entries()) {
    if (isRepeated(`${protocol} ${port}`))
      errors.push(duplicate(`spec.ports[${i}]`, goServicePort(protocol, port)));
  }
  return errors;
}

function sourceRangeFaults(service: Service, prev: Service | undefined): FieldError[] {
  const ranges = service.spec.loadBalancerSourceRanges ?? [];
  const annotation = service.metadata.annotations?.[SOURCE_RANGES_ANNOTATION];
  if (ranges.length === 0 && annotation === undefined) return [];
  const isField = ranges.length > 0;
  const path = isField
    ? 'spec.LoadBalancerSourceRanges'
    : `metadata.annotations[${SOURCE_RANGES_ANNOTATION}]`;
  const errors = isLoadBalancer(service) ? [] : [forbiddenField(path, ONLY_LOAD_BALANCER)];
  // The field took over from the annotation, and with it spaces around the values.
  const texts = isField ? ranges : annotation?.trim() ? annotation.split(',') : [];
  if (!isField && annotation === prev?.metadata.annotations?.[SOURCE_RANGES_ANNOTATION]) return errors;
  const standing = new Set(prev?.spec.loadBalancerSourceRanges?.map((text) => text.trim()));
  for (const [i, text] of texts.entries())
    errors.push(...cidrFaults(isField ? `${path}[${i}]` : path, text.trim(), isField ? standing : undefined));
  return errors;
}

function loadBalancerFaults(service: Service): FieldError[] {
  const { allocateLoadBalancerNodePorts: allocates, loadBalancerClass } = service.spec;
  const path = 'spec.loadBalancerClass';
  const errors: FieldError[] = [];
  if (!isLoadBalancer(service)) {
    if (allocates !== undefined) {
      errors.push(forbiddenField('spec.allocateLoadBalancerNodePorts', ONLY_LOAD_BALANCER));
    }
    if (loadBalancerClass !== undefined) errors.push(forbiddenField(path, ONLY_LOAD_BALANCER));
    return errors;
  }
  if (allocates === undefined) errors.push(required('allocateLoadBalancerNodePorts', ''));
  if (loadBalancerClass !== undefined) {
    errors.push(...invalidEach(path, loadBalancerClass, qualifiedName(loadBalancerClass)));
  }
  return errors;
}

function externalTrafficFaults(service: Service): FieldError[] {
  const { externalTrafficPolicy: policy = '', healthCheckNodePort: port = 0 } = service.spec;
  const path = 'spec.externalTrafficPolicy';
  const errors: FieldError[] = [];
  if (!isExternallyAccessible(service)) {
    if (policy !== '')
      errors.push(invalidValue(path, policy, 'may only be set for externally-accessible services'));
  } else if (policy === '') errors.push(required(path, ''));
  else if (!POLICIES.includes(policy)) errors.push(notSupported(path, policy, POLICIES));
  if (port === 0) return errors;
  if (needsHealthCheckNodePort(service)) {
    errors.push(...invalidEach('spec.healthCheckNodePort', port, portNumber(port)));
  } else {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalidValue('spec.healthCheckNodePort', port, detail));
  }
  return errors;
}

function internalTrafficFaults(service: Service): FieldError[] {
  const { internalTrafficPolicy: policy, trafficDistribution: distribution } = service.spec;
  const errors: FieldError[] = [];
  if (policy === undefined) {
    if (needsNodePort(service) || service.spec.type === 'ClusterIP')
      errors.push(required('spec.internalTrafficPolicy'));
  } else if (!POLICIES.includes(policy))
    errors.push(notSupported('spec.internalTrafficPolicy', policy, POLICIES));
  if (distribution !== undefined && !DISTRIBUTIONS.includes(distribution)) {
    errors.push(notSupported('spec.trafficDistribution', distribution, DISTRIBUTIONS));
  }
  return errors;
}
