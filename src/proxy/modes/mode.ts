import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { KubeProxyConfiguration, ModeSection } from '../configuration/layout.ts';
import type { ProxyMode } from '../state/model.ts';

/** What a mode is told when it is opened, the same for all of them; a mode takes what concerns it. */
export interface ModeOptions {
  readonly family: IpFamily;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Cluster IPs come from these blocks; packets to one that no Service has may be dropped. Empty = unknown. */
  readonly serviceCIDRs: readonly string[];
  /** The node's own address in this family; absent = unknown. */
  readonly nodeIP?: string;
  /** The network namespace to program (default: the calling thread's). The process's own sockets stay in the thread's. */
  readonly netnsPath?: string;
  readonly settings?: ModeSettings;
  readonly observer?: ModeObserver;
}

/** Told of what a mode met on its way. */
export interface ModeObserver {
  /** The kernel does not take the rules of a Service port (an id of ProxyState.services): it is left out until the next look at everything. */
  readonly onRefused: (refused: { readonly id: string; readonly error: unknown }) => void;
  /** Connection tracking was brought in line with the rules. */
  readonly onReconciled: (report: ReconcileReport) => void;
  /** The iptables mode alone: how many rules of ours the tables hold, and how many a sync wrote. */
  readonly onRules?: (rules: RulesReport) => void;
  /** The iptables mode alone: a change was refused, and everything is read and written anew. */
  readonly onPartialFailure?: () => void;
}

export interface RulesReport {
  readonly total: Readonly<Record<'nat' | 'filter', number>>;
  readonly written: Readonly<Record<'nat' | 'filter', number>>;
}

export interface ReconcileReport {
  /** Flows that were ended. */
  readonly nEnded: number;
  readonly durationMs: number;
}

/** The sections of a KubeProxyConfiguration that are about modes: each reads its own. Absent = the section's default. */
export type ModeSettings = { readonly [Section in ModeSection]?: Partial<KubeProxyConfiguration[Section]> };

export type ProbeResult =
  | { readonly isUsable: true }
  /** One sentence with what is missing and how to mend it. */
  | { readonly isUsable: false; readonly reason: string };

/** What the folder of a mode exports as `mode`. */
export interface ModeModule {
  /** Whether this machine and network namespace can do it; changes nothing. */
  probe(options: ModeOptions): Promise<ProbeResult>;
  /** Does nothing to the network before the first `sync` or `cleanup`. */
  open(options: ModeOptions): Promise<ProxyMode>;
}
