import { deepEqual } from '../../../base/deep-equal.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Conntrack } from '../../../kernel/conntrack/model.ts';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Watched } from '../../conntrack/reconciled-mode.ts';
import type { ProxyMode, ProxyNode, ProxyState, ServicePort } from '../../state/model.ts';
import { addAffinityTargets, forgetClients, hasLostTargets } from './affinity.ts';
import type { AffinityTargets } from './affinity.ts';
import { affinityMaps, applyAll, applyChange, applyWhatFits } from './apply.ts';
import type { Outcome, Target, Wanted } from './apply.ts';
import { layoutOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { isOfRules } from './narrowing.ts';
import type { Refused } from './narrowing.ts';
import { countOwnWrites } from './own-writes.ts';
import type { OwnWrites } from './own-writes.ts';
import type { Memory } from './plan.ts';
import { addGoneUdp, addUdpTargets, changedUdpTargets, endStaleUdp } from './stale-udp.ts';
import type { UdpTargets } from './stale-udp.ts';

export interface NftablesModeOptions {
  readonly family: IpFamily;
  readonly nft: NftKernel;
  readonly conntrack: Conntrack;
  readonly logger: Logger;
  /** Where cluster IPs come from: packets to an address there that no Service has are dropped. Default: none are. */
  readonly serviceCIDRs?: readonly string[];
  /** A Service port that the kernel does not take; it is left out until the next look at everything. */
  readonly onRefused?: (refused: Refused) => void;
  readonly watched?: Watched;
  /** Default: that of the mode nftables itself. */
  readonly tableName?: string;
}

type PortChanges = ReadonlyMap<string, ServicePort | undefined>;

interface Known {
  readonly memory: Memory;
  readonly node: ProxyNode;
}

class NftablesMode implements ProxyMode {
  readonly #options: NftablesModeOptions;
  #target: Target;
  readonly #writes: OwnWrites;
  /** Undefined: nobody knows what the table holds; the next sync reads it. */
  #known: Known | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: NftablesModeOptions) {
    this.#options = options;
    const { serviceCIDRs = [] } = options;
    this.#writes = countOwnWrites(options.nft);
    this.#target = { nft: this.#writes.nft, layout: this.#layout(), serviceCIDRs };
  }

  sync(state: ProxyState, changed?: ReadonlySet<string>): Promise<void> {
    /** The map is a live view: what is wanted is read now, not when earlier syncs are done. */
    const { node } = state;
    const all = changed === undefined ? new Map(state.services) : undefined;
    const named = new Map([...(changed ?? [])].map((id) => [id, state.services.get(id)]));
    return this.#inTurn(async () => {
      const known = this.#known;
      const next = all !== undefined && known !== undefined ? differing(known.memory, all) : named;
      const isKnown = all === undefined || (await this.#writes.areAll());
      const isChange = isKnown && known !== undefined && deepEqual(known.node, node);
      const udp: UdpTargets =
        known === undefined ? new Map<string, Set<string>>() : changedUdp(known.memory, next);
      if (isChange && (await this.#change(known.memory, { next, udp }))) return;
      await this.#all({ node, ports: [...(all ?? state.services).values()] }, udp);
    });
  }

  cleanup(): Promise<void> {
    return this.#inTurn(async () => {
      this.#known = undefined;
      this.#writes.forget();
      const { nft, layout } = this.#target;
      await nft.apply({ table: layout.table, commands: [{ op: 'add-table' }, { op: 'delete-table' }] });
    });
  }

  #layout(node?: ProxyNode): Layout {
    const { family, tableName } = this.#options;
    const layout = layoutOf(family, node);
    return tableName === undefined ? layout : { ...layout, table: { ...layout.table, name: tableName } };
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => undefined);
    return run;
  }

  /** False: the table was not as remembered, and must be looked at as a whole. */
  async #change(memory: Memory, { next, udp }: { next: PortChanges; udp: UdpTargets }): Promise<boolean> {
    const known = this.#known;
    const lost: AffinityTargets = new Map();
    const held: AffinityTargets = new Map();
    for (const [id, port] of next) {
      const previous = memory.ports.get(id);
      if (previous !== undefined) addAffinityTargets(lost, previous);
      if (port !== undefined) addAffinityTargets(held, port);
    }
    const setsBefore = [...memory.sets.keys()];
    this.#known = undefined;
    try {
      await applyChange(this.#target, memory, next);
      if (hasLostTargets(lost, held)) {
        const targets = new Map([
          ...[...lost.keys()].map((key) => [key, new Set<string>()] as const),
          ...held,
        ]);
        const sets = setsBefore.filter((name) => memory.sets.has(name));
        await this.#forget(sets, { targets, isComplete: false });
      }
    } catch (error) {
      if (!(error instanceof NftError)) throw error;
      this.#options.logger.warn('nftables table is not as expected, reading it again', { err: error });
      return false;
    }
    this.#known = known;
    await this.#endStaleUdp(udp);
    return true;
  }

  /** `udp` are frontends whose flows a change that failed would have ended. */
  async #all({ node, ports }: Wanted, udp: UdpTargets): Promise<void> {
    this.#known = undefined;
    this.#target = { ...this.#target, layout: this.#layout(node) };
    await this.#writes.watch();
    const { memory, found, goneFrontends } = await this.#apply({ node, ports });
    const { table } = this.#target.layout;
    this.#options.logger.info('nftables table is in place', { ...table, found, ports: ports.length });
    const targets: AffinityTargets = new Map();
    const udpNow: UdpTargets = new Map([...udp.keys()].map((key) => [key, new Set()]));
    for (const key of goneFrontends) addGoneUdp(udpNow, key);
    for (const port of ports) {
      addAffinityTargets(targets, port);
      addUdpTargets(udpNow, port);
    }
    if (found === 'adopted') await this.#forget(memory.sets.keys(), { targets, isComplete: true });
    this.#known = { memory, node };
    await this.#endStaleUdp(udpNow);
  }

  async #apply(wanted: Wanted): Promise<Outcome> {
    const { logger, onRefused } = this.#options;
    try {
      return await applyAll(this.#target, wanted);
    } catch (err) {
      if (!isOfRules(err)) throw err;
      logger.warn('the nftables table was refused, looking for the Service at fault', { err });
    }
    const { refused, ...outcome } = await applyWhatFits(this.#target, wanted);
    for (const each of refused) {
      const text = 'the rules of a Service port are refused, it is left out';
      logger.error(text, { servicePort: each.id, err: each.error });
      onRefused?.(each);
    }
    return outcome;
  }

  #forget(
    names: Iterable<string>,
    which: { readonly targets: AffinityTargets; readonly isComplete: boolean },
  ): Promise<void> {
    const { nft, layout } = this.#target;
    return forgetClients(nft, { table: layout.table, sets: affinityMaps(names, layout) }, which);
  }

  /** Stale flows end by themselves in time, so that failing here must not undo what the table holds. */
  async #endStaleUdp(targets: UdpTargets): Promise<void> {
    const { family, logger } = this.#options;
    try {
      const nEnded = await endStaleUdp(
        this.#options,
        targets,
        () => this.#known?.memory.ports.values() ?? [],
      );
      if (nEnded > 0) logger.debug('ended stale UDP flows', { family, nEnded });
    } catch (error) {
      logger.warn('stale UDP flows could not be ended', { family, err: error });
    }
  }
}

/** The ports that are not as remembered. */
function differing(memory: Memory, wanted: ReadonlyMap<string, ServicePort>): PortChanges {
  const changes = new Map<string, ServicePort | undefined>();
  for (const [id, port] of wanted) if (memory.ports.get(id) !== port) changes.set(id, port);
  for (const id of memory.ports.keys()) if (!wanted.has(id)) changes.set(id, undefined);
  return changes;
}

function changedUdp(memory: Memory, next: PortChanges): UdpTargets {
  const udp: UdpTargets = new Map();
  for (const [id, port] of next) {
    for (const [key, targets] of changedUdpTargets(memory.ports.get(id), port)) udp.set(key, targets);
  }
  return udp;
}

/** The proxy mode that programs one nf_tables table of one address family; see README.md. Does nothing before the first `sync`. */
export function createNftablesMode(options: NftablesModeOptions): ProxyMode {
  return new NftablesMode(options);
}
