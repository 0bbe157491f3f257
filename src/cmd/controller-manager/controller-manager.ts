import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { KeyPair } from '../../apiserver/config.ts';
import { writeFileAtomically } from '../../apiserver/pki/atomic-file.ts';
import { createAuthority, loadAuthority } from '../../apiserver/pki/certificate-authority.ts';
import { realClock } from '../../base/clock.ts';
import { createLogger } from '../../base/logger.ts';
import type { Logger, LogLevel } from '../../base/logger.ts';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { createClient } from '../../client/client.ts';
import type { Client } from '../../client/client.ts';
import { createHttpTransport } from '../../client/http-transport.ts';
import { createInformers } from '../../client/informers.ts';
import { inClusterAccess, loadKubeconfig } from '../../client/kubeconfig.ts';
import type { KubeconfigAccess } from '../../client/kubeconfig.ts';
import type { ServerAccess } from '../../client/server-access.ts';
import { createLeaderElection, LeadershipLostError } from '../../client/leader-election.ts';
import { createControllers } from '../../controllers/all.ts';
import { helpText, parseFlags, wrongFlag } from '../component/flags.ts';
import type { Flags } from '../component/flags.ts';
import { untilTerminated } from '../component/termination.ts';
import { UserError } from '../up/user-error.ts';
import type { AccountClients } from './account-clients.ts';
import { controllerOptions, readPem } from './controller-options.ts';
import { controllerManagerFlags } from './flags.ts';
import type { ControllerManagerFlag } from './flags.ts';
import { serveHealth } from './health-server.ts';
import { selectControllers } from './selection.ts';
import { untilKindsKnown } from './served-kinds.ts';

type ManagerFlags = Flags<ControllerManagerFlag>;

/**
 * `portico controller-manager`: the controllers against any API server, until SIGTERM. Throws a UserError for what the
 * user can mend, and when the lease was lost: whoever started the process starts it again.
 */
export async function controllerManager(args: readonly string[]): Promise<void> {
  const flags = parseFlags('controller-manager', controllerManagerFlags, args);
  if (flags === undefined) return void process.stdout.write(helpText(USAGE, ABOUT, controllerManagerFlags));
  const logger = createLogger({ level: logLevelOf(flags) });
  const election = electionOptions(flags);
  const access = await accessOf(flags);
  const transport = createHttpTransport(access, { clock: realClock, userAgent: USER_AGENT });
  const stopped = untilTerminated();
  const client = createClient(transport, { served: await untilKindsKnown(transport, logger, stopped) });
  const accounts = await accountClients(flags, client, access);
  const work = controllersOf(flags, { client, clientFor: accounts?.clientFor, logger, ca: access.ca });
  const serving = await servingPair(flags);
  const own = new AbortController();
  const stopping = AbortSignal.any([stopped, own.signal]);
  let isLeading = false;
  const lead = async (signal: AbortSignal): Promise<void> => {
    isLeading = true;
    await work(signal).finally(() => (isLeading = false));
  };
  const health = startHealth(
    flags,
    { serving, isLeading: () => isLeading, lease: election.lease.name },
    stopping,
  );
  try {
    const elected = election.isOn
      ? createLeaderElection({ ...election, client, clock: realClock, logger }).run(stopping, lead)
      : lead(stopping);
    await Promise.race([elected, health.then(() => elected)]);
  } catch (error) {
    if (!(error instanceof LeadershipLostError)) throw error;
    throw new UserError(`leader election lost: ${error.message}; start the program again`, { cause: error });
  } finally {
    own.abort();
    await Promise.allSettled([health]);
    accounts?.close();
    transport.close();
  }
}

const USER_AGENT = 'portico-controller-manager';

async function accountClients(
  flags: ManagerFlags,
  root: Client,
  access: ServerAccess,
): Promise<AccountClients | undefined> {
  if (flags.isOn('use-service-account-credentials') !== true) return undefined;
  const { createAccountClients } = await import('./account-clients.ts');
  return createAccountClients({ root, access, clock: realClock, userAgent: USER_AGENT });
}

const USAGE = 'portico controller-manager [flags]';
const ABOUT =
  'Endpoints, EndpointSlices, Deployments and the other controllers, and the scheduler, against any Kubernetes API server.';

interface ControllersParts {
  readonly client: Client;
  readonly clientFor: ((account: string) => Client) | undefined;
  readonly logger: Logger;
  readonly ca: string | undefined;
}

function controllersOf(
  flags: ManagerFlags,
  { client, clientFor, logger, ca }: ControllersParts,
): (signal: AbortSignal) => Promise<void> {
  const informers = createInformers({ client, clock: realClock, logger });
  const options = controllerOptions(flags, ca);
  const as = clientFor === undefined ? {} : { clientFor };
  const deps = { client, informers, clock: realClock, logger };
  const controllers = createControllers({ ...deps, ...as, ...options });
  const isWanted = selectControllers(
    flags.list('controllers'),
    controllers.map(({ name }) => name),
  );
  const selected = controllers.filter(({ name }) => isWanted(name));
  return async (signal) => {
    logger.info('controllers run', { controllers: selected.map(({ name }) => name) });
    await Promise.all([informers.run(signal), ...selected.map((controller) => controller.run(signal))]);
  };
}

