import type { EndpointCandidate } from './endpoints.ts';
import type { Destination, Frontend, FrontendDecision, ProxyEndpoint, ProxyNode } from './model.ts';
import { selectEndpoints, selectionFor } from './selection.ts';
import type { ServicePortSpec } from './service-port.ts';

type Policies = Pick<ServicePortSpec, 'isInternalLocal' | 'isExternalLocal' | 'allowedSources'>;

/**
 * Which endpoints each frontend gets. Policy Cluster: all usable ones, refused when there are none. Policy Local: those of this node;
 * none here but some elsewhere = dropped, so that a load balancer's probe times out rather than a client being told the Service
 * is gone; none anywhere = refused. Clients inside the cluster skip policy Local of a frontend from outside, as if they had gone
 * out and come back in. Sources are rewritten as kube-proxy does: outside traffic under policy Cluster always (its answers must come
 * back through this node), under Local never.
 */
export function decideFrontends(
  spec: Policies,
  frontends: readonly Frontend[],
  { candidates, node }: { readonly candidates: readonly EndpointCandidate[]; readonly node: ProxyNode },
): FrontendDecision[] {
  const chosen = (isLocalOnly: boolean): readonly ProxyEndpoint[] =>
    selectEndpoints(candidates, selectionFor(candidates, isLocalOnly, node), node);
  const everywhere = chosen(false);
  const here = spec.isInternalLocal || spec.isExternalLocal ? chosen(true) : [];
  const whenNoneHere = everywhere.length > 0 ? 'drop' : 'reject';
  return frontends.map((frontend): FrontendDecision => {
    if (frontend.kind === 'clusterIP') {
      const masquerade = node.masqueradesAll === true ? 'always' : 'off-cluster';
      return spec.isInternalLocal
        ? { frontend, endpoints: here, whenEmpty: whenNoneHere, masquerade }
        : { frontend, endpoints: everywhere, whenEmpty: 'reject', masquerade };
    }
    const { allowedSources } = spec;
    const isGuarded = frontend.kind === 'loadBalancerIP' && allowedSources !== undefined;
    return {
      frontend,
      ...(spec.isExternalLocal
        ? { endpoints: here, whenEmpty: whenNoneHere, masquerade: 'never' }
        : { endpoints: everywhere, whenEmpty: 'reject', masquerade: 'always' }),
      ...(spec.isExternalLocal && everywhere.length > 0 ? { fromCluster: shortWay(everywhere) } : {}),
      ...(isGuarded ? { allowedSources } : {}),
    };
  });
}

const shortWay = (endpoints: readonly ProxyEndpoint[]): Destination => ({
  endpoints,
  whenEmpty: 'reject',
  masquerade: 'off-cluster',
});
