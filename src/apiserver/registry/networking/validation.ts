import type {
  Ingress,
  IngressBackend,
  IngressClass,
  IngressRule,
  HttpIngressPath,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../../api/networking/v1/ingress.ts';
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  pathSegmentName,
  portName,
  portNumber,
} from '../../../api/validation/names.ts';
import { type Cidr, cidrContains } from '../../../net/cidr.ts';
import { ipFromValue, parseIp } from '../../../net/ip.ts';
import { selectorFaults } from '../rules/label-selectors.ts';
import { cidrFaults, cidrWarnings, sloppyCidr, type Standing } from '../rules/addresses.ts';
import { immutableFaults, invalidEach } from '../rules/fields.ts';
import { domainPathFaults } from '../rules/paths.ts';

/** The checks of pkg/apis/networking/validation. */

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const BAD_ENDS = ['/..', '/.'];

export function ingressFaults({ metadata, spec }: Ingress, prev: Ingress | undefined): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.push(invalidValue('spec', null, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend !== undefined) errors.push(...backendFaults(defaultBackend, 'spec.defaultBackend'));
  errors.push(...rules.flatMap((rule, i) => ruleFaults(rule, `spec.rules[${i}]`)));
  for (const [i, { hosts = [], secretName = '' }] of tls.entries()) {
    errors.push(...hosts.flatMap((host, j) => hostFaults(`spec.tls[${i}].hosts[${j}]`, host)));
    if (secretName !== '') {
      errors.push(...invalidEach(`spec.tls[${i}].secretName`, secretName, dns1123Subdomain(secretName)));
    }
  }
  if (ingressClassName !== undefined) {
    errors.push(
      ...invalidEach('spec.ingressClassName', ingressClassName, dns1123Subdomain(ingressClassName)),
    );
  }
  const written = metadata.annotations?.[CLASS_ANNOTATION];
  const isContrary = written !== undefined && ingressClassName !== undefined && written !== ingressClassName;
  if (prev === undefined && isContrary) {
    const detail = 'must match `ingressClassName` when both are specified';
    errors.push(invalidValue(`annotations.${CLASS_ANNOTATION}`, written, detail));
  }
  return errors;
}

const WILDCARD = '\\*(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+';
const wildcardRule = new RegExp(`^${WILDCARD}$`);

function hostFaults(path: string, host: string): FieldError[] {
  if (!host.includes('*')) return invalidEach(path, host, dns1123Subdomain(host));
  if (host.length <= 253 && wildcardRule.test(host)) return [];
  const detail =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of " +
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character " +
    `(e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`;
  return [invalidValue(path, host, detail)];
}

function ruleFaults({ host = '', http }: IngressRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (host !== '') {
    if (parseIp(host) !== undefined) {
      errors.push(invalidValue(`${path}.host`, host, 'must be a DNS name, not an IP address'));
    }
    errors.push(...hostFaults(`${path}.host`, host));
  }
  if (http === undefined) return errors;
  if (http.paths.length === 0) errors.push(required(`${path}.http.paths`));
  return [...errors, ...http.paths.flatMap((each, i) => pathFaults(each, `${path}.http.paths[${i}]`))];
}

