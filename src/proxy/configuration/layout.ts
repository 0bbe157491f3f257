/**
 * What stands in a KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1): names, kinds and defaults of all fields, as
 * k8s.io/kube-proxy/config/v1alpha1/types.go and its defaults.go have them, except where said otherwise. Types,
 * decoding and printing are computed from it. Durations are milliseconds in the program and Go's notation in a file.
 */
export type Field =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'switch'; readonly value: boolean }
  /** `isZeroUnset`: 0 is as good as absent, since upstream's type cannot tell the two apart. */
  | {
      readonly kind: 'whole' | 'number' | 'duration';
      readonly value: number;
      readonly isZeroUnset?: boolean;
    }
  | { readonly kind: 'list'; readonly value: readonly string[] }
  | { readonly kind: 'switches'; readonly value: Readonly<Record<string, boolean>> }
  /** Kept as it is and not looked into. */
  | { readonly kind: 'any'; readonly value: unknown }
  | { readonly kind: 'group'; readonly fields: Layout };

export interface Layout {
  readonly [name: string]: Field;
}

export type ValueOf<F> = F extends { readonly kind: 'group'; readonly fields: infer L }
  ? Values<L>
  : F extends { readonly value: infer V }
    ? V
    : never;
export type Values<L> = { readonly [K in keyof L]: ValueOf<L[K]> };

const text = (value = '') => ({ kind: 'text', value }) as const satisfies Field;
const isOn = (value = false) => ({ kind: 'switch', value }) as const satisfies Field;
const whole = (value: number) => ({ kind: 'whole', value }) as const satisfies Field;
const duration = (value = 0) => ({ kind: 'duration', value }) as const satisfies Field;
/** Where 0 counts as absent. */
const unlessZero = <F extends Field>(field: F) => ({ ...field, isZeroUnset: true }) as const;
const list = () => ({ kind: 'list', value: [] as readonly string[] }) as const satisfies Field;
const switches = (value: Readonly<Record<string, boolean>> = {}) =>
  ({ kind: 'switches', value }) as const satisfies Field;
const any = () => ({ kind: 'any', value: undefined as unknown }) as const satisfies Field;
const group = <L extends Layout>(fields: L) => ({ kind: 'group', fields }) as const;

const SECOND = 1000;
const HOUR = 3_600_000;

/**
 * The time between looks at everything is upstream's. The least time between two changes is 0 where upstream waits a
 * second: there a change costs a rewrite of all rules, here it costs what it touches. A number in a file is obeyed.
 */
const periods = { syncPeriod: unlessZero(duration(30 * SECOND)), minSyncPeriod: duration() };

export const layout = {
  featureGates: switches(),
  clientConnection: group({
    kubeconfig: text(),
    acceptContentTypes: text(),
    contentType: text('application/vnd.kubernetes.protobuf'),
    qps: unlessZero({ kind: 'number', value: 5 }),
    burst: unlessZero(whole(10)),
  }),
  logging: group({
    format: text('text'),
    flushFrequency: any(),
    verbosity: whole(0),
    vmodule: any(),
    options: any(),
  }),
  hostnameOverride: text(),
  bindAddress: text('0.0.0.0'),
  /** Defaults depend on the family of bindAddress: see withAddresses. */
  healthzBindAddress: text(),
  metricsBindAddress: text(),
  bindAddressHardFail: isOn(),
  enableProfiling: isOn(),
  showHiddenMetricsForVersion: text(),
  serviceProxyName: text(),
  mode: text(),
  iptables: group({
    masqueradeBit: whole(14),
    masqueradeAll: isOn(),
    localhostNodePorts: isOn(true),
    ...periods,
  }),
  ipvs: group({
    ...periods,
    scheduler: text(),
    excludeCIDRs: list(),
    strictARP: isOn(),
    tcpTimeout: duration(),
    tcpFinTimeout: duration(),
    udpTimeout: duration(),
  }),
  nftables: group({ masqueradeBit: whole(14), masqueradeAll: isOn(), ...periods }),
  winkernel: any(),
  windowsRunAsService: any(),
  detectLocalMode: text(),
  detectLocal: group({ bridgeInterface: text(), interfaceNamePrefix: text() }),
  clusterCIDR: text(),
  nodePortAddresses: list(),
  oomScoreAdj: whole(-999),
  conntrack: group({
    maxPerCore: whole(32_768),
    min: whole(131_072),
    tcpEstablishedTimeout: duration(24 * HOUR),
    tcpCloseWaitTimeout: duration(HOUR),
    tcpBeLiberal: isOn(),
    udpTimeout: duration(),
    udpStreamTimeout: duration(),
  }),
  /** Our own, which kube-proxy has not: connections, packets and bytes of each Service among the metrics. */
  perServiceMetrics: isOn(),
  configSyncPeriod: unlessZero(duration(15 * 60 * SECOND)),
  portRange: text(),
  /** Of older versions, without effect: they configured what is gone. */
  udpIdleTimeout: any(),
  resourceContainer: any(),
} as const satisfies Layout;

export type KubeProxyConfiguration = Values<typeof layout>;

/** The sections that are about one mode, by its name. */
export const modeSections = [
  'iptables',
  'ipvs',
  'nftables',
] as const satisfies readonly (keyof KubeProxyConfiguration)[];
export type ModeSection = (typeof modeSections)[number];