function logLevelOf(flags: ManagerFlags): LogLevel {
  const level = flags.text('log-level') ?? 'info';
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const found = levels.find((known) => known === level);
  if (found === undefined) throw wrongFlag(`--log-level=${level}: must be one of ${levels.join(', ')}`);
  return found;
}

function electionOptions(flags: ManagerFlags) {
  const lock = flags.text('leader-elect-resource-lock') ?? 'leases';
  if (lock !== 'leases') throw wrongFlag(`--leader-elect-resource-lock=${lock}: must be leases`);
  const leaseDurationMs = flags.durationMs('leader-elect-lease-duration') ?? 15_000;
  const renewDeadlineMs = flags.durationMs('leader-elect-renew-deadline') ?? 10_000;
  const retryPeriodMs = flags.durationMs('leader-elect-retry-period') ?? 2000;
  if (leaseDurationMs <= renewDeadlineMs) {
    throw wrongFlag('--leader-elect-lease-duration must be longer than --leader-elect-renew-deadline');
  }
  if (retryPeriodMs <= 0 || renewDeadlineMs <= 1.2 * retryPeriodMs) {
    throw wrongFlag(
      '--leader-elect-renew-deadline must be longer than 1.2 times --leader-elect-retry-period, and that longer than 0',
    );
  }
  return {
    isOn: flags.isOn('leader-elect') ?? true,
    identity: `${hostname()}_${randomUUID()}`,
    lease: {
      namespace: flags.text('leader-elect-resource-namespace') ?? 'kube-system',
      name: flags.text('leader-elect-resource-name') ?? 'kube-controller-manager',
    },
    leaseDurationMs,
    renewDeadlineMs,
    retryPeriodMs,
  };
}

async function accessOf(flags: ManagerFlags): Promise<KubeconfigAccess> {
  const path = flags.text('kubeconfig');
  if (path !== undefined) {
    try {
      return await loadKubeconfig(readFileSync(path, 'utf8'), { baseDir: dirname(path) });
    } catch (error) {
      throw wrongFlag(`--kubeconfig=${path}: ${messageOf(error)}`);
    }
  }
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (host === undefined || port === undefined) {
    throw wrongFlag(
      'no API server is known: give --kubeconfig=FILE (portico apiserver writes one with --write-kubeconfig)',
    );
  }
  try {
    return inClusterAccess({ host, port });
  } catch (error) {
    throw new UserError(messageOf(error), { cause: error });
  }
}

/** The certificate for health and metrics: as given, from --cert-dir, or made for this run alone. */
async function servingPair(flags: ManagerFlags): Promise<KeyPair> {
  const [cert, key] = [flags.text('tls-cert-file'), flags.text('tls-private-key-file')];
  if ((cert === undefined) !== (key === undefined)) {
    throw wrongFlag('--tls-cert-file and --tls-private-key-file belong together: give both or neither');
  }
  if (cert !== undefined && key !== undefined) {
    return { cert: readPem('tls-cert-file', cert), key: readPem('tls-private-key-file', key) };
  }
  const dir = flags.text('cert-dir');
  if (dir === undefined) return selfMade();
  const path = join(dir, 'kube-controller-manager');
  try {
    return { cert: readFileSync(`${path}.crt`, 'utf8'), key: readFileSync(`${path}.key`, 'utf8') };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw wrongFlag(`--cert-dir=${dir}: ${messageOf(error)}`);
  }
  const pair = selfMade();
  await writeFileAtomically(`${path}.key`, pair.key);
  await writeFileAtomically(`${path}.crt`, pair.cert);
  return pair;
}

function selfMade(): KeyPair {
  const now = realClock.now();
  const days = 365;
  const authority = createAuthority({ commonName: 'portico-controller-manager-ca', days, now });
  const hosts = ['localhost', '127.0.0.1', '::1', hostname()];
  const subject = { commonName: 'kube-controller-manager', organizations: [] };
  return loadAuthority(authority).issue({ subject, hosts, usages: ['serverAuth'], days }, now);
}

interface HealthParts {
  readonly serving: KeyPair;
  readonly isLeading: () => boolean;
  readonly lease: string;
}

async function startHealth(flags: ManagerFlags, parts: HealthParts, signal: AbortSignal): Promise<void> {
  const port = flags.number('secure-port', [0, 65535]) ?? 10257;
  if (port === 0) return;
  const host = flags.text('bind-address') ?? '0.0.0.0';
  try {
    await serveHealth({ ...parts, host, port }, signal);
  } catch (error) {
    throw new UserError(
      `cannot listen on ${host} port ${port} (${codeOf(error) ?? messageOf(error)}); choose another --secure-port, or 0 for none`,
      { cause: error },
    );
  }
}
