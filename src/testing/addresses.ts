/**
 * The one address plan of all tests: it is the plan of a cluster in a sandbox.
 *
 *     fabric between nodes  172.18.0.0/16   control plane .0.1, node-1 .0.2, node-2 .0.3 …
 *     Pods                  10.244.0.0/16   node-1 10.244.0.0/24, node-2 10.244.1.0/24 …
 *     Services              10.96.0.0/12    kubernetes .0.1, DNS .0.10
 *     outside the cluster   192.0.2.0/24 and 203.0.113.0/24 (reserved for documentation by RFC 5737)
 */
export const addresses = {
  controlPlane: '172.18.0.1',
  node: (index: number): string => `172.18.0.${index + 1}`,
  pod: (node: number, n: number): string => `10.244.${node - 1}.${n}`,
  podCIDR: (node: number): string => `10.244.${node - 1}.0/24`,
  clusterCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/12',
  clusterDNS: '10.96.0.10',
  kubernetes: '10.96.0.1',
  outside: '203.0.113.7',
} as const;
