import { elementData, elementKey } from '../../../kernel/nft/model.ts';
import type { NftSet, TableRef } from '../../../kernel/nft/model.ts';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { ServicePort } from '../../state/model.ts';
import { canonicalFrontend, canonicalKey } from './canonical.ts';

/** Where remembered clients may be sent: by `ip . protocol . port` of the frontend they are remembered under. */
export type AffinityTargets = Map<string, Set<string>>;

/** Notes the targets of a Service port; with `isGone` only that it has none. */
export function addAffinityTargets(targets: AffinityTargets, port: ServicePort, isGone = false): void {
  if (port.affinitySeconds === 0) return;
  for (const decision of port.frontends) {
    for (const destination of [decision, decision.fromCluster]) {
      if (destination === undefined) continue;
      const canonical = canonicalFrontend(port, decision.frontend, destination);
      const key = canonicalKey(canonical);
      const allowed = targets.get(key) ?? new Set();
      if (!isGone)
        for (const { ip, port: number } of destination.endpoints)
          allowed.add(elementKey(canonical.isRange ? [ip] : [ip, number]));
      targets.set(key, allowed);
    }
  }
}

/** Whether some client may be remembered at a place that `after` no longer has. */
export function hasLostTargets(before: AffinityTargets, after: AffinityTargets): boolean {
  for (const [key, allowed] of before) {
    const now = after.get(key);
    for (const target of allowed) if (!now?.has(target)) return true;
  }
  return false;
}

/** Entries may expire between the look and the deletion, which then fails whole; a few more looks settle it. */
const maxTries = 5;

/**
 * Forgets the clients remembered at endpoints that are gone. Frontends that are not among the `targets` are left alone, or
 * forgotten too when the targets are `isComplete`.
 */
export async function forgetClients(
  nft: NftKernel,
  where: { readonly table: TableRef; readonly sets: readonly NftSet[] },
  which: { readonly targets: AffinityTargets; readonly isComplete: boolean },
): Promise<void> {
  for (const set of where.sets) {
    for (let i = 1; ; i++) {
      const stale = (await nft.elements(where.table, set)).filter(({ key: [, ...frontend], data }) => {
        const allowed = which.targets.get(elementKey(frontend));
        return allowed === undefined ? which.isComplete : !allowed.has(elementData(data));
      });
      if (stale.length === 0) break;
      try {
        await nft.apply({ table: where.table, commands: [{ op: 'delete-elements', set, elements: stale }] });
        break;
      } catch (error) {
        if (!(error instanceof NftError) || error.code !== 'ENOENT' || i === maxTries) throw error;
      }
    }
  }
}
