import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { KeyPair } from '../config.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { createAuthority, createSigningKey, loadAuthority } from './certificate-authority.ts';
import type { CertificateAuthority, LeafRequest } from './certificate-authority.ts';
import { checkAuthority, checkSigningKey, inspectLeaf } from './inspect.ts';

const CA_DAYS = 3650;
const LEAF_DAYS = 365;

export interface PkiNode {
  readonly name: string;
  /** IP addresses and names under which the node's agent is reached. */
  readonly addresses: readonly string[];
}

export interface PkiOptions {
  readonly dir: string;
  readonly nodes: readonly PkiNode[];
  /** Every address and name under which clients reach the API server. */
  readonly apiServerHosts: readonly string[];
  readonly clock: Clock;
}

/** All the cluster's certificates and secrets, PEM. The same texts stand in the files of `pkiFiles`. */
export interface Pki {
  /** PEM of the authority; it signs everything else. */
  readonly caCert: string;
  readonly serving: KeyPair;
  /** CN kubernetes-admin, O system:masters. */
  readonly admin: KeyPair;
  /** What the API server shows to node agents. */
  readonly kubeletClient: KeyPair;
  /** Server and client in one, by node name: CN system:node:NAME, O system:nodes. */
  readonly nodes: Readonly<Record<string, KeyPair>>;
  /** Signs the tokens of service accounts. */
  readonly serviceAccount: SigningKey;
  /** Bearer token of the administrator. */
  readonly adminToken: string;
}

