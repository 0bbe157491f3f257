import type { Clock } from '../../../base/clock.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import type { Logger } from '../../../base/logger.ts';
import { IptablesError } from '../../../kernel/iptables/iptables.ts';
import type { Iptables } from '../../../kernel/iptables/iptables.ts';
import type { RulesReport } from '../mode.ts';
import type { ProxyMode, ProxyNode, ProxyState, ServicePort } from '../../state/model.ts';
import { applyAll, countLines, planRewrite, removeAll } from './apply.ts';
import type { Wanted } from './apply.ts';
import { canary, canaryTables, layoutOf } from './layout.ts';
import { isBetterRewritten, planService } from './plan.ts';
import type { ServiceChange, Step } from './plan.ts';
import { dispatchChains, renderService } from './render.ts';
import type { DispatchChain, RenderOptions } from './render.ts';
import { countRules, layoutCount, writtenCount } from './rule-count.ts';
import type { RuleCount } from './rule-count.ts';
import { RestoreWriter } from './restore-writer.ts';
import type { Rejected } from './restore-writer.ts';

export interface IptablesModeOptions {
  readonly iptables: Iptables;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bit of the packet mark that asks for masquerading, 0 to 31; default 14, as kube-proxy's. */
  readonly masqueradeBit?: number;
  /** net.netfilter.nf_conntrack_tcp_be_liberal is set; default no. */
  readonly isConntrackLiberal?: boolean;
  /**
   * The other backend, where it may hold what an earlier process made: a cleanup looks into it too. Asked each time; undefined = there
   * is nothing to look into.
   */
  readonly other?: () => Iptables | undefined;
  /** A Service port that the kernel or the program does not take; it is left out until the next look at everything. */
  readonly onRejected?: (rejected: Rejected) => void;
  /** After each sync. */
  readonly onRules?: (rules: RulesReport) => void;
  /** A change was refused, and everything is read and written anew. */
  readonly onPartialFailure?: () => void;
}

/** Above so many endpoints their comments are left out, as kube-proxy does; they come back below four fifths of it. */
const terseEndpoints = 1000;
/** Reading everything may take a hundredth of the time, no more. */
const lookShare = 100;

interface Known {
  readonly ports: Map<string, ServicePort>;
  readonly node: ProxyNode;
  readonly isTerse: boolean;
  /** Lines of the chains that lead to Services. */
  readonly nLines: Map<DispatchChain, number>;
  /** Of the Service ports. */
  readonly nRules: RuleCount;
  /** Ids of which nobody knows what the tables hold. */
  readonly rejected: ReadonlySet<string>;
  readonly lookedAtMs: number;
  readonly lookTookMs: number;
}

type PortChanges = ReadonlyMap<string, ServicePort | undefined>;

