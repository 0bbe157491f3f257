import { deepEqual } from '../../../base/deep-equal.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Conntrack } from '../../../kernel/conntrack/model.ts';
import { serverText } from '../../../kernel/ipvs/model.ts';
import type { Scheduler, VirtualServer } from '../../../kernel/ipvs/model.ts';
import { IpvsError } from '../../../kernel/ipvs/model.ts';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ProxyMode, ProxyNode, ProxyState, ServicePort } from '../../state/model.ts';
import type { IpvsSettings } from '../mode.ts';
import { dropRoutes, leaveAtOnce, leaveGradually } from './departure.ts';
import type { Departure } from './departure.ts';
import { nodeElements } from './node-elements.ts';
import * as kernel from './kernel.ts';
import type { Kernel } from './kernel.ts';
import { layoutOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { createLocalhost } from './localhost.ts';
import { createMarks } from './marks.ts';
import type { Marks } from './marks.ts';
import { isExcluded, leftovers, recordOf } from './ownership.ts';
import { emptyMemory, ghostOf, planChange, planElements } from './plan.ts';
import type { Memory, Step } from './plan.ts';
import { renderServicePort } from './render.ts';
import type { PlannedServer, PortPlan, RenderContext } from './render.ts';
import { ensureSysctls } from './sysctls.ts';

export interface IpvsModeOptions extends Kernel {
  readonly family: IpFamily;
  /** Tells which virtual addresses processes of this machine have for source. */
  readonly conntrack: Conntrack;
  readonly logger: Logger;
  readonly serviceCIDRs?: readonly string[];
  readonly settings?: IpvsSettings;
  /** Of this machine, e.g. os.release(); decides about one setting. */
  readonly kernelRelease: string;
}

interface Known {
  readonly memory: Memory;
  readonly node: ProxyNode;
  readonly context: RenderContext;
}

type Next = ReadonlyMap<string, ServicePort | undefined>;

const textOf = ({ server }: { readonly server: VirtualServer }): string => serverText(server.key);

class IpvsMode implements ProxyMode {
  readonly #options: IpvsModeOptions;
  readonly #marks: Marks = createMarks();
  readonly #localhost: ProxyMode;
  #known: Known | undefined;
  /** Servers with destinations that wait for their connections to end, by serverText. */
  #draining = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: IpvsModeOptions) {
    this.#options = options;
    this.#localhost = createLocalhost(options);
  }

  sync(state: ProxyState, changed?: ReadonlySet<string>): Promise<void> {
    /** The map is a live view: what is wanted is read now, not when earlier syncs are done. */
    const all = changed === undefined ? [...state.services.values()] : undefined;
    const next: Next = new Map([...(changed ?? [])].map((id) => [id, state.services.get(id)]));
    return this.#inTurn(async () => {
      await this.#balance(state, { all, next });
      await this.#localhost.sync(state, changed);
    });
  }

  async #balance(
    { node, services }: ProxyState,
    { all, next }: { readonly all: readonly ServicePort[] | undefined; readonly next: Next },
  ): Promise<void> {
    const known = this.#known;
    if (all === undefined && known !== undefined && deepEqual(known.node, node)) {
      if (await this.#tryChange(known, next)) return;
    }
    await this.#all(node, all ?? [...services.values()]);
  }

  cleanup(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#localhost.cleanup();
      await leaveAtOnce(this.#departure());
    });
  }

  retire({ node }: ProxyState): Promise<boolean> {
    return this.#inTurn(async () => {
      await this.#localhost.cleanup();
      return leaveGradually(this.#departure(), node.ip);
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => undefined);
    return run;
  }

  /** False: something was not as remembered, and everything must be looked at. */
  async #tryChange(known: Known, next: Next): Promise<boolean> {
    this.#known = undefined;
    try {
      await this.#change(known, await this.#withEndedGhosts(known, next));
    } catch (error) {
      if (!(error instanceof NftError) && !(error instanceof IpvsError)) throw error;
      this.#options.logger.warn('the kernel is not as expected, reading it again', { err: error });
      return false;
    }
    this.#known = known;
    return true;
  }

  async #change({ memory, context }: Known, next: Next): Promise<void> {
    const before: PortPlan[] = [];
    const wanted: PortPlan[] = [];
    const ghosts: PortPlan[] = [];
    for (const [id, port] of next) {
      const old = memory.ports.get(id);
      const oldPlans = [old && renderServicePort(old, context), memory.ghosts.get(id)].filter(
        (p) => p !== undefined,
      );
      const plan = port && renderServicePort(port, context);
      const ghost = await this.#ghost(oldPlans, plan, context.layout);
      before.push(...oldPlans);
      if (plan !== undefined) wanted.push(plan);
      if (ghost !== undefined) ghosts.push(ghost);
      if (port === undefined) memory.ports.delete(id);
      else memory.ports.set(id, port);
      if (ghost === undefined) memory.ghosts.delete(id);
      else memory.ghosts.set(id, ghost);
      this.#releaseMarks(oldPlans, [plan, ghost]);
    }
    const known = new Map(
      before.flatMap(({ servers }) => servers.map((each) => [textOf(each), each.server])),
    );
    const step = planChange(memory, { before, after: [...wanted, ...ghosts] });
    await this.#carryOut(step, { layout: context.layout, known });
  }

  /** What must stay of plans that are no longer wanted. */
  async #ghost(
    before: readonly PortPlan[],
    after: PortPlan | undefined,
    { sets }: Layout,
  ): Promise<PortPlan | undefined> {
    const stays = new Set(after?.servers.map(textOf));
    const kept: PlannedServer[] = [];
    for (const server of before.flatMap(({ servers }) => servers)) {
      if (server.isGraceful && !stays.has(textOf(server)) && (await this.#isBusy(server))) kept.push(server);
    }
    if (kept.length === 0) return undefined;
    const all: PortPlan = {
      servers: [],
      elements: before.flatMap(({ elements }) => elements),
      chains: [],
      addresses: before.flatMap(({ addresses }) => addresses),
      owners: before.flatMap(({ owners }) => owners),
    };
    return ghostOf(all, kept, [sets.virtualIps.name, sets.frontends.name]);
  }

  async #isBusy({ server }: { readonly server: VirtualServer }): Promise<boolean> {
    const held = await kernel.readDestinations(this.#options.ipvs, server.key);
    return held?.some(({ nActive, nInactive }) => nActive + nInactive > 0) ?? false;
  }

  #releaseMarks(before: readonly PortPlan[], after: readonly (PortPlan | undefined)[]): void {
    const held = new Set(after.flatMap((plan) => plan?.owners ?? []));
    for (const owner of before.flatMap(({ owners }) => owners))
      if (!held.has(owner)) this.#marks.release(owner);
  }

  /** The change, and the ports whose ghosts may have come to an end. Servers that drain are looked at on the way. */
  async #withEndedGhosts({ memory }: Known, next: Next): Promise<Next> {
    const more = new Map(next);
    for (const text of [...this.#draining]) {
      const wanted = memory.servers.get(text)?.value;
      this.#draining.delete(text);
      if (wanted === undefined) continue;
      const held = new Map([[text, wanted.server]]);
      for (const still of await kernel.writeServers(this.#options.ipvs, [wanted], held))
        this.#draining.add(still);
    }
    for (const [id, ghost] of memory.ghosts) {
      if (ghost.servers.some((server) => !this.#draining.has(textOf(server))))
        more.set(id, more.has(id) ? more.get(id) : memory.ports.get(id));
    }
    return more;
  }

  /**
   * Addresses go first and come last: a packet meets an address of this machine only while something answers for it. The table comes before
   * the servers, so that nobody is served whom it keeps out.
   */
  async #carryOut(
    step: Step & { readonly isNewTable?: boolean },
    where: { readonly layout: Layout; readonly known: ReadonlyMap<string, VirtualServer> },
  ): Promise<void> {
    const { nft, ipvs, stack } = this.#options;
    kernel.removeAddresses(stack, step.goneAddresses);
    await kernel.writeTable(nft, where.layout, { ...step, isNew: step.isNewTable ?? false });
    for (const text of await kernel.writeServers(ipvs, step.servers, where.known)) this.#draining.add(text);
    await kernel.deleteServers(
      ipvs,
      step.goneServers.map(({ server }) => server.key),
    );
    for (const gone of step.goneServers) this.#draining.delete(textOf(gone));
    await kernel.addAddresses(stack, step.newAddresses);
  }

  async #all(node: ProxyNode, ports: readonly ServicePort[]): Promise<void> {
    this.#known = undefined;
    this.#draining = new Set();
    const { family, nft, ipvs, stack, logger } = this.#options;
    const layout = layoutOf(family, node.podLinks);
    await this.#prepare();
    const addresses = kernel.readAddresses(stack, family);
    const contents = await kernel.readContents(nft, layout);
    const guards = contents === undefined ? new Set<string>() : await kernel.readGuards(nft, layout);
    const held = new Map((await ipvs.servers()).map((server) => [serverText(server.key), server]));
    const context = this.#context(node, { layout, addresses });
    const memory = emptyMemory();
    for (const port of ports) memory.ports.set(port.id, port);
    const plans = ports.map((port) => renderServicePort(port, context));
    const excludeCIDRs = this.#excluded();
    /** A table of another layout: what it says is ours is still ours. */
    const record = contents ?? (await recordOf(nft, layout));
    const found = { layout, addresses, contents: record, excludeCIDRs };
    const { ghosts, gone } = await leftovers(found, {
      held: held.values(),
      wanted: new Set(plans.flatMap(({ servers }) => servers.map(textOf))),
      isBusy: (server) => this.#isBusy(server),
    });
    for (const [i, ghost] of ghosts.entries()) memory.ghosts.set(`left over ${i}`, ghost);
    planChange(memory, { before: [], after: [...plans, ...ghosts] });
    const wanted = [...memory.elements.values()].map(({ value }) => value);
    const fixed = nodeElements(layout, { node, addresses, serviceCIDRs: this.#options.serviceCIDRs ?? [] });
    const chains = [...memory.chains.values()].map(({ value }) => value);
    await this.#carryOut(
      {
        isNewTable: contents === undefined,
        goneAddresses: [...addresses.link].filter(
          (ip) => !memory.addresses.has(ip) && !isExcluded(ip, excludeCIDRs),
        ),
        newChains: chains.filter(({ chain }) => !guards.has(chain.name)),
        changes: planElements(contents ?? new Map(), [...fixed, ...wanted]),
        goneChains: [...guards].filter((name) => !memory.chains.has(name)),
        servers: [...memory.servers.values()].map(({ value }) => value),
        goneServers: gone,
        newAddresses: [...memory.addresses.keys()].filter((ip) => !addresses.link.has(ip)),
      },
      { layout, known: held },
    );
    if (contents === undefined) dropRoutes(stack, [...(record?.values() ?? [])]);
    logger.info('ipvs is in place', {
      family,
      ports: ports.length,
      found: contents === undefined ? 'nothing' : 'own',
    });
    this.#known = { memory, node, context };
  }

  #excluded(): readonly string[] {
    return this.#options.settings?.excludeCIDRs ?? [];
  }

  async #prepare(): Promise<void> {
    const { family, stack, logger, settings, kernelRelease, ipvs } = this.#options;
    const seconds = (ms = 0): number => Math.ceil(ms / 1000);
    const timeouts = {
      tcpSeconds: seconds(settings?.tcpTimeoutMs),
      tcpFinSeconds: seconds(settings?.tcpFinTimeoutMs),
      udpSeconds: seconds(settings?.udpTimeoutMs),
    };
    const now = await ipvs.timeouts();
    const wanted = {
      tcpSeconds: timeouts.tcpSeconds || now.tcpSeconds,
      tcpFinSeconds: timeouts.tcpFinSeconds || now.tcpFinSeconds,
      udpSeconds: timeouts.udpSeconds || now.udpSeconds,
    };
    if (!deepEqual(now, wanted)) await ipvs.apply([{ op: 'set-timeouts', timeouts: wanted }]);
    ensureSysctls(stack, { family, hasStrictARP: settings?.hasStrictARP ?? false, kernelRelease }, logger);
    kernel.ensureLink(stack);
  }

  #context(
    node: ProxyNode,
    { layout, addresses }: { readonly layout: Layout; readonly addresses: kernel.MachineAddresses },
  ): RenderContext {
    const { family, settings } = this.#options;
    return {
      layout,
      scheduler: (settings?.scheduler ?? 'rr') as Scheduler,
      nodePortIps: kernel.nodePortAddresses(addresses.node, node.nodePortAddresses, family),
      nodeIps: addresses.node,
      ...(node.ip === undefined ? {} : { nodeIp: node.ip }),
      markOf: (owner) => this.#marks.of(owner),
    };
  }

  #departure(): Departure {
    const isKnown = this.#known !== undefined;
    this.#known = undefined;
    this.#draining = new Set();
    return { ...this.#options, excludeCIDRs: this.#excluded(), isKnown };
  }
}

/** The proxy mode that programs IPVS and one nf_tables table of one address family; see README.md. Stale flows are not its matter. */
export function createIpvsMode(options: IpvsModeOptions): ProxyMode {
  return new IpvsMode(options);
}
