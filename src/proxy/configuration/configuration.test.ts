import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFieldErrors } from '../../api/errors/field-error.ts';
import { configurationDocument, defaultConfiguration } from './configuration.ts';
import { decodeConfiguration } from './decode.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { validateConfiguration } from './validation.ts';

const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
const MODES = ['nftables', 'iptables', 'ipvs', 'userspace'];

/** As kubeadm 1.31 writes it into the ConfigMap kube-system/kube-proxy. */
const KUBEADM = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection:
  acceptContentTypes: ""
  burst: 0
  contentType: ""
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
  qps: 0
clusterCIDR: 10.244.0.0/16
configSyncPeriod: 0s
conntrack:
  maxPerCore: null
  min: null
  tcpBeLiberal: false
  tcpCloseWaitTimeout: null
  tcpEstablishedTimeout: null
  udpStreamTimeout: 0s
  udpTimeout: 0s
detectLocal:
  bridgeInterface: ""
  interfaceNamePrefix: ""
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
iptables:
  localhostNodePorts: null
  masqueradeAll: false
  masqueradeBit: null
  minSyncPeriod: 0s
  syncPeriod: 0s
ipvs:
  excludeCIDRs: null
  minSyncPeriod: 0s
  scheduler: ""
  strictARP: false
  syncPeriod: 0s
  tcpFinTimeout: 0s
  tcpTimeout: 0s
  udpTimeout: 0s
kind: KubeProxyConfiguration
logging:
  flushFrequency: 0
  options:
    json:
      infoBufferSize: "0"
    text:
      infoBufferSize: "0"
  verbosity: 0
metricsBindAddress: ""
mode: ""
nftables:
  masqueradeAll: false
  masqueradeBit: null
  minSyncPeriod: 0s
  syncPeriod: 0s
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
winkernel:
  enableDSR: false
  forwardHealthCheckVip: false
  networkName: ""
  rootHnsEndpointName: ""
  sourceVip: ""
