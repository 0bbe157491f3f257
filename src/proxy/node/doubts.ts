import { parseCidr } from '../../net/cidr.ts';
import { isUnspecified, parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { KubeProxyConfiguration } from '../configuration/configuration.ts';
import { splitHostPort } from '../configuration/validation.ts';

export interface Doubt {
  /** A sentence without its full stop, kube-proxy's (checkBadConfig and checkBadIPConfig of cmd/kube-proxy/app). */
  readonly reason: string;
  /** The proxy would take Pods for strangers, or strangers for Pods: it must not begin. */
  readonly isFatal: boolean;
}

export interface Surroundings {
  /** Of the node's first address. */
  readonly primary: IpFamily;
  /** What this machine can serve. */
  readonly families: readonly IpFamily[];
  readonly podCIDRs: readonly string[];
  /** In both families; empty = all addresses. */
  readonly nodePortAddresses: readonly string[];
}

type Checked = Pick<
  KubeProxyConfiguration,
  'clusterCIDR' | 'detectLocalMode' | 'ipvs' | 'healthzBindAddress' | 'metricsBindAddress'
>;

const familiesOf = (cidrs: readonly string[]): ReadonlySet<IpFamily> =>
  new Set(cidrs.map((text) => parseCidr(text)?.family).filter((family) => family !== undefined));

/** What a configuration that is valid in itself leaves out or contradicts on this node. */
export function doubtsAbout(configuration: Checked, around: Surroundings): readonly Doubt[] {
  const clusterCIDRs = configuration.clusterCIDR.split(',').filter(Boolean);
  return [
    ...nodePortDoubts(around, [clusterCIDRs, configuration.ipvs.excludeCIDRs, around.podCIDRs]),
    ...familyDoubts({ ...configuration, clusterCIDRs }, around),
  ];
}

const warning = (reason: string): Doubt => ({ reason, isFatal: false });

function nodePortDoubts(
  { primary, nodePortAddresses }: Surroundings,
  others: readonly (readonly string[])[],
): Doubt[] {
  const found = familiesOf(nodePortAddresses);
  const second: IpFamily = primary === 'IPv4' ? 'IPv6' : 'IPv4';
  if (found.size === 0) {
    return [
      warning(
        'nodePortAddresses is unset; NodePort connections will be accepted on all local IPs. Consider using `--nodeport-addresses primary`',
      ),
    ];
  }
  if (found.size > 1) return [];
  const all = (family: IpFamily): string =>
    `NodePort connections will be accepted on all local ${family} IPs`;
  if (!found.has(primary)) {
    const only = `nodePortAddresses contains only ${second} addresses`;
    return [warning(`cluster appears to be ${primary}-primary but ${only}; ${all(primary)}`)];
  }
  const isDual = others.some((cidrs) => familiesOf(cidrs).size > 1);
  const only = `nodePortAddresses contains only ${primary} addresses`;
  return isDual ? [warning(`cluster appears to be dual-stack but ${only}; ${all(second)}`)] : [];
}

function familyDoubts(
  { clusterCIDRs, ...configuration }: Checked & { readonly clusterCIDRs: readonly string[] },
  { primary, families, podCIDRs }: Surroundings,
): Doubt[] {
  const { detectLocalMode, ipvs, healthzBindAddress, metricsBindAddress } = configuration;
  const isDual = families.length > 1;
  const wrong: IpFamily = primary === 'IPv4' ? 'IPv6' : 'IPv4';
  const cluster = `cluster is ${primary}-${isDual ? 'primary' : 'only'}`;
  const isOnlyWrong = (cidrs: readonly string[]): boolean => {
    const found = familiesOf(cidrs);
    return found.size === 1 && found.has(wrong);
  };
  const doubts: Doubt[] = [];
  const add = (what: string, isFatal = false): void =>
    void doubts.push({ reason: `${cluster} but ${what}`, isFatal });
  if (isOnlyWrong(clusterCIDRs)) {
    add(`clusterCIDRs contains only ${wrong} addresses`, detectLocalMode === 'ClusterCIDR' && !isDual);
  }
  if (isOnlyWrong(podCIDRs)) {
    add(`node.spec.podCIDRs contains only ${wrong} addresses`, detectLocalMode === 'NodeCIDR');
  }
  if (isDual) return doubts;
  if (isOnlyWrong(ipvs.excludeCIDRs)) add(`ipvs.excludeCIDRs contains only ${wrong} addresses`);
  for (const [name, address] of Object.entries({ healthzBindAddress, metricsBindAddress })) {
    const ip = parseIp(splitHostPort(address)?.host ?? '');
    if (ip?.family === wrong && !isUnspecified(ip)) add(`${name} is ${wrong}`);
  }
  return doubts;
}
