import { type FeatureGates, parseFeatureGates } from './feature-gates.ts';
import type { AuditConfig } from './audit/audit.ts';
import { parseCidr } from '../net/cidr.ts';
import type { Cidr } from '../net/cidr.ts';
import { parseIp } from '../net/ip.ts';
import { parsePortRange } from '../net/port-range.ts';
import type { PortRange } from '../net/port-range.ts';
import type { ServiceAccountConfig } from './authentication/service-account-tokens.ts';
import type { FlowLimits } from './flow/flow-control.ts';

/** Upstream's admission plugins, as --disable-admission-plugins names them; those we do not have are off anyway. */
const ADMISSION_PLUGINS: ReadonlySet<string> = new Set(
  (
    'AlwaysAdmit AlwaysDeny AlwaysPullImages CertificateApproval ' +
    'CertificateSigning CertificateSubjectRestriction ClusterTrustBundleAttest DefaultIngressClass ' +
    'DefaultStorageClass DefaultTolerationSeconds DenyServiceExternalIPs EventRateLimit ' +
    'ExtendedResourceToleration ImagePolicyWebhook LimitPodHardAntiAffinityTopology LimitRanger ' +
    'MutatingAdmissionPolicy MutatingAdmissionWebhook NamespaceAutoProvision NamespaceExists ' +
    'NamespaceLifecycle NodeDeclaredFeatureValidator NodeRestriction OwnerReferencesPermissionEnforcement ' +
    'PersistentVolumeClaimResize PodNodeSelector PodSecurity PodTolerationRestriction ' +
    'PodTopologyLabels Priority ResourceQuota RuntimeClass ' +
    'ServiceAccount StorageObjectInUseProtection TaintNodesByCondition ValidatingAdmissionPolicy ' +
    'ValidatingAdmissionWebhook '
  )
    .trim()
    .split(' '),
);

/** Where the server accepts connections: an address it binds (port 0 = any free one), or a listening socket handed over. */
export type ListenEndpoint = { readonly host: string; readonly port: number } | { readonly fd: number };

/** PEM text. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A bearer token and whom it stands for; `system:authenticated` is added to the groups. */
export interface StaticToken {
  readonly token: string;
  readonly user: string;
  readonly uid?: string;
  readonly groups: readonly string[];
}

/** Everything the API server needs to know before it starts; read once, never changed. */
export interface ApiServerConfig {
  readonly listen: readonly ListenEndpoint[];
  readonly serving: KeyPair;
  /** PEM of the authority that signs client certificates: CN is the user, O the groups. */
  readonly clientCa: string;
  readonly tokens: readonly StaticToken[];
  /** How the server calls a node's agent; absent = Pod logs answer 503. */
  readonly kubelet?: KeyPair & { readonly ca: string };
  /** One per IP family, the primary first. */
  readonly serviceCidrs: readonly Cidr[];
  readonly nodePortRange: PortRange;
  /** What the Service `default/kubernetes` leads to. */
  readonly advertise: { readonly address: string; readonly port: number };
  /** Special addresses that endpoints may have nevertheless; a cluster without its own network has only loopback. */
  readonly allowedEndpointCidrs: readonly Cidr[];
  /** Asked in this order. */
  readonly authorizationModes: readonly AuthorizationMode[];
  /** Who shows nothing: sees health and version only; is asked about like everyone, as upstream; is refused. */
  readonly anonymous: 'health' | 'all' | 'none';
  /** Absent = no tokens of service accounts, and Pods get none. */
  readonly serviceAccount?: ServiceAccountConfig;
  readonly limits: FlowLimits;
  /** Absent: nothing is recorded. */
  readonly audit?: AuditConfig;
  readonly featureGates: FeatureGates;
  /** Admission plugins that are off, by upstream's names. */
  readonly disabledAdmission: readonly string[];
}

export type AuthorizationMode = 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny';
const MODES: readonly string[] = ['Node', 'RBAC', 'AlwaysAllow', 'AlwaysDeny'] satisfies AuthorizationMode[];