function pathFaults({ path = '', pathType, backend }: HttpIngressPath, at: string): FieldError[] {
  if (pathType === undefined) return [required(`${at}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  const refuse = (detail: string): unknown => errors.push(invalidValue(`${at}.path`, path, detail));
  const isAbsolute = path.startsWith('/');
  if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(`${at}.pathType`, pathType, PATH_TYPES));
  else if (pathType === 'ImplementationSpecific') {
    if (path !== '' && !isAbsolute) refuse('must be an absolute path');
  } else {
    if (!isAbsolute) refuse('must be an absolute path');
    for (const part of BAD_SEQUENCES) if (path.includes(part)) refuse(`must not contain '${part}'`);
    for (const end of BAD_ENDS) if (path.endsWith(end)) refuse(`cannot end with '${end}'`);
  }
  return [...errors, ...backendFaults(backend, `${at}.backend`)];
}

function backendFaults({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (resource !== undefined && service !== undefined) {
    return [invalidValue(path, '', 'cannot set both resource and service backends')];
  }
  if (resource !== undefined) return objectFaults(resource, `${path}.resource`);
  if (service === undefined) return [invalidValue(path, '', 'resource or service backend is required')];
  const { name, port: { name: byName = '', number = 0 } = {} } = service;
  const errors =
    name === ''
      ? [required(`${path}.service.name`)]
      : invalidEach(`${path}.service.name`, name, dns1035Label(name));
  if (byName !== '' && number !== 0) {
    errors.push(invalidValue(path, '', 'cannot set both port name & port number'));
  } else if (byName !== '') {
    errors.push(...invalidEach(`${path}.service.port.name`, byName, portName(byName)));
  } else if (number !== 0) {
    errors.push(...invalidEach(`${path}.service.port.number`, number, portNumber(number)));
  } else errors.push(required(path, 'port name or number is required'));
  return errors;
}

interface ObjectRef {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
}

function objectFaults({ apiGroup, kind, name }: ObjectRef, path: string): FieldError[] {
  const errors =
    apiGroup === undefined ? [] : invalidEach(`${path}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup));
  for (const [field, value] of Object.entries({ kind, name })) {
    if (value === '') errors.push(required(`${path}.${field}`));
    else errors.push(...invalidEach(`${path}.${field}`, value, pathSegmentName(value)));
  }
  return errors;
}

