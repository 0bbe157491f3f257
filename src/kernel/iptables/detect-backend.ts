import { existsSync, readFileSync, statSync } from 'node:fs';
import { hasCode } from '../libc/system-error.ts';
import { withNetns } from '../netns/named-netns.ts';
import type { IptablesBackend, Place } from './iptables.ts';
import { findProgram, runProgram } from './open-iptables.ts';

/** Chains that a kubelet makes for this very question (KEP-3178, and the canary of kubelets before). */
const hint = /^:(?:KUBE-IPTABLES-HINT|KUBE-KUBELET-CANARY) /m;

/** A table's text, or everything; undefined when it cannot be had here. */
async function saved(
  place: Place,
  backend: IptablesBackend,
  args: readonly string[],
): Promise<string | undefined> {
  const path = findProgram(place.family, backend, 'save');
  if (path === undefined) return undefined;
  const { code, stdout } = await runProgram(path, args, { ...place, backend });
  return code === 0 ? stdout : undefined;
}

/** Everything; an ordinary user may not list the tables of the legacy backend, but look into each. */
async function allSaved(place: Place, backend: IptablesBackend): Promise<string> {
  const all = await saved(place, backend, []);
  if (all !== undefined) return all;
  const tables = [await saved(place, backend, ['-t', 'filter']), await saved(place, backend, ['-t', 'nat'])];
  return tables.join('');
}

const ownNet = '/proc/thread-self/net';

/** Whether the namespace has tables of the legacy backend: to look into one with its program makes it. Where nobody may know, there may be. */
function mayHaveLegacy({ family, netnsPath }: Place): boolean {
  const file = family === 'IPv4' ? 'ip_tables_names' : 'ip6_tables_names';
  return withNetns(netnsPath, () => {
    try {
      return readFileSync(`${ownNet}/${file}`, 'utf8') !== '';
    } catch (error) {
      return !(hasCode(error, 'ENOENT') && existsSync(ownNet));
    }
  });
}

const nRules = (text: string): number => text.match(/^-A /gm)?.length ?? 0;

/** What a plain `iptables` says it is, where there are no programs named for their backend. */
async function plainBackend(place: Place): Promise<IptablesBackend | undefined> {
  const path = findProgram(place.family, undefined, '');
  if (path === undefined) return undefined;
  const { stdout } = await runProgram(path, ['--version'], { ...place, backend: undefined });
  return stdout.includes('nf_tables') ? 'nft' : 'legacy';
}

/**
 * Which backend this machine uses, as the iptables wrapper of the Kubernetes images finds out: the one with a kubelet's hint chain,
 * otherwise the one with more rules, nft when they are even; the only one that is installed in any case. undefined = none is.
 */
export async function detectBackend(place: Place): Promise<IptablesBackend | undefined> {
  const [hasNft, hasLegacy] = (['nft', 'legacy'] as const).map(
    (backend) => findProgram(place.family, backend, 'restore') !== undefined,
  );
  if (hasNft !== true && hasLegacy !== true) return plainBackend(place);
  if (hasNft !== hasLegacy) return hasNft === true ? 'nft' : 'legacy';
  if (!mayHaveLegacy(place)) return 'nft';
  for (const backend of ['nft', 'legacy'] as const) {
    if (hint.test((await saved(place, backend, ['-t', 'mangle'])) ?? '')) return backend;
  }
  const [nft, legacy] = [await allSaved(place, 'nft'), await allSaved(place, 'legacy')];
  return nRules(legacy) > nRules(nft) ? 'legacy' : 'nft';
}

/** By family and network namespace. */
const detected = new Map<string, IptablesBackend>();

/** What detectBackend said first of this namespace: a process stays with the backend in which its rules are. */
export async function knownBackend(place: Place): Promise<IptablesBackend | undefined> {
  const { ino } = statSync(place.netnsPath ?? '/proc/thread-self/ns/net', { bigint: true });
  const key = `${place.family} ${ino}`;
  const known = detected.get(key) ?? (await detectBackend(place));
  if (known !== undefined) detected.set(key, known);
  return known;
}

/** The other backend, where it is installed and its tables may hold something; undefined = there is nothing to look into. */
export function otherBackend(place: Place, backend: IptablesBackend): IptablesBackend | undefined {
  const other = backend === 'nft' ? 'legacy' : 'nft';
  if (findProgram(place.family, other, 'restore') === undefined) return undefined;
  return other === 'nft' || mayHaveLegacy(place) ? other : undefined;
}
