import { internal, serviceUnavailable } from '../../api/errors/api-error.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { ApiServerConfig } from '../config.ts';
import type { BackendTls } from './backend.ts';

const DEFAULT_KUBELET_PORT = 10250;

/** Where a node's agent is. Throws 500 when the Node tells no address. */
export function agentAddress(node: Node): { readonly host: string; readonly port: number } {
  const addresses = node.status?.addresses ?? [];
  const found =
    addresses.find(({ type }) => type === 'InternalIP') ?? addresses.find(({ type }) => type === 'Hostname');
  if (found === undefined) throw internal(`node ${node.metadata.name} has no address`);
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? DEFAULT_KUBELET_PORT;
  return { host: found.address, port };
}

/** How agents are spoken to. Throws 503 when this server has no certificate for it. */
export function agentTls(kubelet: ApiServerConfig['kubelet']): BackendTls {
  if (kubelet === undefined)
    throw serviceUnavailable('this API server has no client certificate for node agents');
  const { ca, cert, key } = kubelet;
  return { ca, cert, key, rejectUnauthorized: true };
}