export function ingressStatusFaults({ status }: Ingress): FieldError[] {
  return (status?.loadBalancer.ingress ?? []).flatMap(({ ip = '', hostname = '' }, i) => {
    const path = `status.loadBalancer.ingress[${i}]`;
    const errors: FieldError[] = [];
    if (ip !== '' && parseIp(ip) === undefined) {
      const detail = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
      errors.push(invalidValue(`${path}.ip`, ip, detail));
    }
    if (hostname === '') return errors;
    errors.push(...invalidEach(`${path}.hostname`, hostname, dns1123Subdomain(hostname)));
    if (parseIp(hostname) !== undefined) {
      errors.push(invalidValue(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    }
    return errors;
  });
}

const MAX_CONTROLLER = 250;
const SCOPES = ['Cluster', 'Namespace'];

export function ingressClassFaults({ spec }: IngressClass, prev: IngressClass | undefined): FieldError[] {
  const { controller = '', parameters } = spec;
  const errors: FieldError[] =
    prev === undefined ? [] : immutableFaults('spec.controller', controller, prev.spec.controller ?? '');
  if (controller === '') errors.push(required('spec.controller'));
  else {
    if (controller.length > MAX_CONTROLLER) errors.push(tooLong('spec.controller', MAX_CONTROLLER));
    errors.push(...domainPathFaults('spec.controller', controller));
  }
  if (parameters === undefined) return errors;
  const path = 'spec.parameters';
  errors.push(...objectFaults(parameters, path));
  const { scope = '', namespace } = parameters;
  if (!SCOPES.includes(scope)) errors.push(notSupported(`${path}.scope`, scope, SCOPES));
  else if (scope === 'Cluster' && namespace !== undefined) {
    errors.push(forbiddenField(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  } else if (scope === 'Namespace' && namespace === undefined) {
    errors.push(required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'"));
  } else if (namespace !== undefined) {
    errors.push(...invalidEach(`${path}.namespace`, namespace, dns1123Label(namespace)));
  }
  return errors;
}

const DIRECTIONS = ['Ingress', 'Egress'];
const POLICY_PROTOCOLS = ['TCP', 'UDP', 'SCTP'];

/** Blocks that `prev` has may be spelled as they are. */
export function networkPolicyFaults({ spec }: NetworkPolicy, prev?: NetworkPolicy): FieldError[] {
  const standing: Standing = new Set(prev === undefined ? [] : blocksOf(prev).map(([, text]) => text));
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec;
  const errors = selectorFaults(podSelector, 'spec.podSelector');
  const check = (
    path: string,
    ports: readonly NetworkPolicyPort[] = [],
    [field, peers = []]: readonly ['from' | 'to', readonly NetworkPolicyPeer[] | undefined],
  ): void => {
    errors.push(...ports.flatMap((port, i) => policyPortFaults(port, `${path}.ports[${i}]`)));
    errors.push(...peers.flatMap((peer, i) => peerFaults(peer, `${path}.${field}[${i}]`, standing)));
  };
  for (const [i, { ports, from }] of ingress.entries()) check(`spec.ingress[${i}]`, ports, ['from', from]);
  for (const [i, { ports, to }] of egress.entries()) check(`spec.egress[${i}]`, ports, ['to', to]);
  if (policyTypes.length > DIRECTIONS.length) {
    const detail = 'may not specify more than two policyTypes';
    return [...errors, invalidValue('spec.policyTypes', policyTypes, detail)];
  }
  const unknown = policyTypes.flatMap((type, i) =>
    DIRECTIONS.includes(type) ? [] : [notSupported(`spec.policyTypes[${i}]`, type, DIRECTIONS)],
  );
  return [...errors, ...unknown];
}

function policyPortFaults({ protocol, port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (protocol !== undefined && !POLICY_PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(`${path}.protocol`, protocol, POLICY_PROTOCOLS));
  }
  const refuseEnd = (detail: string): unknown =>
    errors.push(invalidValue(`${path}.endPort`, endPort ?? null, detail));
  if (typeof port === 'number') {
    errors.push(...invalidEach(`${path}.port`, port, portNumber(port)));
    if (endPort !== undefined && endPort < port) refuseEnd('must be greater than or equal to `port`');
    if (endPort !== undefined) for (const message of portNumber(endPort)) refuseEnd(message);
    return errors;
  }
  if (endPort !== undefined) {
    refuseEnd(
      port === undefined
        ? 'may not be specified when `port` is not specified'
        : 'may not be specified when `port` is non-numeric',
    );
  }
  return port === undefined ? errors : [...errors, ...invalidEach(`${path}.port`, port, portName(port))];
}

function peerFaults(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  path: string,
  standing: Standing,
): FieldError[] {
  const n = [podSelector, namespaceSelector, ipBlock].filter((peer) => peer !== undefined).length;
  if (n === 0) return [required(path, 'must specify a peer')];
  const errors = [
    ...(podSelector === undefined ? [] : selectorFaults(podSelector, `${path}.podSelector`)),
    ...(namespaceSelector === undefined
      ? []
      : selectorFaults(namespaceSelector, `${path}.namespaceSelector`)),
    ...(ipBlock === undefined ? [] : blockFaults(ipBlock, `${path}.ipBlock`, standing)),
  ];
  if (n > 1 && ipBlock !== undefined) {
    errors.push(forbiddenField(path, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

function blockFaults(
  { cidr, except = [] }: NonNullable<NetworkPolicyPeer['ipBlock']>,
  path: string,
  standing: Standing,
): FieldError[] {
  if (cidr === '') return [required(`${path}.cidr`)];
  const errors = cidrFaults(`${path}.cidr`, cidr, standing);
  const whole = sloppyCidr(cidr)?.cidr;
  if (whole === undefined) return errors;
  for (const [i, text] of except.entries()) {
    const at = `${path}.except[${i}]`;
    errors.push(...cidrFaults(at, text, standing));
    const part = sloppyCidr(text)?.cidr;
    if (part !== undefined && !isWithin(part, whole)) {
      errors.push(invalidValue(at, text, 'must be a strict subset of `cidr`'));
    }
  }
  return errors;
}

/** All blocks of a policy, with where they stand. */
function blocksOf({ spec: { ingress = [], egress = [] } }: NetworkPolicy): (readonly [string, string])[] {
  const peers = [
    ...ingress.flatMap(({ from = [] }, i) =>
      from.map((peer, j) => [`spec.ingress[${i}].from[${j}].ipBlock`, peer] as const),
    ),
    ...egress.flatMap(({ to = [] }, i) =>
      to.map((peer, j) => [`spec.egress[${i}].to[${j}].ipBlock`, peer] as const),
    ),
  ];
  return peers.flatMap(([path, { ipBlock }]) =>
    ipBlock === undefined
      ? []
      : [
          [`${path}.cidr`, ipBlock.cidr] as const,
          ...(ipBlock.except ?? []).map((text, i) => [`${path}.except[${i}]`, text] as const),
        ],
  );
}

/** Blocks that are spelled unwisely. */
export const networkPolicyWarnings = (policy: NetworkPolicy): readonly string[] =>
  blocksOf(policy).flatMap(([path, text]) => cidrWarnings(path, text));

const isWithin = (part: Cidr, whole: Cidr): boolean =>
  part.prefix > whole.prefix && cidrContains(whole, ipFromValue(part.family, part.base));
