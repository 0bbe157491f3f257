import type { Pod } from '../../api/core/v1/pod.ts';

export interface ResolverInput {
  readonly clusterDNS: string;
  readonly clusterDomain: string;
  /** The node's own resolv.conf. */
  readonly nodeResolvConf: string;
}

interface Resolver {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Reads nameserver, search and options lines. */
export function parseResolvConf(text: string): Resolver {
  const words = text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  );
  const of = (keyword: string): string[][] => words.filter((w) => w[0] === keyword).map((w) => w.slice(1));
  return {
    nameservers: of('nameserver').flat(),
    searches: of('search').at(-1) ?? [],
    options: of('options').flat(),
  };
}

/** The resolv.conf of a Pod by its dnsPolicy and dnsConfig, as upstream's pkg/kubelet/network/dns. */
export function resolvConf(pod: Pod, input: ResolverInput): string {
  const base = baseResolver(pod, input);
  const extra = pod.spec.dnsConfig;
  const named = (extra?.options ?? []).map((o) =>
    o.value === undefined ? (o.name ?? '') : `${o.name}:${o.value}`,
  );
  const overridden = new Set(named.map((option) => option.split(':')[0]));
  const nameservers = [...new Set([...base.nameservers, ...(extra?.nameservers ?? [])])].slice(0, 3);
  const searches = [...new Set([...base.searches, ...(extra?.searches ?? [])])];
  const options = [...base.options.filter((option) => !overridden.has(option.split(':')[0])), ...named];
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

function baseResolver(pod: Pod, { clusterDNS, clusterDomain, nodeResolvConf }: ResolverInput): Resolver {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { nameservers: [], searches: [], options: [] };
  const node = parseResolvConf(nodeResolvConf);
  const isCluster =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec.hostNetwork !== true);
  if (!isCluster || clusterDNS === '') return node;
  const own = [
    `${pod.metadata.namespace ?? 'default'}.svc.${clusterDomain}`,
    `svc.${clusterDomain}`,
    clusterDomain,
  ];
  return { nameservers: [clusterDNS], searches: [...own, ...node.searches], options: ['ndots:5'] };
}

export interface HostsInput {
  readonly podIP: string;
  readonly hostname: string;
  /** `hostname.subdomain.namespace.svc.domain`, when the Pod has a subdomain. */
  readonly fqdn?: string;
}

/** The /etc/hosts of a Pod, with its own names and hostAliases. */
export function hostsFile(pod: Pod, { podIP, hostname, fqdn }: HostsInput): string {
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    fqdn === undefined ? `${podIP}\t${hostname}` : `${podIP}\t${fqdn}\t${hostname}`,
  ];
  const aliases = pod.spec.hostAliases ?? [];
  if (aliases.length > 0) lines.push('', '# Entries added by HostAliases.');
  for (const alias of aliases) lines.push([alias.ip, ...(alias.hostnames ?? [])].join('\t'));
  return `${lines.join('\n')}\n`;
}

/** A Pod's host name: `spec.hostname`, else its name, cut to 63 characters as Linux wants it. */
export function hostnameOf(pod: Pod): string {
  const name = pod.spec.hostname ?? '';
  return (name === '' ? pod.metadata.name : name).slice(0, 63).replace(/[-.]+$/, '');
}

export function fqdnOf(pod: Pod, clusterDomain: string): string | undefined {
  const { subdomain } = pod.spec;
  if (subdomain === undefined || subdomain === '') return undefined;
  return `${hostnameOf(pod)}.${subdomain}.${pod.metadata.namespace ?? 'default'}.svc.${clusterDomain}`;
}
