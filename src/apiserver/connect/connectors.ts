import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import type { KubeObject } from '../../api/kind.ts';
import type { ApiServerConfig } from '../config.ts';
import type { Handle } from '../http/call.ts';
import type { Connectors, Subresource } from '../http/subresources.ts';
import type { ReadHandler, Resource } from '../rest/rest.ts';
import type { PodStreamsOptions } from './pod-streams.ts';

export interface ConnectorsOptions extends Omit<PodStreamsOptions, 'nodes' | 'kubelet'> {
  readonly config: Pick<ApiServerConfig, 'kubelet' | 'allowedEndpointCidrs'>;
  readonly resources: readonly Resource<KubeObject>[];
}

/** Every subresource that leads out of the server. What serves them is loaded with the first request. */
export function createConnectors({ resources, config, ...given }: ConnectorsOptions): Connectors {
  const options = { ...given, kubelet: config.kubelet };
  const read = <T extends KubeObject>(plural: string, group = ''): ReadHandler<T> => {
    const found = resources.find(({ kind }) => kind.group === group && kind.plural === plural);
    if (found === undefined) throw new Error(`the server has no ${plural}`);
    return found.read as ReadHandler<T>;
  };
  const streams: Handle = async (call, warnings) => {
    const { connectPod } = await import('./pod-streams.ts');
    return connectPod({ ...options, nodes: read<Node>('nodes') }, call, warnings);
  };
  const proxy: Handle = async (call, warnings) => {
    const { proxyRequest } = await import('./proxy.ts');
    const readers = {
      pods: read<Pod>('pods'),
      services: read<Service>('services'),
      nodes: read<Node>('nodes'),
      endpointSlices: read<EndpointSlice>('endpointslices', 'discovery.k8s.io'),
    };
    const { allowedEndpointCidrs } = config;
    return proxyRequest({ ...options, ...readers, allowedEndpointCidrs }, call, warnings);
  };
  const found: Readonly<Record<string, readonly Subresource[]>> = {
    pods: [
      streamTo('attach', 'PodAttachOptions', streams),
      streamTo('exec', 'PodExecOptions', streams),
      streamTo('portforward', 'PodPortForwardOptions', streams),
      proxyTo('PodProxyOptions', proxy),
    ],
    services: [proxyTo('ServiceProxyOptions', proxy)],
    nodes: [proxyTo('NodeProxyOptions', proxy)],
  };
  return ({ group, plural }) => (group === '' ? (found[plural] ?? []) : []);
}

const streamTo = (name: string, kind: string, handle: Handle): Subresource => ({
  name,
  responseKind: { group: '', version: 'v1', kind },
  verbs: { create: handle, get: handle },
});

const proxyTo = (kind: string, handle: Handle): Subresource => ({
  name: 'proxy',
  responseKind: { group: '', version: 'v1', kind },
  verbs: { create: handle, delete: handle, get: handle, patch: handle, update: handle },
  isOpen: true,
});