/** As a command has it: ranges as text, with upstream's defaults for what is left out. */
export interface ApiServerOptions {
  readonly listen: readonly ListenEndpoint[];
  readonly serving: KeyPair;
  readonly clientCa: string;
  readonly tokens?: readonly StaticToken[];
  readonly kubelet?: KeyPair & { readonly ca: string };
  /** Default 10.96.0.0/12. */
  readonly serviceCidrs?: readonly string[];
  /** Default 30000-32767. */
  readonly nodePortRange?: string;
  readonly advertise: { readonly address: string; readonly port: number };
  /** Default: none. */
  readonly allowedEndpointCidrs?: readonly Cidr[];
  /** As upstream's --authorization-mode, such as `Node,RBAC`. Default: AlwaysAllow. */
  readonly authorizationMode?: string;
  /** Default: health. */
  readonly anonymous?: ApiServerConfig['anonymous'];
  readonly serviceAccount?: ServiceAccountConfig;
  /** Default: upstream's 400 and 200. */
  readonly limits?: Partial<FlowLimits>;
  /** Default: nothing is recorded. */
  readonly audit?: AuditConfig;
  /** `SCTPSupport=true,MixedProtocolLBService=false`; default: every gate as it is when nobody turns it. */
  readonly featureGates?: string;
  /** Names of admission plugins to turn off, such as DenyServiceExternalIPs; default: none. */
  readonly disabledAdmission?: readonly string[];
}

/** Checks and completes the options. Throws an Error that names the wrong option as the flag it comes from. */
export function apiServerConfig(options: ApiServerOptions): ApiServerConfig {
  const { serviceCidrs = ['10.96.0.0/12'], nodePortRange = '30000-32767' } = options;
  const ports = parsePortRange(nodePortRange);
  if (ports === undefined) {
    throw new Error(
      `--service-node-port-range: ${JSON.stringify(nodePortRange)} is not a port range like 30000-32767`,
    );
  }
  if (parseIp(options.advertise.address) === undefined) {
    throw new Error(`--advertise-address: ${JSON.stringify(options.advertise.address)} is not an IP address`);
  }
  if (options.listen.length === 0) throw new Error('--listen: at least one address is needed');
  return {
    ...options,
    tokens: options.tokens ?? [],
    serviceCidrs: parseServiceCidrs(serviceCidrs),
    nodePortRange: ports,
    allowedEndpointCidrs: options.allowedEndpointCidrs ?? [],
    featureGates: parseFeatureGates(options.featureGates ?? ''),
    disabledAdmission: knownPlugins(options.disabledAdmission ?? []),
    ...accessConfig(options),
  };
}

function accessConfig(
  options: ApiServerOptions,
): Pick<ApiServerConfig, 'authorizationModes' | 'anonymous' | 'limits'> {
  const { authorizationMode = 'AlwaysAllow', anonymous = 'health' } = options;
  const modes = authorizationMode.split(',').map((mode) => mode.trim());
  for (const mode of modes) {
    if (MODES.includes(mode)) continue;
    throw new Error(`--authorization-mode: ${JSON.stringify(mode)} is none of ${MODES.join(', ')}`);
  }
  if (new Set(modes).size < modes.length) throw new Error('--authorization-mode: a mode is named twice');
  return {
    authorizationModes: modes as AuthorizationMode[],
    anonymous,
    limits: { maxRequestsInflight: 400, maxMutatingRequestsInflight: 200, ...options.limits },
  };
}

function knownPlugins(names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => !ADMISSION_PLUGINS.has(name));
  if (unknown === undefined) return names;
  throw new Error(`--disable-admission-plugins: admission plugin ${JSON.stringify(unknown)} is unknown`);
}

function parseServiceCidrs(texts: readonly string[]): readonly Cidr[] {
  const flag = '--service-cluster-ip-range';
  const cidrs = texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined)
      throw new Error(`${flag}: ${JSON.stringify(text)} is not a CIDR like 10.96.0.0/12`);
    return cidr;
  });
  const [first, second] = cidrs;
  if (first === undefined || cidrs.length > 2)
    throw new Error(`${flag}: one or two CIDRs are needed, not ${cidrs.length}`);
  if (first.family === second?.family)
    throw new Error(`${flag}: both CIDRs are ${first.family}; a second one must be of the other family`);
  return cidrs;
}
