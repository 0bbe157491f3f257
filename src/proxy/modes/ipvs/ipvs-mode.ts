import { deepEqual } from '../../../base/deep-equal.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Conntrack } from '../../../kernel/conntrack/model.ts';
import { serverText } from '../../../kernel/ipvs/model.ts';
import type { VirtualServer } from '../../../kernel/ipvs/model.ts';
import { IpvsError } from '../../../kernel/ipvs/model.ts';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ProxyMode, ProxyNode, ProxyState, ServicePort } from '../../state/model.ts';
import type { ModeSettings } from '../mode.ts';
import { countOwnWrites } from '../nftables/own-writes.ts';
import type { OwnWrites } from '../nftables/own-writes.ts';
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
import { affectedServers, ghostAfter, ghostsAt, wantedServers } from './ghosts.ts';
import { isExcluded, isOurs, leftovers, recordOf } from './ownership.ts';
import { emptyMemory, planChange, planElements } from './plan.ts';
import type { Memory, Step } from './plan.ts';
import { renderServicePort } from './render.ts';
import type { PortPlan, RenderContext } from './render.ts';
import { schedulerOf } from './scheduler.ts';
import { ensureSysctls } from './sysctls.ts';

export interface IpvsModeOptions extends Kernel {
  readonly family: IpFamily;
  /** Tells which virtual addresses processes of this machine have for source. */
  readonly conntrack: Conntrack;
  readonly logger: Logger;
  readonly serviceCIDRs?: readonly string[];
  readonly settings?: ModeSettings['ipvs'];
  /** Of this machine, e.g. os.release(); decides about one setting. */
  readonly kernelRelease: string;
}

interface Known {
  readonly memory: Memory;
  readonly node: ProxyNode;
  readonly context: RenderContext;
}

type Next = ReadonlyMap<string, ServicePort | undefined>;

function differing({ ports }: Memory, wanted: readonly ServicePort[]): Next {
  const changes = new Map<string, ServicePort | undefined>();
  const left = new Set(ports.keys());
  for (const port of wanted) {
    left.delete(port.id);
    if (ports.get(port.id) !== port) changes.set(port.id, port);
  }
  for (const id of left) changes.set(id, undefined);
  return changes;
}

const textOf = ({ server }: { readonly server: VirtualServer }): string => serverText(server.key);