`;

const decode = async (text: string) => decodeConfiguration(HEAD + text);
const errorsOf = async (text: string): Promise<string> =>
  formatFieldErrors(validateConfiguration((await decode(text)).configuration, MODES));

describe('KubeProxyConfiguration', () => {
  it('of kubeadm is taken as it stands: what is empty there has its default', async () => {
    const { configuration, warnings } = await decodeConfiguration(KUBEADM);
    assert.deepEqual(warnings, []);
    assert.deepEqual(validateConfiguration(configuration, MODES), []);
    const { logging, winkernel, clientConnection, ...rest } = configuration;
    const { logging: _l, winkernel: _w, clientConnection: usual, ...defaults } = defaultConfiguration();
    assert.deepEqual(rest, {
      ...defaults,
      clusterCIDR: '10.244.0.0/16',
      healthzBindAddress: '0.0.0.0:10256',
      metricsBindAddress: '127.0.0.1:10249',
    });
    assert.deepEqual(clientConnection, { ...usual, kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf' });
    assert.equal(logging.verbosity, 0);
    assert.ok(winkernel);
  });

  it('survives being written and read', async () => {
    const { configuration } = await decode(
      'mode: ipvs\nipvs: {tcpTimeout: 1m30s, excludeCIDRs: [10.0.0.0/8]}',
    );
    const again = await decodeConfiguration(JSON.stringify(configurationDocument(configuration)));
    assert.deepEqual(again, { configuration, warnings: [] });
    assert.equal(configuration.ipvs.tcpTimeout, 90_000);
  });

  it('serves health and metrics in the family of bindAddress, and completes addresses without a port', async () => {
    const six = (await decode('bindAddress: "::"')).configuration;
    assert.equal(six.healthzBindAddress, '[::]:10256');
    assert.equal(six.metricsBindAddress, '[::1]:10249');
    assert.equal(
      (await decode('metricsBindAddress: 0.0.0.0')).configuration.metricsBindAddress,
      '0.0.0.0:10249',
    );
  });

  it('with fields nobody knows is read without them, with a warning that names them', async () => {
    const { configuration, warnings } = await decode(
      'mode: nftables\nfoo: 1\niptables: {bar: 2}\nmode: nftables',
    );
    assert.equal(configuration.mode, 'nftables');
    assert.deepEqual(warnings.slice(1), ['unknown field "foo"', 'unknown field "iptables.bar"']);
    assert.match(warnings[0] ?? '', /^yaml: Map keys must be unique/);
  });

  const undecodable: Readonly<Record<string, readonly [text: string, words: RegExp]>> = {
    'another kind': ['apiVersion: v1\nkind: Pod', /no kind "Pod" is registered for version "v1"/],
    'no kind': ['apiVersion: kubeproxy.config.k8s.io/v1alpha1', /Object 'kind' is missing/],
    'no YAML': ['a: [', /^failed to decode: /],
    'a list': ['- 1', /expected an object/],
    'a number for a text': [`${HEAD}mode: 5`, /mode: 5 must be a string/],
    'a text for a number': [
      `${HEAD}iptables: {masqueradeBit: x}`,
      /iptables.masqueradeBit: "x" must be a whole number/,
    ],
    'no duration': [`${HEAD}conntrack: {udpTimeout: 5}`, /conntrack.udpTimeout: 5 must be a duration/],
    'a text for a list': [`${HEAD}nodePortAddresses: primary`, /must be a list of strings/],
    'a gate that is no switch': [`${HEAD}featureGates: {A: yes please}`, /must be names with true or false/],
  };
  for (const [what, [text, words]] of Object.entries(undecodable)) {
    it(`is refused when it is ${what}`, () => assert.rejects(decodeConfiguration(text), { message: words }));
  }

  const K = 'KubeProxyConfiguration';
  const invalid: Readonly<Record<string, readonly [text: string, error: string]>> = {
    'a mode nobody knows': [
      'mode: ebpf',
      `${K}.Mode.ProxyMode: Invalid value: "ebpf": must be iptables, ipvs, nftables, userspace or blank (blank means the best-available proxy [currently nftables])`,
    ],
    'a bind address with a port': [
      'bindAddress: 10.10.12.11:2000',
      `${K}.BindAddress: Invalid value: "10.10.12.11:2000": not a valid textual representation of an IP address`,
    ],
    'a health address that is a name': [
      'healthzBindAddress: localhost:10256',
      `${K}.HealthzBindAddress: Invalid value: "localhost": must be a valid IP`,
    ],
    'a metrics address without a port': [
      'metricsBindAddress: localhost',
      `${K}.MetricsBindAddress: Invalid value: "localhost": must be IP:port`,
    ],
    'a port that is none': [
      'healthzBindAddress: 0.0.0.0:0',
      `${K}.HealthzBindAddress: Invalid value: "0": must be a valid port`,
    ],
    'a cluster CIDR that is none': [
      'clusterCIDR: 10.244.0.0',
      `${K}.DetectLocalConfiguration.ClusterCIDRs[0]: Invalid value: "10.244.0.0": must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)`,
    ],
    'two cluster CIDRs of one family': [
      'clusterCIDR: 10.244.0.0/16,10.245.0.0/16',
      `${K}.DetectLocalConfiguration.ClusterCIDRs: Invalid value: ["10.244.0.0/16","10.245.0.0/16"]: must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]`,
    ],
    'a way to tell Pods nobody knows': [
      'detectLocalMode: Guess',
      `${K}.DetectLocalMode: Unsupported value: "Guess": supported values: "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix", ""`,
    ],
    'a bridge without a name': [
      'detectLocalMode: BridgeInterface',
      `${K}.DetectLocalConfiguration.InterfaceName: Invalid value: "": must not be empty`,
    ],
    'a prefix that is empty': [
      'detectLocalMode: InterfaceNamePrefix',
      `${K}.DetectLocalConfiguration.InterfacePrefix: Invalid value: "": must not be empty`,
    ],
    'primary beside a block': [
      'nodePortAddresses: [10.0.0.0/8, primary]',
      `${K}.NodePortAddresses[1]: Invalid value: "primary": can't use both 'primary' and CIDRs`,
    ],
    'a node port address without a length': [
      'nodePortAddresses: [10.0.0.1]',
      `${K}.NodePortAddresses[0]: Invalid value: "10.0.0.1": must be a valid CIDR`,
    ],
    'a score out of range': [
      'oomScoreAdj: 1001',
      `${K}.KubeProxyLinuxConfiguration.OOMScoreAdj: Invalid value: 1001: must be within the range [-1000, 1000]`,
    ],
    'a mark out of range': [
      'mode: nftables\nnftables: {masqueradeBit: 32}',
      `${K}.KubeProxyNFTablesConfiguration.MasqueradeBit: Invalid value: 32: must be within the range [0, 31]`,
    ],
    'connections below zero': [
      'conntrack: {maxPerCore: -1}',
      `${K}.KubeProxyLinuxConfiguration.KubeProxyConntrackConfiguration.MaxPerCore: Invalid value: -1: must be greater than or equal to 0`,
    ],
    'a time below zero': [
      'mode: ipvs\nipvs: {tcpFinTimeout: -5s}',
      `${K}.KubeProxyIPVSConfiguration.TCPFinTimeout: Invalid value: "-5s": must be greater than or equal to 0`,
    ],
    'a least period above the period': [
      'iptables: {minSyncPeriod: 1m, syncPeriod: 30s}',
      `${K}.SyncPeriod: Invalid value: "1m0s": must be greater than or equal to ${K}.MinSyncPeriod`,
    ],
    'a format of logs nobody knows': [
      'logging: {format: xml}',
      `${K}.logging.format: Invalid value: "xml": Unsupported log format`,
    ],
  };
  for (const [what, [text, error]] of Object.entries(invalid)) {
    it(`is refused with upstream's words: ${what}`, async () => assert.equal(await errorsOf(text), error));
  }

  it('has durations in the notation of Go', () => {
    for (const [text, ms] of [
      ['24h0m0s', 86_400_000],
      ['1m30s', 90_000],
      ['250ms', 250],
      ['0s', 0],
      ['-5s', -5000],
    ] as const) {
      assert.equal(parseDuration(text), ms);
      assert.equal(formatDuration(ms), text);
    }
    assert.equal(parseDuration('1.5h'), 5_400_000);
    for (const text of ['', '5', 's', '1s2', 'x']) assert.equal(parseDuration(text), undefined, text);
  });
});
