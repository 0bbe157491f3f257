import { serverText } from '../kernel/ipvs/model.ts';
import type { VirtualServerKey } from '../kernel/ipvs/model.ts';
import type { ProxyMode, ProxyState, ServicePort } from '../proxy/state/model.ts';
import { createIpvsRig } from './ipvs-rig.ts';
import type { IpvsRig } from './ipvs-rig.ts';
import { clusterIp, endpoints, plan, proxyState, servicePort } from './proxy-fixtures.ts';

const { cluster, pod, node } = plan.IPv4;

/** A virtual server at an address. */
export const key = (ip: string, port: number, protocol: 'TCP' | 'UDP' = 'TCP'): VirtualServerKey => ({
  kind: 'address',
  family: 'IPv4',
  protocol,
  ip,
  port,
});
/** The Service port `default/web:/TCP` at the first cluster IP, port 80, with Pods by number. */
export const web = (hosts: readonly number[], more: Partial<ServicePort> = {}): ServicePort =>
  servicePort('web', [clusterIp([cluster(1), 80], endpoints('IPv4', ...hosts))], more);
export const stateOf = (...ports: readonly ServicePort[]): ProxyState =>
  proxyState('IPv4', ports, { ip: node });
/** A destination of such a Service port. */
export const at = (host: number) => ({ ip: pod(host), port: 9376 });
/** What virtual servers there are, as texts. */
export const servers = (rig: IpvsRig): string[] => [...rig.ipvs.held.keys()].sort();
/** The destinations of a server, of `web` by default, by address. */
export const weights = (rig: IpvsRig, of = key(cluster(1), 80)): Record<string, number> =>
  Object.fromEntries(
    [...(rig.ipvs.held.get(serverText(of))?.destinations.values() ?? [])].map(({ ip, weight }) => [
      ip,
      weight,
    ]),
  );

/** A machine on which a mode has made these true. */
export async function begun(...ports: readonly ServicePort[]): Promise<{ rig: IpvsRig; mode: ProxyMode }> {
  const rig = createIpvsRig('IPv4');
  const mode = rig.start();
  await mode.sync(stateOf(...ports));
  return { rig, mode };
}
