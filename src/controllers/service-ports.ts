import type { Pod } from '../api/core/v1/pod.ts';
import type { Service, ServicePort } from '../api/core/v1/service.ts';

/** A port of a Service as one Pod serves it. */
export interface ResolvedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

/** None is a Service without virtual IP. */
export const isHeadless = (service: Service): boolean =>
  service.spec.clusterIP === 'None' || service.spec.clusterIPs?.[0] === 'None';

/** The ports of the Service that the Pod has; a port named in the Service but unknown to the Pod is left out. */
export function resolvePorts(service: Service, pod: Pod): readonly ResolvedPort[] {
  return (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(servicePort, pod);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

/** A name is looked up in the Pod's containers, and in those init containers that keep running beside them. */
function targetPort(servicePort: ServicePort, pod: Pod): number | undefined {
  const target = servicePort.targetPort ?? servicePort.port;
  if (typeof target === 'number') return target === 0 ? servicePort.port : target;
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const { name, protocol, containerPort } of container.ports ?? []) {
      if (name === target && (protocol ?? 'TCP') === (servicePort.protocol ?? 'TCP')) return containerPort;
    }
  }
  return undefined;
}
