import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { realClock } from '../base/clock.ts';
import { isJsonObject } from '../base/json.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { hostPort } from '../net/host-port.ts';
import { createHttpTransport } from './http-transport.ts';
import type { ServerAccess, TlsMaterial } from './server-access.ts';
import type { Transport } from './transport.ts';

/** A context of a kubeconfig, resolved: files read, data decoded. */
export interface KubeconfigAccess extends ServerAccess {
  readonly contextName: string;
  /** The context's namespace; `default` when it names none. */
  readonly namespace: string;
}

export interface KubeconfigOptions {
  /** Folder that relative file names are resolved against: the kubeconfig's own (default: the working directory). */
  readonly baseDir?: string;
  /** Default: `current-context`. */
  readonly contextName?: string;
  readonly clock?: Clock;
}

/** Files are read again after this long, as client-go does with tokens: tokens and certificates are renewed in place. */
const tokenFileAgeMs = 60_000;

/**
 * Reads a kubeconfig (YAML or JSON) and resolves one context. Throws an Error with one sentence when it is not a
 * kubeconfig, names something it does not define, or needs an exec or auth-provider plugin.
 */
export async function loadKubeconfig(
  text: string,
  options: KubeconfigOptions = {},
): Promise<KubeconfigAccess> {
  const config = await parse(text);
  const contextName = options.contextName ?? textOf(config, 'current-context');
  if (contextName === undefined || contextName === '') {
    throw new Error('kubeconfig: no context is chosen: set current-context or name a context');
  }
  const context = named(config, 'context', contextName);
  const cluster = named(config, 'cluster', textOf(context, 'cluster') ?? '');
  const userName = textOf(context, 'user') ?? '';
  const user = userName === '' ? {} : named(config, 'user', userName);
  for (const plugin of ['exec', 'auth-provider']) {
    if (user[plugin] !== undefined) {
      throw new Error(
        `kubeconfig: user "${userName}" signs in through the plugin "${plugin}", which is not supported: use a client certificate or a token`,
      );
    }
  }
  const server = textOf(cluster, 'server');
  if (server === undefined)
    throw new Error(`kubeconfig: the cluster of context "${contextName}" has no server`);
  const material = materialReader(options.baseDir ?? '.');
  const readAll = (): TlsMaterial => ({
    ca: material(cluster, 'certificate-authority'),
    cert: material(user, 'client-certificate'),
    key: material(user, 'client-key'),
  });
  const first = readAll();
  return {
    contextName,
    server,
    namespace: textOf(context, 'namespace') ?? 'default',
    ...first,
    material: fromTimeToTime(first, readAll, options.clock ?? realClock),
    token: tokenOf(user, options),
    username: textOf(user, 'username'),
    password: textOf(user, 'password'),
    isInsecure: cluster['insecure-skip-tls-verify'] === true,
    tlsServerName: textOf(cluster, 'tls-server-name'),
  };
}

/** A transport to the server of a kubeconfig's context. Nothing is dialled before the first request. */
export async function transportFromKubeconfig(
  text: string,
  options: KubeconfigOptions = {},
): Promise<Transport> {
  const access = await loadKubeconfig(text, options);
  return createHttpTransport(access, { clock: options.clock ?? realClock });
}

export interface InClusterOptions {
  /** Value of KUBERNETES_SERVICE_HOST. */
  readonly host: string;
  /** Value of KUBERNETES_SERVICE_PORT. */
  readonly port: string;
  /** Where the service account is mounted (default: Kubernetes' place). */
  readonly dir?: string;
  readonly clock?: Clock;
}

/** Access of a Pod to its own cluster, by its service account. Throws when the account is not mounted. */
export function inClusterAccess(options: InClusterOptions): KubeconfigAccess {
  const { host, port, dir = '/var/run/secrets/kubernetes.io/serviceaccount', clock = realClock } = options;
  const read = (name: string): string => readText(join(dir, name), 'in-cluster configuration');
  return {
    contextName: 'in-cluster',
    server: `https://${hostPort(host, port)}`,
    namespace: read('namespace').trim(),
    ca: read('ca.crt'),
    material: fromTimeToTime({ ca: read('ca.crt') }, () => ({ ca: read('ca.crt') }), clock),
    token: fileToken(join(dir, 'token'), clock),
  };
}

async function parse(text: string): Promise<JsonObject> {
  let config: unknown;
  try {
    config = text.trimStart().startsWith('{') ? JSON.parse(text) : (await import('yaml')).parse(text);
  } catch (cause) {
    throw new Error('kubeconfig: neither valid YAML nor valid JSON', { cause });
  }
  if (!isJsonObject(config))
    throw new Error('kubeconfig: expected an object with clusters, users and contexts');
  return config;
}

function textOf(object: JsonObject, field: string): string | undefined {
  const value = object[field];
  return typeof value === 'string' ? value : undefined;
}

/** The entry called `name` of the list of contexts, clusters or users, without its wrapping. */
function named(config: JsonObject, field: 'context' | 'cluster' | 'user', name: string): JsonObject {
  const entries: JsonValue = config[`${field}s`] ?? [];
  if (Array.isArray(entries)) {
    for (const entry of entries) {
      if (!isJsonObject(entry) || entry.name !== name) continue;
      const value = entry[field];
      return isJsonObject(value) ? value : {};
    }
  }
  throw new Error(`kubeconfig: no ${field} named "${name}"`);
}

/** Reads `<field>-data` (base64) or the file `<field>` names; undefined when neither is set. */
function materialReader(baseDir: string): (object: JsonObject, field: string) => string | undefined {
  return (object, field) => {
    const data = textOf(object, `${field}-data`);
    if (data !== undefined && data !== '') return Buffer.from(data, 'base64').toString('utf8');
    const file = textOf(object, field);
    return file === undefined || file === ''
      ? undefined
      : readText(within(baseDir, file), `kubeconfig: ${field}`);
  };
}

function tokenOf(user: JsonObject, options: KubeconfigOptions): (() => string | undefined) | undefined {
  const file = textOf(user, 'tokenFile');
  if (file !== undefined && file !== '') {
    return fileToken(within(options.baseDir ?? '.', file), options.clock ?? realClock);
  }
  const token = textOf(user, 'token');
  return token === undefined ? undefined : () => token;
}

/** False too when the machine's time was set back: how old it is nobody knows then. */
function isFresh(readAt: number, now: number): boolean {
  return now >= readAt && now - readAt < tokenFileAgeMs;
}

/** Reads files again when what was read is old. When one of them cannot be read, or nothing changed, what is known stands. */
function fromTimeToTime(first: TlsMaterial, read: () => TlsMaterial, clock: Clock): () => TlsMaterial {
  let [known, readAt] = [first, clock.now()];
  return () => {
    if (isFresh(readAt, clock.now())) return known;
    readAt = clock.now();
    try {
      const next = read();
      if (next.ca !== known.ca || next.cert !== known.cert || next.key !== known.key) known = next;
    } catch {
      return known;
    }
    return known;
  };
}

/** When a file that was read before cannot be read now, the last token stands. */
function fileToken(file: string, clock: Clock): () => string {
  let token: string | undefined;
  let readAt = 0;
  return () => {
    if (token !== undefined && isFresh(readAt, clock.now())) return token;
    try {
      token = readText(file, 'token file').trim();
      readAt = clock.now();
    } catch (error) {
      if (token === undefined) throw error;
    }
    return token;
  };
}

const within = (dir: string, file: string): string => (isAbsolute(file) ? file : join(dir, file));

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`${what}: cannot read ${file}`, { cause });
  }
}
