import type { FlagTable } from '../component/flags.ts';

/** What `portico apiserver` takes: upstream's names and meanings, and what only Portico has at the end. */
export const apiserverFlags = {
  'etcd-servers': {
    kind: 'list',
    help: 'URLs of etcd, such as https://10.0.0.1:2379; several servers may share it.',
  },
  'etcd-prefix': { kind: 'text', help: 'Under what all keys lie in etcd (default /portico).' },
  'etcd-cafile': { kind: 'text', help: 'PEM file of the authority of etcd’s certificates.' },
  'etcd-certfile': { kind: 'text', help: 'PEM file of the certificate to show to etcd.' },
  'etcd-keyfile': { kind: 'text', help: 'PEM file of the key to that certificate.' },
  'bind-address': { kind: 'text', help: 'IP address to listen on (default 0.0.0.0).' },
  'secure-port': { kind: 'number', help: 'Port to listen on with TLS (default 6443).' },
  'advertise-address': {
    kind: 'text',
    help: 'IP address the Service default/kubernetes leads to (default: the bind address, or this machine’s first).',
  },
  'cert-dir': {
    kind: 'text',
    help: 'Where certificates are that were not given, and are made when missing (default DATA-DIR/pki, or /var/run/kubernetes).',
  },
  'tls-cert-file': {
    kind: 'text',
    help: 'PEM file of the certificate to serve with (default: a self-made one).',
  },
  'tls-private-key-file': { kind: 'text', help: 'PEM file of the key to --tls-cert-file.' },
  'client-ca-file': {
    kind: 'text',
    help: 'PEM file of the authorities that sign client certificates: CN is the user, O the groups.',
  },
  'token-auth-file': { kind: 'text', help: 'CSV file of bearer tokens: token,user,uid,"group1,group2".' },
  'anonymous-auth': {
    kind: 'switch',
    help: 'Who shows no credentials: true as any user, false refused (default: may read health and version only).',
  },
  'authorization-mode': {
    kind: 'list',
    help: 'Of Node, RBAC, AlwaysAllow, AlwaysDeny, in the order asked (default Node,RBAC).',
  },
  'service-account-key-file': {
    kind: 'list',
    help: 'PEM files of keys that verify tokens of service accounts.',
  },
  'service-account-signing-key-file': {
    kind: 'text',
    help: 'PEM file of the private key that signs them (default: sa.key in --cert-dir).',
  },
  'service-account-issuer': {
    kind: 'text',
    help: 'Their issuer (default https://kubernetes.default.svc.cluster.local).',
  },
  'api-audiences': { kind: 'list', help: 'Names of this API in tokens (default: the issuer).' },
  'feature-gates': { kind: 'list', help: 'Features to switch, such as SCTPSupport=true.' },
  'enable-admission-plugins': {
    kind: 'list',
    help: 'Admission plugins that must not be off; those that exist here are on by default.',
  },
  'disable-admission-plugins': {
    kind: 'list',
    help: 'Admission plugins to switch off, such as DenyServiceExternalIPs.',
  },
  'max-requests-inflight': { kind: 'number', help: 'Reads answered at once (default 400).' },
  'max-mutating-requests-inflight': { kind: 'number', help: 'Writes answered at once (default 200).' },
  'audit-policy-file': { kind: 'text', help: 'YAML file that says what the audit log records.' },
  'audit-log-path': { kind: 'text', help: 'File of the audit log; - is standard output.' },
  'audit-log-mode': { kind: 'text', help: 'batch, blocking or blocking-strict (default blocking).' },
  'audit-log-maxage': { kind: 'number', help: 'Days old files of the log are kept (default: for ever).' },
  'audit-log-maxbackup': { kind: 'number', help: 'How many old files are kept (default: all).' },
  'audit-log-maxsize': {
    kind: 'number',
    help: 'Megabytes of a file before the next one begins (default 100).',
  },
  'kubelet-certificate-authority': {
    kind: 'text',
    help: 'PEM file of the authority of the nodes’ certificates.',
  },
  'kubelet-client-certificate': { kind: 'text', help: 'PEM file of the certificate to show to nodes.' },
  'kubelet-client-key': { kind: 'text', help: 'PEM file of the key to that certificate.' },
  'service-cluster-ip-range': {
    kind: 'list',
    help: 'CIDR of Services’ addresses; two of different families for dual stack (default 10.96.0.0/12).',
  },
  'service-node-port-range': { kind: 'text', help: 'Ports of NodePort Services (default 30000-32767).' },
  storage: { kind: 'text', help: 'sqlite, memory or etcd (default: etcd with --etcd-servers, else sqlite).' },
  'data-dir': { kind: 'text', help: 'Folder of the SQLite store and of self-made certificates.' },
  'etcd-user': { kind: 'text', help: 'User to sign in to etcd with.' },
  'etcd-password-file': { kind: 'text', help: 'File with the password of --etcd-user.' },
  'write-kubeconfig': { kind: 'text', help: 'Write a kubeconfig of the administrator to this file.' },
  'log-level': { kind: 'text', help: 'debug, info, warn or error (default info).' },
} as const satisfies FlagTable;

export type ApiserverFlag = keyof typeof apiserverFlags;