class IptablesMode implements ProxyMode {
  readonly #options: IptablesModeOptions;
  /** Undefined: nobody knows what the tables hold; the next sync reads them. */
  #known: Known | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: IptablesModeOptions) {
    this.#options = options;
  }

  sync(state: ProxyState, changed?: ReadonlySet<string>): Promise<void> {
    /** The map is a live view: what is wanted is read now, not when earlier syncs are done. */
    const { node } = state;
    const all = changed === undefined ? new Map(state.services) : undefined;
    const named = new Map([...(changed ?? [])].map((id) => [id, state.services.get(id)]));
    return this.#inTurn(async () => {
      const known = this.#known;
      const isKnown =
        known !== undefined &&
        deepEqual(known.node, node) &&
        (all === undefined
          ? ![...named.keys()].some((id) => known.rejected.has(id))
          : await this.#isIntact(known));
      if (isKnown && (await this.#change(known, all === undefined ? named : differing(known.ports, all))))
        return;
      await this.#all(node, all ?? new Map(state.services));
    });
  }

  cleanup(): Promise<void> {
    return this.#inTurn(async () => {
      this.#known = undefined;
      const { iptables, other, logger } = this.#options;
      await removeAll(iptables);
      const none = { nat: 0, filter: 0 };
      this.#options.onRules?.({ total: none, written: none });
      const also = other?.();
      if (also === undefined) return;
      try {
        await removeAll(also);
      } catch (err) {
        if (!(err instanceof IptablesError) || err.failure !== 'unusable') throw err;
        // A backend that cannot be used here holds nothing.
        logger.debug('the other backend of iptables cannot be looked into', { backend: also.backend, err });
      }
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => undefined);
    return run;
  }

  /** Whether everything may be taken to be as remembered: nothing was refused, the canaries live, and the last look is not long ago. */
  async #isIntact({ rejected, lookedAtMs, lookTookMs }: Known): Promise<boolean> {
    const { iptables, clock, logger } = this.#options;
    if (rejected.size > 0 || clock.now() - lookedAtMs >= lookShare * lookTookMs) return false;
    for (const table of canaryTables) {
      if (await iptables.hasChain(table, canary)) continue;
      logger.warn('somebody emptied an iptables table, writing it again', { family: iptables.family, table });
      return false;
    }
    return true;
  }

  #rendering(node: ProxyNode, isTerse: boolean): RenderOptions {
    return { family: this.#options.iptables.family, node, isTerse };
  }

  /** False: the tables were not as remembered, and must be read. */
  async #change(known: Known, next: PortChanges): Promise<boolean> {
    const rendering = this.#rendering(known.node, known.isTerse);
    const changes = [...next].map(([id, port]): ServiceChange => {
      const before = known.ports.get(id);
      return {
        id,
        before: before === undefined ? undefined : renderService(before, rendering),
        after: port === undefined ? undefined : renderService(port, rendering),
      };
    });
    const { ports, nLines, nRules } = known;
    for (const { before, after } of changes) {
      countLines(nLines, before, -1);
      countLines(nLines, after, 1);
      countRules(nRules, before, -1);
      countRules(nRules, after, 1);
    }
    for (const [id, port] of next) {
      if (port === undefined) ports.delete(id);
      else ports.set(id, port);
    }
    this.#known = undefined;
    try {
      const steps = this.#plan(changes, known);
      await new RestoreWriter(this.#options.iptables).write(steps);
      this.#tellRules(known, writtenCount(steps));
    } catch (error) {
      if (!(error instanceof IptablesError) || error.failure !== 'refused') throw error;
      this.#options.logger.warn('iptables are not as expected, reading them again', { err: error });
      this.#options.onPartialFailure?.();
      return false;
    }
    this.#known = known;
    return true;
  }

  #plan(changes: readonly ServiceChange[], after: Known): Step[] {
    const nGone = new Map<DispatchChain, number>();
    for (const { before } of changes) countLines(nGone, before, 1);
    const isRewritten = (ref: DispatchChain): boolean =>
      isBetterRewritten(nGone.get(ref) ?? 0, after.nLines.get(ref) ?? 0);
    const planned = changes.map((change) => planService(change, { isFresh: () => false, isRewritten }));
    const rewritten = dispatchChains.filter(isRewritten);
    const rewrites = rewritten.length === 0 ? [] : this.#rewrites(rewritten, after);
    return [...planned.map(({ now }) => now), ...rewrites, ...planned.map(({ later }) => later)].filter(
      (step) => step !== undefined,
    );
  }

  #rewrites(chains: readonly DispatchChain[], { ports, node, isTerse }: Known): (Step | undefined)[] {
    const rendering = this.#rendering(node, isTerse);
    const services = [...ports.values()].map((port) => renderService(port, rendering));
    const { tails } = this.#layout(node);
    return chains.map((ref) => planRewrite(ref, services, tails.get(ref) ?? []));
  }

  #layout(node: ProxyNode): ReturnType<typeof layoutOf> {
    const { iptables, masqueradeBit = 14, isConntrackLiberal = false } = this.#options;
    const mark = (1 << masqueradeBit) >>> 0;
    return layoutOf({ family: iptables.family, node, mark, isConntrackLiberal });
  }

  async #all(node: ProxyNode, services: ReadonlyMap<string, ServicePort>): Promise<void> {
    const { iptables, clock, logger, onRejected } = this.#options;
    const startMs = clock.now();
    const isTerse = this.#isTerse(services);
    this.#known = undefined;
    const wanted: Wanted = {
      ports: [...services.values()],
      layout: this.#layout(node),
      rendering: this.#rendering(node, isTerse),
    };
    const outcome = await applyAll(iptables, wanted, false).catch((err: unknown) => {
      if (!(err instanceof IptablesError) || err.failure !== 'refused') throw err;
      logger.warn('iptables refused the rules, looking for the Service at fault', { err });
      return applyAll(iptables, wanted, true);
    });
    for (const each of outcome.rejected) {
      const text = 'the rules of a Service port are refused, it is left out';
      logger.error(text, { servicePort: each.id, err: each.error });
      onRejected?.(each);
    }
    const rejected = new Set(outcome.rejected.map(({ id }) => id));
    const ports = new Map([...services].filter(([id]) => !rejected.has(id)));
    const now = clock.now();
    this.#known = {
      ports,
      node,
      isTerse,
      nLines: new Map(outcome.nLines),
      nRules: outcome.nRules,
      rejected,
      lookedAtMs: now,
      lookTookMs: Math.max(1, now - startMs),
    };
    this.#tellRules(this.#known, outcome.written);
    const { nWritten, wasEmpty } = outcome;
    const { family, backend } = iptables;
    const place = { family, backend, ports: ports.size, nWritten, found: wasEmpty ? 'nothing' : 'rules' };
    logger.info('iptables are in place', place);
  }

  #tellRules({ node, nRules }: Known, written: RuleCount): void {
    if (this.#options.onRules === undefined) return;
    const fixed = layoutCount(this.#layout(node));
    const total = { nat: fixed.nat + nRules.nat, filter: fixed.filter + nRules.filter };
    this.#options.onRules({ total, written });
  }

  #isTerse(services: ReadonlyMap<string, ServicePort>): boolean {
    let nEndpoints = 0;
    for (const { frontends } of services.values()) {
      nEndpoints += Math.max(0, ...frontends.map(({ endpoints }) => endpoints.length));
    }
    return nEndpoints > (this.#known?.isTerse === true ? terseEndpoints * 0.8 : terseEndpoints);
  }
}

/** The ports that are not as remembered. */
function differing(known: ReadonlyMap<string, ServicePort>, wanted: PortChanges): PortChanges {
  const changes = new Map<string, ServicePort | undefined>();
  for (const [id, port] of wanted) if (known.get(id) !== port) changes.set(id, port);
  for (const id of known.keys()) if (!wanted.has(id)) changes.set(id, undefined);
  return changes;
}

/** The proxy mode that programs iptables of one address family; see README.md. Does nothing before the first `sync`. */
export function createIptablesMode(options: IptablesModeOptions): ProxyMode {
  return new IptablesMode(options);
}
