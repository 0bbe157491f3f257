import type { FlagTable } from '../component/flags.ts';

/** What `portico controller-manager` takes: upstream's names and meanings. */
export const controllerManagerFlags = {
  kubeconfig: {
    kind: 'text',
    help: 'How to reach the API server (default: the service account of this Pod).',
  },
  controllers: {
    kind: 'list',
    help: "Which controllers run: '*' all of them, 'foo' this one, '-foo' all but this one (default *).",
  },
  'root-ca-file': {
    kind: 'text',
    help: 'PEM of the authority of the API server, published as kube-root-ca.crt (default: that of the kubeconfig).',
  },
  'service-account-private-key-file': {
    kind: 'text',
    help: 'PEM of the key that signs tokens kept in Secrets (default: no such Secret is filled).',
  },
  'use-service-account-credentials': {
    kind: 'switch',
    help: 'Each controller acts as its own service account in kube-system, with the rights of its role (default false).',
  },
  'max-endpoints-per-slice': { kind: 'number', help: 'Endpoints in one EndpointSlice (default 100).' },
  'mirroring-max-endpoints-per-subset': {
    kind: 'number',
    help: 'Addresses mirrored of one subset of Endpoints (default 1000).',
  },
  'endpoint-updates-batch-period': {
    kind: 'duration',
    help: 'How long changes of Pods are collected before Endpoints are written (default 0s).',
  },
  'endpointslice-updates-batch-period': {
    kind: 'duration',
    help: 'The same for EndpointSlices (default 0s).',
  },
  'mirroring-endpointslice-updates-batch-period': {
    kind: 'duration',
    help: 'The same for mirrored EndpointSlices (default 0s).',
  },
  'leader-elect': {
    kind: 'switch',
    help: 'Work only while holding the lease, so that several may run (default true).',
  },
  'leader-elect-lease-duration': {
    kind: 'duration',
    help: 'How long others wait after the last sign of life (default 15s).',
  },
  'leader-elect-renew-deadline': {
    kind: 'duration',
    help: 'How long the leader tries to renew before it ends (default 10s).',
  },
  'leader-elect-retry-period': { kind: 'duration', help: 'Pause between two attempts (default 2s).' },
  'leader-elect-resource-lock': { kind: 'text', help: 'Only leases.' },
  'leader-elect-resource-name': {
    kind: 'text',
    help: 'Name of the lease (default kube-controller-manager).',
  },
  'leader-elect-resource-namespace': { kind: 'text', help: 'Its namespace (default kube-system).' },
  'bind-address': { kind: 'text', help: 'IP address to listen on for health and metrics (default 0.0.0.0).' },
  'secure-port': { kind: 'number', help: 'Port for them, with TLS; 0: none (default 10257).' },
  'cert-dir': {
    kind: 'text',
    help: 'Where the serving certificate is, made when missing (default: one in memory).',
  },
  'tls-cert-file': { kind: 'text', help: 'PEM file of the certificate to serve with.' },
  'tls-private-key-file': { kind: 'text', help: 'PEM file of the key to it.' },
  'log-level': { kind: 'text', help: 'debug, info, warn or error (default info).' },
} as const satisfies FlagTable;

export type ControllerManagerFlag = keyof typeof controllerManagerFlags;