/** PEM: PKCS #8 and SPKI. */
export interface SigningKey {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Where each part lies: `<path>.crt` and `<path>.key` for pairs, `<path>.key` and `<path>.pub` for the signing key. */
export const pkiFiles = (dir: string) => ({
  ca: join(dir, 'ca'),
  serving: join(dir, 'apiserver'),
  admin: join(dir, 'admin'),
  kubeletClient: join(dir, 'apiserver-kubelet-client'),
  node: (name: string) => join(dir, 'nodes', name),
  serviceAccount: join(dir, 'sa'),
  adminToken: join(dir, 'admin.token'),
});

/**
 * Makes what is missing, renews what has less than 30 days left or names other hosts, and keeps the rest, so a second
 * call changes nothing and a new node leaves the authority alone. P-256; certificates live one year, the authority ten.
 * Throws an Error naming the file when something there is damaged: it is never silently replaced, since clients trust it.
 */
export async function createPki(options: PkiOptions): Promise<Pki> {
  const { dir, clock, nodes } = options;
  const files = pkiFiles(dir);
  const now = clock.now();
  const ca = await ensureAuthority(files.ca, {
    now,
    hasLeaves: (await readPair(files.serving)).cert !== undefined,
  });
  let authority: CertificateAuthority | undefined;
  const sign = (request: LeafRequest): KeyPair => (authority ??= loadAuthority(ca)).issue(request, now);
  const leaf = async (path: string, request: LeafRequest): Promise<KeyPair> => {
    const found = inspectLeaf(path, await readPair(path), { caCert: ca.cert, hosts: request.hosts, now });
    if (found !== undefined) return found;
    return writePair(path, sign(request));
  };
  const nodePairs = nodes.map(
    async (node) => [node.name, await leaf(files.node(node.name), nodeRequest(node))] as const,
  );
  const work = [
    leaf(files.serving, servingRequest(options.apiServerHosts)),
    leaf(files.admin, clientRequest('kubernetes-admin', 'system:masters')),
    leaf(files.kubeletClient, clientRequest('kube-apiserver-kubelet-client', 'system:masters')),
    ensureSigningKey(files.serviceAccount),
    ensureToken(files.adminToken),
    Promise.all(nodePairs),
  ] as const;
  // A failure is told when nothing is being written any more.
  await Promise.allSettled([...work, ...nodePairs]);
  const [serving, admin, kubeletClient, serviceAccount, adminToken, pairs] = await Promise.all(work);
  const own = { serving, admin, kubeletClient, nodes: Object.fromEntries(pairs) };
  return { caCert: ca.cert, ...own, serviceAccount, adminToken };
}

/** Reads what `createPki` made, without checking it again. Throws an Error naming the first missing file. */
export async function readPki(dir: string, nodeNames: readonly string[]): Promise<Pki> {
  const files = pkiFiles(dir);
  const pair = async (path: string): Promise<KeyPair> => {
    const [cert, key] = await Promise.all([readText(`${path}.crt`), readText(`${path}.key`)]);
    return { cert, key };
  };
  const signing = files.serviceAccount;
  const [caCert, privateKey, publicKey, serving, admin, kubeletClient, adminToken, ...nodes] =
    await Promise.all([
      readText(`${files.ca}.crt`),
      readText(`${signing}.key`),
      readText(`${signing}.pub`),
      pair(files.serving),
      pair(files.admin),
      pair(files.kubeletClient),
      readText(files.adminToken),
      ...nodeNames.map(async (name) => [name, await pair(files.node(name))] as const),
    ]);
  return {
    caCert,
    serving,
    admin,
    kubeletClient,
    nodes: Object.fromEntries(nodes),
    serviceAccount: { privateKey, publicKey },
    adminToken: adminToken.trim(),
  };
}

async function ensureAuthority(
  path: string,
  { now, hasLeaves }: { readonly now: number; readonly hasLeaves: boolean },
): Promise<KeyPair> {
  const found = await readPair(path);
  const checked = checkAuthority(path, found, { now, hasLeaves });
  if (checked.isCurrent) return checked.pair;
  const key = checked.pair?.key;
  const made = createAuthority({
    commonName: 'portico-ca',
    days: CA_DAYS,
    now,
    ...(key === undefined ? {} : { key }),
  });
  return writePair(path, made);
}

const servingRequest = (hosts: readonly string[]): LeafRequest => ({
  subject: { commonName: 'kube-apiserver', organizations: [] },
  hosts,
  usages: ['serverAuth'],
  days: LEAF_DAYS,
});

const clientRequest = (commonName: string, organization: string): LeafRequest => ({
  subject: { commonName, organizations: [organization] },
  hosts: [],
  usages: ['clientAuth'],
  days: LEAF_DAYS,
});

const nodeRequest = (node: PkiNode): LeafRequest => ({
  subject: { commonName: `system:node:${node.name}`, organizations: ['system:nodes'] },
  hosts: [...node.addresses, ...(node.addresses.includes(node.name) ? [] : [node.name])],
  usages: ['serverAuth', 'clientAuth'],
  days: LEAF_DAYS,
});

/** The certificate is written last: a key alone is the trace of a crash, and is replaced. */
async function writePair(path: string, pair: KeyPair): Promise<KeyPair> {
  await writeFileAtomically(`${path}.key`, pair.key);
  await writeFileAtomically(`${path}.crt`, pair.cert);
  return pair;
}

/** Kept for good, since the tokens it signed are out in the world; the public half is made anew from the other. */
async function ensureSigningKey(path: string): Promise<SigningKey> {
  const [privateKey, publicKey] = await Promise.all([
    readOptional(`${path}.key`),
    readOptional(`${path}.pub`),
  ]);
  if (privateKey === undefined) {
    const made = createSigningKey();
    await writeFileAtomically(`${path}.key`, made.privateKey);
    await writeFileAtomically(`${path}.pub`, made.publicKey);
    return made;
  }
  const checked = checkSigningKey(path, privateKey);
  if (publicKey !== checked.publicKey) await writeFileAtomically(`${path}.pub`, checked.publicKey);
  return checked;
}

async function readPair(path: string): Promise<{ readonly cert?: string; readonly key?: string }> {
  const [cert, key] = await Promise.all([readOptional(`${path}.crt`), readOptional(`${path}.key`)]);
  return { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

async function ensureToken(path: string): Promise<string> {
  const found = (await readOptional(path))?.trim();
  if (found !== undefined && !/^[0-9a-f]{64}$/.test(found)) {
    throw new Error(`${path} is damaged: it holds no token; remove the file to make a new one`);
  }
  if (found !== undefined) return found;
  const token = randomBytes(32).toString('hex');
  await writeFileAtomically(path, `${token}\n`);
  return token;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`reading ${path}`, { cause: error });
  }
}

async function readText(path: string): Promise<string> {
  const text = await readOptional(path);
  if (text === undefined) throw new Error(`${path} is missing`);
  return text;
}
