import { realClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { formatIp } from '../../src/net/ip.ts';
import { isModeName, loadMode, modeNames } from '../../src/proxy/modes/registry.ts';
import type { ProxyEndpoint, ProxyMode, ProxyState, ServicePort } from '../../src/proxy/state/model.ts';
import { REFUSED } from '../figure.ts';

const FIRST_ENDPOINT = 0x0a800000n; // 10.128.0.0
const FIRST_CLUSTER_IP = 0x0a640000n; // 10.100.0.0

export const clusterIpOf = (n: number): string => formatIp('IPv4', FIRST_CLUSTER_IP + BigInt(n));
export const endpointIpOf = (n: number): string => formatIp('IPv4', FIRST_ENDPOINT + BigInt(n));

/** Service number n on TCP port 80, with so many endpoints that no other one has. */
export function numberedService(n: number, nEndpoints: number): ServicePort {
  const endpoints: ProxyEndpoint[] = Array.from({ length: nEndpoints }, (_, i) => ({
    ip: endpointIpOf(n * nEndpoints + i),
    port: 8080,
    isLocal: i === 0,
  }));
  return serviceTo(n, endpoints);
}

export function serviceTo(n: number, endpoints: readonly ProxyEndpoint[]): ServicePort {
  const name = `service-${n}`;
  return {
    id: `default/${name}:http/TCP`,
    namespace: 'default',
    name,
    portName: 'http',
    protocol: 'TCP',
    affinitySeconds: 0,
    frontends: [
      {
        frontend: { kind: 'clusterIP', ip: clusterIpOf(n), port: 80 },
        endpoints,
        whenEmpty: 'reject',
        masquerade: 'off-cluster',
      },
    ],
  };
}

export const node = { name: 'node-1', podCIDRs: ['10.128.0.0/9'], nodePortAddresses: [] };

export const stateOf = (services: ReadonlyMap<string, ServicePort>): ProxyState => ({
  family: 'IPv4',
  node,
  services,
});

/**
 * A mode ready for `sync`, whose listeners, if it has any, are at `nodeIP`. Where there is no such mode, or the machine cannot bear it,
 * says so and ends the process.
 */
export async function openMode(name: string, nodeIP = '127.0.0.1'): Promise<ProxyMode> {
  if (!isModeName(name)) return refuse(`--mode ${name}: there are ${modeNames.join(', ')}`);
  const mode = await loadMode(name);
  const options = {
    family: 'IPv4',
    clock: realClock,
    logger: silentLogger,
    serviceCIDRs: [],
    nodeIP,
  } as const;
  const probe = await mode.probe(options);
  return probe.isUsable ? mode.open(options) : refuse(probe.reason);
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(REFUSED);
}
