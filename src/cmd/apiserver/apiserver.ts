import { hostname } from 'node:os';
import { apiServerConfig } from '../../apiserver/config.ts';
import type { ApiServerConfig, KeyPair, StaticToken } from '../../apiserver/config.ts';
import { writeKubeconfig } from '../../apiserver/pki/kubeconfig.ts';
import { createPki } from '../../apiserver/pki/pki.ts';
import type { Pki } from '../../apiserver/pki/pki.ts';
import { createApiServer } from '../../apiserver/server.ts';
import { realClock } from '../../base/clock.ts';
import { createLogger } from '../../base/logger.ts';
import type { Logger, LogLevel } from '../../base/logger.ts';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { nthAddress, parseCidr } from '../../net/cidr.ts';
import { urlHost } from '../../net/host-port.ts';
import type { Store } from '../../storage/store.ts';
import { helpText, parseFlags, wrongFlag } from '../component/flags.ts';
import type { Flags } from '../component/flags.ts';
import { untilTerminated } from '../component/termination.ts';
import { UserError } from '../up/user-error.ts';
import { accessOptions } from './access.ts';
import { readFlagFile } from './files.ts';
import { apiserverFlags } from './flags.ts';
import type { ApiserverFlag } from './flags.ts';
import { apiserverOptions } from './options.ts';
import type { ApiserverOptions } from './options.ts';

/** `portico apiserver`: an API server by itself, until SIGTERM. Throws a UserError for what the user can mend. */
export async function apiserver(args: readonly string[]): Promise<void> {
  const flags = parseFlags('apiserver', apiserverFlags, args);
  if (flags === undefined) return void process.stdout.write(helpText(USAGE, ABOUT, apiserverFlags));
  const options = apiserverOptions(flags);
  const logger = createLogger({ level: options.logLevel as LogLevel });
  const stopped = untilTerminated();
  const { config, pki } = await prepare(flags, options);
  const store = await openStore(flags, options, logger);
  try {
    const server = createApiServer(config, { store, clock: realClock, logger });
    const serving = server.run(stopped);
    await Promise.race([server.addresses(), serving]);
    const url = `https://${urlHost(options.advertiseAddress)}:${options.securePort}`;
    await offerKubeconfig(flags, pki, url);
    logger.info('serving', { url, storage: options.store.kind });
    await serving;
  } catch (error) {
    throw inPlainWords(error, options);
  } finally {
    await store.close();
  }
}

const USAGE = 'portico apiserver [flags]';
const ABOUT =
  'The Kubernetes API over HTTPS, on SQLite or on an etcd that several API servers share.\nControllers run apart: portico controller-manager.';

