import { wrongFlag } from '../component/flags.ts';

/** Names of kube-controller-manager for controllers that are called otherwise here. */
const UPSTREAM_NAMES: Readonly<Record<string, readonly string[]>> = {
  endpoints: ['endpoint', 'endpoints-controller'],
  endpointslice: ['endpointslice-controller'],
  endpointslicemirroring: ['endpointslice-mirroring-controller'],
  replicaset: ['replicaset-controller'],
  replicationcontroller: ['replicationcontroller-controller', 'replication-controller'],
  deployment: ['deployment-controller'],
  statefulset: ['statefulset-controller'],
  daemonset: ['daemonset-controller'],
  job: ['job-controller'],
  namespace: ['namespace-controller'],
  serviceaccount: ['serviceaccount-controller'],
  garbage: ['garbagecollector', 'garbage-collector-controller'],
  nodelifecycle: ['node-lifecycle-controller'],
  disruption: ['disruption-controller'],
  podgc: ['pod-garbage-collector-controller'],
};

/**
 * Which of the controllers `--controllers` asks for, by upstream's rule: the first entry that names one decides, and
 * `*` stands for those that are not named. Throws a UserError for a name that no controller has.
 */
export function selectControllers(
  wanted: readonly string[],
  names: readonly string[],
): (name: string) => boolean {
  const entries = wanted.length === 0 ? ['*'] : wanted;
  const aliasesOf = (name: string): readonly string[] => [name, ...(UPSTREAM_NAMES[name] ?? [])];
  const known = new Set(names.flatMap(aliasesOf));
  for (const entry of entries) {
    const name = entry.replace(/^-/, '');
    if (entry !== '*' && !known.has(name)) {
      throw wrongFlag(
        `--controllers: there is no controller ${name}; there are ${[...names].sort().join(', ')}`,
      );
    }
  }
  return (name) => {
    const aliases = aliasesOf(name);
    for (const entry of entries) {
      if (aliases.includes(entry)) return true;
      if (entry.startsWith('-') && aliases.includes(entry.slice(1))) return false;
    }
    return entries.includes('*');
  };
}
