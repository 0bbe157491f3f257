import { isJsonObject } from '../../../base/json.ts';
import type { ObjectRule } from '../../kind.ts';
import type { DefaultRule } from '../../schema/schema.ts';

/** The rules behind a Service's defaults (pkg/apis/core/v1/defaults.go, SetDefaults_Service). */

/** An unset targetPort is the Service's own port. */
export const portItself: DefaultRule = (port) => port.port;

/** Traffic from outside arrives at node ports, load balancer addresses and external IPs. */
export const externalPolicy: DefaultRule = ({ type, externalIPs }) => {
  const hasExternalIPs = type === 'ClusterIP' && Array.isArray(externalIPs) && externalIPs.length > 0;
  return type === 'NodePort' || type === 'LoadBalancer' || hasExternalIPs ? 'Cluster' : undefined;
};

/** Every Service but an ExternalName has a policy for traffic from inside, headless ones too. */
export const internalPolicy: DefaultRule = ({ type }) =>
  type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer' ? 'Cluster' : undefined;

export const nodePortsAllocated: DefaultRule = ({ type }) => (type === 'LoadBalancer' ? true : undefined);

/** An address (not a host name) of a load balancer is a virtual IP unless the provider says otherwise. */
export const ipModeOf: DefaultRule = ({ ip }) => (typeof ip === 'string' && ip !== '' ? 'VIP' : undefined);

const threeHours = { clientIP: { timeoutSeconds: 10800 } };

/** ClientIP affinity without a timeout lasts three hours; without ClientIP affinity its config is dropped. */
export const affinityConfig: ObjectRule = (service) => {
  const { spec } = service;
  if (!isJsonObject(spec)) return service;
  const { sessionAffinityConfig: config, ...rest } = spec;
  if (spec.sessionAffinity !== 'ClientIP') return config === undefined ? service : { ...service, spec: rest };
  const clientIP = isJsonObject(config) ? config.clientIP : undefined;
  if (isJsonObject(clientIP) && clientIP.timeoutSeconds !== undefined) return service;
  return { ...service, spec: { ...spec, sessionAffinityConfig: structuredClone(threeHours) } };
};
