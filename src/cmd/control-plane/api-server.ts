import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApiServer, type ApiServer } from '../../apiserver/server.ts';
import { apiServerConfig, type ListenEndpoint } from '../../apiserver/config.ts';
import { createServiceAccountTokens } from '../../apiserver/authentication/service-account-tokens.ts';
import { pkiFiles } from '../../apiserver/pki/pki.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { parseCidr } from '../../net/cidr.ts';
import { openSqliteStore } from '../../storage/sqlite/sqlite-store.ts';
import type { Store } from '../../storage/store.ts';
import type { ControlPlaneConfig } from '../up/messages.ts';

/** The listening socket that the supervisor opened on the host's loopback. */
const INHERITED_FD = 4;

const LOOPBACK = [parseCidr('127.0.0.0/8')].filter((cidr) => cidr !== undefined);

const read = (path: string): string => readFileSync(path, 'utf8').trim();
const pair = (path: string): { readonly cert: string; readonly key: string } => ({
  cert: read(`${path}.crt`),
  key: read(`${path}.key`),
});

/** Opens the cluster's store; rejects with one sentence when it is damaged or another process has it. */
export function openStore(config: ControlPlaneConfig): Promise<Store> {
  return openSqliteStore({ path: join(config.dataDir, 'store', 'portico.db') });
}

/** The cluster's key for tokens of service accounts. */
const serviceAccountConfig = (config: Pick<ControlPlaneConfig, 'pkiDir' | 'clusterDomain'>) => ({
  signingKey: read(`${pkiFiles(config.pkiDir).serviceAccount}.key`),
  issuer: `https://kubernetes.default.svc.${config.clusterDomain}`,
});

/** What controllers need for service accounts. */
export function serviceAccountParts(config: ControlPlaneConfig, clock: Clock) {
  const tokens = createServiceAccountTokens(serviceAccountConfig(config), clock);
  return { certificate: `${read(`${pkiFiles(config.pkiDir).ca}.crt`)}\n`, sign: tokens.signLegacy };
}

/** Puts the API server together from the files of the data directory. It serves once it is run. */
export function assembleApi(
  config: ControlPlaneConfig,
  deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly isSupervised: boolean;
  },
): ApiServer {
  const files = pkiFiles(config.pkiDir);
  const inherited: readonly ListenEndpoint[] = deps.isSupervised ? [{ fd: INHERITED_FD }] : [];
  const ca = read(`${files.ca}.crt`);
  const options = apiServerConfig({
    listen: [...inherited, ...config.listen],
    serving: pair(files.serving),
    clientCa: ca,
    tokens: [{ token: read(files.adminToken), user: 'kubernetes-admin', groups: ['system:masters'] }],
    kubelet: { ...pair(files.kubeletClient), ca },
    serviceCidrs: [config.serviceCIDR],
    // Without a network of its own a cluster has only loopback addresses to give to Pods.
    ...(config.network === 'none' ? { allowedEndpointCidrs: LOOPBACK } : {}),
    nodePortRange: config.serviceNodePortRange,
    authorizationMode: 'Node,RBAC',
    serviceAccount: serviceAccountConfig(config),
    advertise: { address: config.advertise.host, port: config.advertise.port },
  });
  return createApiServer(options, deps);
}
