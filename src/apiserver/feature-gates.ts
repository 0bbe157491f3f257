/** Which parts of the API behave in the way that the gate's name says. */
export interface FeatureGates {
  /** Throws for a gate nobody knows, since a misspelt one would go unnoticed. */
  isEnabled(name: FeatureGate): boolean;
}

interface Gate {
  readonly default: boolean;
  /** It can no longer be turned the other way. */
  readonly isLocked?: true;
}

/**
 * The gates of the Service and its endpoints. Those that upstream took away because nobody may turn them any more are
 * still accepted where their value is the one that is left; the ones that documents of older versions name can be
 * turned, and do what they did.
 */
const gates = {
  /** `SCTP` as a protocol; off: refused as an unknown one, save where it stands already. */
  SCTPSupport: { default: true },
  /** A load balancer with TCP and UDP ports; off: refused, save where it stands already. */
  MixedProtocolLBService: { default: true },
  /** `allocateLoadBalancerNodePorts`; off: dropped, so every load balancer has node ports. */
  ServiceLBNodePortControl: { default: true },
  /** Proxies use terminating endpoints when there are no others; nothing of it is the API server's. */
  ProxyTerminatingEndpoints: { default: true },
  /** Names of Services are RFC 1123 labels (KEP-5311); off: RFC 1035 labels. */
  RelaxedServiceNameValidation: { default: false },
  /** The status of any Service may have a load balancer's addresses; off: only that of type LoadBalancer. */
  AllowServiceLBStatusOnNonLB: { default: false },
  DisableAllocatorDualWrite: { default: true, isLocked: true },
  EndpointSlice: { default: true, isLocked: true },
  EndpointSliceNodeName: { default: true, isLocked: true },
  EndpointSliceProxying: { default: true, isLocked: true },
  EndpointSliceTerminatingCondition: { default: true, isLocked: true },
  IPv6DualStack: { default: true, isLocked: true },
  LoadBalancerIPMode: { default: true, isLocked: true },
  MultiCIDRServiceAllocator: { default: true, isLocked: true },
  NFTablesProxyMode: { default: true, isLocked: true },
  PreferSameTrafficDistribution: { default: true, isLocked: true },
  ServerSideApply: { default: true, isLocked: true },
  ServerSideFieldValidation: { default: true, isLocked: true },
  ServiceAppProtocol: { default: true, isLocked: true },
  ServiceInternalTrafficPolicy: { default: true, isLocked: true },
  ServiceIPStaticSubrange: { default: true, isLocked: true },
  ServiceLoadBalancerClass: { default: true, isLocked: true },
  ServiceLoadBalancerFinalizer: { default: true, isLocked: true },
  ServiceNodePortStaticSubrange: { default: true, isLocked: true },
  ServiceTrafficDistribution: { default: true, isLocked: true },
  StrictIPCIDRValidation: { default: true, isLocked: true },
  TopologyAwareHints: { default: true, isLocked: true },
} as const satisfies Readonly<Record<string, Gate>>;

export type FeatureGate = keyof typeof gates;

const isGate = (name: string): name is FeatureGate => Object.hasOwn(gates, name);

/** As Go's strconv.ParseBool reads it. */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/** Gates with the values given, and their defaults for the others. */
export function featureGates(values: Readonly<Partial<Record<FeatureGate, boolean>>> = {}): FeatureGates {
  return {
    isEnabled(name) {
      if (!isGate(name)) throw new Error(`unrecognized feature gate: ${String(name)}`);
      return values[name] ?? gates[name].default;
    },
  };
}

/**
 * `--feature-gates`: `A=true,B=false`. `AllAlpha` and `AllBeta` are accepted, since no gate here is either. Throws an
 * Error in upstream's words that begins with the flag.
 */
export function parseFeatureGates(text: string): FeatureGates {
  const values: Partial<Record<FeatureGate, boolean>> = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [name = '', value] = part.split('=', 2).map((each) => each.trim());
    if (value === undefined) throw refusal(`missing bool value for ${name}`);
    const isOn = Object.hasOwn(BOOLEANS, value) ? BOOLEANS[value] : undefined;
    if (isOn === undefined) {
      const why = `err: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
      throw refusal(`invalid value of ${name}=${value}, ${why}`);
    }
    if (name === 'AllAlpha' || name === 'AllBeta') continue;
    if (!isGate(name)) throw refusal(`unrecognized feature gate: ${name}`);
    const gate: Gate = gates[name];
    if (gate.isLocked === true && isOn !== gate.default) {
      throw refusal(`cannot set feature gate ${name} to ${isOn}, feature is locked to ${gate.default}`);
    }
    values[name] = isOn;
  }
  return featureGates(values);
}

const refusal = (why: string): Error => new Error(`--feature-gates: ${why}`);
