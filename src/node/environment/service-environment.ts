import type { Service } from '../../api/core/v1/service.ts';
import { hostPort } from '../../net/host-port.ts';

export interface ServiceEnvironmentOptions {
  /** `spec.enableServiceLinks`; false leaves only the API server's own Service (default true). */
  readonly enableServiceLinks?: boolean;
}

export type Environment = Readonly<Record<string, string>>;

/** The Services of this namespace every Pod gets, whatever its own. */
const masterNamespace = 'default';
const masterServices: readonly string[] = ['kubernetes'];

/**
 * The variables that tell a container where the Services of its namespace are: `REDIS_MASTER_SERVICE_HOST`, `…_SERVICE_PORT`, `…_SERVICE_PORT_{NAME}` and
 * the Docker link forms, as upstream's pkg/kubelet/envvars. Services without a virtual IP have none. Pure; empty without Services.
 */
export function serviceEnvironment(
  services: readonly Service[],
  namespace: string,
  { enableServiceLinks = true }: ServiceEnvironmentOptions = {},
): Environment {
  const chosen = new Map<string, Service>();
  for (const service of services) {
    const { name, namespace: own } = service.metadata;
    if (!hasVirtualIP(service)) continue;
    if (own === namespace && enableServiceLinks) chosen.set(name, service);
    else if (own === masterNamespace && masterServices.includes(name) && !chosen.has(name))
      chosen.set(name, service);
  }
  return Object.assign({}, ...[...chosen.values()].map(variablesOf)) as Environment;
}

function hasVirtualIP({ spec }: Service): boolean {
  return spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None';
}

const variableName = (text: string): string => text.toUpperCase().replaceAll('-', '_');

function variablesOf({ metadata, spec }: Service): Environment {
  const prefix = variableName(metadata.name);
  const host = spec.clusterIP ?? '';
  const ports = spec.ports ?? [];
  const found: Record<string, string> = { [`${prefix}_SERVICE_HOST`]: host };
  ports.forEach((port, i) => {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${hostPort(host, port.port)}`;
    const link = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    if (i === 0) {
      found[`${prefix}_SERVICE_PORT`] = String(port.port);
      found[`${prefix}_PORT`] = url;
    }
    if (port.name !== undefined && port.name !== '') {
      found[`${prefix}_SERVICE_PORT_${variableName(port.name)}`] = String(port.port);
    }
    found[link] = url;
    found[`${link}_PROTO`] = protocol.toLowerCase();
    found[`${link}_PORT`] = String(port.port);
    found[`${link}_ADDR`] = host;
  });
  return found;
}