function inPlainWords(error: unknown, { bindAddress, securePort }: ApiserverOptions): unknown {
  const code = codeOf(error);
  if (code === 'EADDRINUSE') {
    return new UserError(`--secure-port=${securePort}: another program listens there; choose another port`, {
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    return new UserError(
      `cannot listen on ${bindAddress} port ${securePort} (${code}); choose another --bind-address or --secure-port`,
      { cause: error },
    );
  }
  return error;
}

async function openStore(
  flags: Flags<ApiserverFlag>,
  { store }: ApiserverOptions,
  logger: Logger,
): Promise<Store> {
  try {
    if (store.kind === 'memory') {
      return (await import('../../storage/memory/memory-store.ts')).createMemoryStore();
    }
    if (store.kind === 'sqlite') {
      return await (
        await import('../../storage/sqlite/sqlite-store.ts')
      ).openSqliteStore({ path: store.path });
    }
    const { openEtcdStore } = await import('../../storage/etcd/etcd-store.ts');
    const [ca, cert, key] = [
      readFlagFile(flags, 'etcd-cafile'),
      readFlagFile(flags, 'etcd-certfile'),
      readFlagFile(flags, 'etcd-keyfile'),
    ];
    const name = flags.text('etcd-user');
    const prefix = flags.text('etcd-prefix');
    return await openEtcdStore({
      servers: store.servers,
      ...((ca ?? cert) ? { tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } } : {}),
      ...(name === undefined
        ? {}
        : { user: { name, password: readFlagFile(flags, 'etcd-password-file')?.trim() ?? '' } }),
      ...(prefix === undefined ? {} : { prefix }),
      clock: realClock,
      logger,
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(messageOf(error), { cause: error });
  }
}

interface Prepared {
  readonly config: ApiServerConfig;
  /** What was made here; undefined when everything was given. */
  readonly pki: Pki | undefined;
}

async function prepare(flags: Flags<ApiserverFlag>, options: ApiserverOptions): Promise<Prepared> {
  const given = givenPair(flags, 'tls-cert-file', 'tls-private-key-file');
  const clientCa = readFlagFile(flags, 'client-ca-file');
  const isAllGiven =
    given !== undefined && clientCa !== undefined && flags.text('write-kubeconfig') === undefined;
  const pki = isAllGiven ? undefined : await makePki(flags, options);
  const serving = given ?? pki?.serving;
  if (serving === undefined) throw new Error('there is no certificate to serve with');
  const kubelet = kubeletAccess(flags, pki);
  const serviceCidrs = flags.list('service-cluster-ip-range');
  const nodePortRange = flags.text('service-node-port-range');
  const advertise = { address: options.advertiseAddress, port: options.securePort };
  try {
    return {
      pki,
      config: apiServerConfig({
        listen: [{ host: options.bindAddress, port: options.securePort }],
        serving,
        clientCa: [clientCa, pki?.caCert].filter((pem) => pem !== undefined).join('\n'),
        tokens: await tokensOf(flags, pki),
        ...(kubelet === undefined ? {} : { kubelet }),
        ...(serviceCidrs.length === 0 ? {} : { serviceCidrs }),
        ...(nodePortRange === undefined ? {} : { nodePortRange }),
        ...(isLoopback(advertise.address) ? { allowedEndpointCidrs: LOOPBACK } : {}),
        advertise,
        ...accessOptions(flags, pki),
      }),
    };
  } catch (error) {
    throw error instanceof UserError ? error : wrongFlag(messageOf(error));
  }
}

/** A server that is told to advertise loopback is one of a machine by itself, whose endpoints are there, too. */
const LOOPBACK = ['127.0.0.0/8', '::1/128'].map(parseCidr).filter((cidr) => cidr !== undefined);
const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

async function tokensOf(flags: Flags<ApiserverFlag>, pki: Pki | undefined): Promise<readonly StaticToken[]> {
  const admin = pki && { token: pki.adminToken, user: 'kubernetes-admin', groups: ['system:masters'] };
  const text = readFlagFile(flags, 'token-auth-file');
  if (text === undefined) return admin === undefined ? [] : [admin];
  const { parseTokenFile } = await import('../../apiserver/authentication/token-file.ts');
  return [...parseTokenFile(text), ...(admin === undefined ? [] : [admin])];
}

function kubeletAccess(flags: Flags<ApiserverFlag>, pki: Pki | undefined): ApiServerConfig['kubelet'] {
  const pair = givenPair(flags, 'kubelet-client-certificate', 'kubelet-client-key') ?? pki?.kubeletClient;
  const ca = readFlagFile(flags, 'kubelet-certificate-authority') ?? pki?.caCert;
  return pair === undefined || ca === undefined ? undefined : { ...pair, ca };
}

async function makePki(flags: Flags<ApiserverFlag>, options: ApiserverOptions): Promise<Pki> {
  const { bindAddress, advertiseAddress, certDir } = options;
  const ranges = flags.list('service-cluster-ip-range');
  const own = (ranges.length === 0 ? ['10.96.0.0/12'] : ranges)
    .map(parseCidr)
    .flatMap((cidr) => (cidr === undefined ? [] : [nthAddress(cidr, 1).text]));
  const addresses = [
    '127.0.0.1',
    '::1',
    advertiseAddress,
    ...(isAny(bindAddress) ? [] : [bindAddress]),
    ...own,
  ];
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const apiServerHosts = [...new Set([...addresses, 'localhost', hostname(), ...service])];
  try {
    return await createPki({ dir: certDir, nodes: [], apiServerHosts, clock: realClock });
  } catch (error) {
    throw new UserError(
      `--cert-dir=${certDir}: cannot make or use the certificates there: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::';

async function offerKubeconfig(
  flags: Flags<ApiserverFlag>,
  pki: Pki | undefined,
  server: string,
): Promise<void> {
  const path = flags.text('write-kubeconfig');
  if (path === undefined || pki === undefined) return;
  // What a given certificate is signed by is not known here; its own file is what a client can check it against.
  const caCert = [readFlagFile(flags, 'tls-cert-file'), pki.caCert]
    .filter((pem) => pem !== undefined)
    .join('\n');
  try {
    await writeKubeconfig(path, { server, caCert, client: pki.admin });
  } catch (error) {
    throw new UserError(`--write-kubeconfig=${path}: ${messageOf(error)}`, { cause: error });
  }
}

function givenPair(
  flags: Flags<ApiserverFlag>,
  cert: ApiserverFlag,
  key: ApiserverFlag,
): KeyPair | undefined {
  const [certText, keyText] = [readFlagFile(flags, cert), readFlagFile(flags, key)];
  return certText === undefined || keyText === undefined ? undefined : { cert: certText, key: keyText };
}