class IpvsMode implements ProxyMode {
  readonly #options: IpvsModeOptions;
  readonly #marks: Marks = createMarks();
  readonly #localhost: ProxyMode;
  readonly #writes: OwnWrites;
  #known: Known | undefined;
  /** Servers with destinations that wait for their connections to end, by serverText. */
  #draining = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: IpvsModeOptions) {
    this.#writes = countOwnWrites(options.nft);
    this.#options = { ...options, nft: this.#writes.nft };
    this.#localhost = createLocalhost(this.#options);
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
    if (known !== undefined && deepEqual(known.node, node)) {
      const isKnown = all === undefined || (await this.#isAsKnown(known));
      const change = all === undefined ? next : differing(known.memory, all);
      if (isKnown && (await this.#tryChange(known, change))) return;
    }
    await this.#all(node, all ?? [...services.values()]);
  }

  /**
   * A look at everything but the table, to which nobody else has written: mends servers that are not as remembered. False when more
   * than that is not as it was, and everything must be read.
   */
  async #isAsKnown({ memory, context }: Known): Promise<boolean> {
    if (!(await this.#writes.areAll())) return false;
    this.#known = undefined;
    await this.#prepare();
    const { family, ipvs, stack } = this.#options;
    const addresses = kernel.readAddresses(stack, family);
    if (addresses.node.symmetricDifference(context.nodeIps).size > 0) return false;
    const excludeCIDRs = this.#excluded();
    const isRight = (ip: string): boolean => memory.addresses.has(ip) || isExcluded(ip, excludeCIDRs);
    const isWhole = [...memory.addresses.keys()].every((ip) => addresses.link.has(ip));
    if (!isWhole || ![...addresses.link].every(isRight)) return false;
    const held = kernel.byText(await ipvs.servers());
    const found = { layout: context.layout, addresses, contents: undefined, excludeCIDRs };
    for (const [text, { server }] of held)
      if (!memory.servers.has(text) && isOurs(server, found)) return false;
    const wanted = [...memory.servers.values()].map(({ value }) => value);
    this.#draining = new Set(await kernel.writeServers(ipvs, wanted, held));
    return true;
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
    const turnOf = (id: string, port: ServicePort | undefined) => {
      const old = memory.ports.get(id);
      const before = [old && renderServicePort(old, context), memory.ghosts.get(id)].filter(
        (plan) => plan !== undefined,
      );
      return { id, port, before, after: port && renderServicePort(port, context) };
    };
    const turns = [...next].map(([id, port]) => turnOf(id, port));
    const wanted = wantedServers(turns);
    for (const id of ghostsAt(wanted, memory.ghosts))
      if (!next.has(id)) turns.push(turnOf(id, memory.ports.get(id)));
    const held = await kernel.readServers(this.#options.ipvs, affectedServers(turns));
    const plans: { before: PortPlan[]; after: PortPlan[] } = { before: [], after: [] };
    const ghosts: PortPlan[] = [];
    for (const { id, port, before, after } of turns) {
      const ghost = ghostAfter({ before }, { held, wanted }, context.layout);
      plans.before.push(...before);
      if (after !== undefined) plans.after.push(after);
      if (ghost !== undefined) ghosts.push(ghost);
      if (port === undefined) memory.ports.delete(id);
      else memory.ports.set(id, port);
      if (ghost === undefined) memory.ghosts.delete(id);
      else memory.ghosts.set(id, ghost);
      this.#releaseMarks(before, [after, ghost]);
    }
    const step = planChange(memory, { before: plans.before, after: [...plans.after, ...ghosts] });
    await this.#carryOut(step, { layout: context.layout, held });
  }

  #releaseMarks(before: readonly PortPlan[], after: readonly (PortPlan | undefined)[]): void {
    const held = new Set(after.flatMap((plan) => plan?.owners ?? []));
    for (const owner of before.flatMap(({ owners }) => owners))
      if (!held.has(owner)) this.#marks.release(owner);
  }

  /** A few at each change, so that its cost does not grow with them: those that go on draining are looked at last the next time. */
  async #lookAtDraining(memory: Memory): Promise<void> {
    const { ipvs } = this.#options;
    const texts = [...this.#draining].slice(0, kernel.maxReads);
    for (const text of texts) this.#draining.delete(text);
    const wanted = texts.flatMap((text) => memory.servers.get(text)?.value ?? []);
    const held = await kernel.readServers(
      ipvs,
      wanted.map(({ server }) => server),
    );
    for (const still of await kernel.writeServers(ipvs, wanted, held)) this.#draining.add(still);
  }

  /** The change, and the ports whose ghosts may have come to an end. Servers that drain are looked at on the way. */
  async #withEndedGhosts({ memory }: Known, next: Next): Promise<Next> {
    const more = new Map(next);
    await this.#lookAtDraining(memory);
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
    { layout, held }: { readonly layout: Layout; readonly held: kernel.HeldServers },
  ): Promise<void> {
    const { nft, ipvs, stack } = this.#options;
    await kernel.changeAddresses(stack, 'remove', step.goneAddresses);
    await kernel.writeTable(nft, layout, { ...step, isNew: step.isNewTable ?? false });
    for (const text of await kernel.writeServers(ipvs, step.servers, held)) this.#draining.add(text);
    await kernel.deleteServers(
      ipvs,
      step.goneServers.map(({ server }) => server.key),
    );
    for (const gone of step.goneServers) this.#draining.delete(textOf(gone));
    await kernel.changeAddresses(stack, 'ensure', step.newAddresses);
  }

  async #all(node: ProxyNode, ports: readonly ServicePort[]): Promise<void> {
    this.#known = undefined;
    this.#draining = new Set();
    const { family, nft, ipvs, stack, logger } = this.#options;
    const layout = layoutOf(family, node.podLinks);
    await this.#writes.watch();
    await this.#prepare();
    const addresses = kernel.readAddresses(stack, family);
    const contents = await kernel.readContents(nft, layout);
    const guards = contents === undefined ? new Set<string>() : await kernel.readGuards(nft, layout);
    const held = kernel.byText(await ipvs.servers());
    const context = this.#context(node, { layout, addresses });
    const memory = emptyMemory();
    for (const port of ports) memory.ports.set(port.id, port);
    const plans = ports.map((port) => renderServicePort(port, context));
    const excludeCIDRs = this.#excluded();
    /** A table of another layout: what it says is ours is still ours. */
    const record = contents ?? (await recordOf(nft, layout));
    const found = { layout, addresses, contents: record, excludeCIDRs };
    const wantedServers = new Set(plans.flatMap(({ servers }) => servers.map(textOf)));
    const { ghosts, gone } = leftovers(found, held, wantedServers);
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
      { layout, held },
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
      tcpSeconds: seconds(settings?.tcpTimeout),
      tcpFinSeconds: seconds(settings?.tcpFinTimeout),
      udpSeconds: seconds(settings?.udpTimeout),
    };
    const now = await ipvs.timeouts();
    const wanted = {
      tcpSeconds: timeouts.tcpSeconds || now.tcpSeconds,
      tcpFinSeconds: timeouts.tcpFinSeconds || now.tcpFinSeconds,
      udpSeconds: timeouts.udpSeconds || now.udpSeconds,
    };
    if (!deepEqual(now, wanted)) await ipvs.apply([{ op: 'set-timeouts', timeouts: wanted }]);
    ensureSysctls(stack, { family, hasStrictARP: settings?.strictARP ?? false, kernelRelease }, logger);
    kernel.ensureLink(stack);
  }

  #context(
    node: ProxyNode,
    { layout, addresses }: { readonly layout: Layout; readonly addresses: kernel.MachineAddresses },
  ): RenderContext {
    const { family, settings } = this.#options;
    return {
      layout,
      // One that is not known has been refused by the probe.
      scheduler: schedulerOf(settings?.scheduler) ?? 'rr',
      nodePortIps: kernel.nodePortAddresses(addresses.node, node.nodePortAddresses, family),
      nodeIps: addresses.node,
      ...(node.ip === undefined ? {} : { nodeIp: node.ip }),
      markOf: (owner) => this.#marks.of(owner),
    };
  }

  #departure(): Departure {
    const isKnown = this.#known !== undefined;
    this.#known = undefined;
    this.#writes.forget();
    this.#draining = new Set();
    return { ...this.#options, excludeCIDRs: this.#excluded(), isKnown };
  }
}

/** The proxy mode that programs IPVS and one nf_tables table of one address family; see README.md. Stale flows are not its matter. */
export function createIpvsMode(options: IpvsModeOptions): ProxyMode {
  return new IpvsMode(options);
}
