import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { CounterTable } from '../../proxy/counters/counter-table.ts';
import type { ServiceMetrics } from '../../proxy/metrics/service-metrics.ts';

/** Counters of single Services, where they are asked for. */
export interface ServiceCounting {
  readonly tables: Readonly<Partial<Record<IpFamily, CounterTable>>>;
  readonly metrics: ServiceMetrics;
}

async function openTables(
  families: readonly IpFamily[],
): Promise<Readonly<Partial<Record<IpFamily, CounterTable>>>> {
  const { openNft } = await import('../../kernel/nft/open-nft.ts');
  const { openIpvs, hasIpvs } = await import('../../kernel/ipvs/open-ipvs.ts');
  const { createCounterTable } = await import('../../proxy/counters/counter-table.ts');
  const { withIpvsCounts } = await import('../../proxy/counters/ipvs-counts.ts');
  const kernel = openIpvs();
  // Whatever mode is in use now: it may become another one, and servers go on for connections they have.
  const ipvs = { counts: async () => (hasIpvs() ? kernel.counts() : []) };
  return Object.fromEntries(
    families.map((family) => {
      const nft = openNft();
      return [family, withIpvsCounts(createCounterTable(nft, family), { family, ipvs, nft })];
    }),
  );
}

/** Writes nothing before the first sync. */
export async function openServiceCounting(
  families: readonly IpFamily[],
  watched: { readonly clock: Clock; readonly logger: Logger },
): Promise<ServiceCounting> {
  const { createServiceMetrics } = await import('../../proxy/metrics/service-metrics.ts');
  const tables = await openTables(families);
  return { tables, metrics: createServiceMetrics(tables, watched) };
}

/** Takes away what another process counted with; a kernel without nf_tables holds nothing. Rejects with what it could not take away. */
export async function removeServiceCounters(families: readonly IpFamily[]): Promise<void> {
  const tables = await openTables(families);
  for (const table of Object.values(tables)) await table.remove();
}
