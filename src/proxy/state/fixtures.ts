import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';

/** Objects for tests: `default/NAME` with one TCP port `http` 80, ClusterIP 10.96.0.10, unless told otherwise. */
export function serviceFixture(
  name: string,
  spec: Partial<Service['spec']> = {},
  rest: {
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly created?: string;
    readonly lbIps?: readonly LbIp[];
  } = {},
): Service {
  return {
    metadata: {
      name,
      namespace: 'default',
      ...(rest.labels && { labels: rest.labels }),
      ...(rest.annotations && { annotations: rest.annotations }),
      ...(rest.created !== undefined && { creationTimestamp: rest.created }),
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: spec.clusterIPs?.[0] ?? '10.96.0.10',
      clusterIPs: ['10.96.0.10'],
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 9376 }],
      ...spec,
    },
    ...(rest.lbIps && { status: { loadBalancer: { ingress: [...rest.lbIps] } } }),
  };
}

interface LbIp {
  readonly ip: string;
  readonly ipMode?: string;
}

export interface EndpointFixture {
  readonly ip: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly pod?: string;
  readonly forZones?: readonly string[];
  readonly forNodes?: readonly string[];
}

/** A slice `default/NAME` of Service `service` with one TCP port `http` 9376, unless told otherwise. */
export function sliceFixture(
  name: string,
  service: string,
  options: {
    readonly endpoints?: readonly (string | EndpointFixture)[];
    readonly ports?: EndpointSlice['ports'];
    readonly addressType?: EndpointSlice['addressType'];
    readonly annotations?: Record<string, string>;
  } = {},
): EndpointSlice {
  const { annotations } = options;
  return {
    metadata: {
      name,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': service },
      ...(annotations && { annotations }),
    },
    addressType: options.addressType ?? 'IPv4',
    ports: options.ports ?? [{ name: 'http', protocol: 'TCP', port: 9376 }],
    endpoints: (options.endpoints ?? []).map((given) => {
      const fixture: EndpointFixture = typeof given === 'string' ? { ip: given } : given;
      const { ip, node, pod, forZones, forNodes, ...conditions } = fixture;
      const named = (names: readonly string[]): { name: string }[] => names.map((each) => ({ name: each }));
      return {
        addresses: [ip],
        conditions,
        ...(node !== undefined && { nodeName: node }),
        ...(pod !== undefined && { targetRef: { kind: 'Pod', name: pod } }),
        ...((forZones ?? forNodes) && {
          hints: {
            ...(forZones && { forZones: named(forZones) }),
            ...(forNodes && { forNodes: named(forNodes) }),
          },
        }),
      };
    }),
  };
}
