import { readFileSync } from 'node:fs';
import type { CancelTimer, Clock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Logger } from '../../base/logger.ts';
import { cidrContains, parseCidr } from '../../net/cidr.ts';
import { parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { ProxyMode, ProxyNode, ProxyState, ServicePort } from '../state/model.ts';
import type { UserspaceMode } from './userspace/userspace-mode.ts';

export interface LocalhostRelayOptions {
  readonly family: IpFamily;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the kernel lets translated packets from loopback addresses out and back; default: what it says itself. */
  readonly isRouted?: () => boolean;
}

export interface RelayedMode extends ProxyMode {
  /** Ends listeners and what they carry; for tests, which go on after it. */
  close(): void;
}

const LOOPBACK = { IPv4: '127.0.0.1', IPv6: '::1' } as const;
/** A port may be taken for as long as a process before this one, or the userspace mode, has not let go of it. */
const RETRY_MS = 1000;

/**
 * The mode, with node ports on the loopback address served by listeners of this process where the kernel cannot do it: on ::1 never, as no
 * answer from another machine is let in there, and on 127.0.0.1 not without the sysctl route_localnet. They carry TCP and UDP with the
 * endpoints, weights and affinity that the node's own processes have; without endpoints the kernel refuses. The mode itself is told that
 * there are no such node ports. What goes wrong with a listener is logged and tried again, and disturbs nothing else. A mode that follows
 * another one in this process goes on with its listeners.
 */
export function withLocalhostRelay(mode: ProxyMode, options: LocalhostRelayOptions): RelayedMode {
  const relay = relayOf(options.family);
  const user: LocalhostRelayOptions = options;
  let isKernels: boolean | undefined;
  const isNeeded = (node: ProxyNode): boolean => {
    if (node.hasLocalhostNodePorts !== true || !admitsLoopback(node, options.family)) return false;
    isKernels ??= (options.isRouted ?? (() => isRouted(options.family)))();
    return !isKernels;
  };
  let inner: { readonly of: ProxyNode; readonly node: ProxyNode } | undefined;
  const withoutLocalhost = (of: ProxyNode): ProxyNode => {
    if (inner?.of !== of) {
      const { hasLocalhostNodePorts: _, ...node } = of;
      inner = { of, node };
    }
    return inner.node;
  };
  return {
    sync: async (state, changed) => {
      const isRelayed = isNeeded(state.node);
      // The map is a live view: what was wanted is read before the mode is awaited.
      const wanted = relay.wanted(state, isRelayed ? (relay.isUsedBy(user) ? changed : undefined) : 'none');
      await mode.sync(isRelayed ? { ...state, node: withoutLocalhost(state.node) } : state, changed);
      await relay.set(user, state, wanted);
    },
    cleanup: async () => {
      await mode.cleanup();
      await relay.leave(user);
    },
    ...(mode.retire !== undefined && {
      retire: async (state) => {
        const staysThere = (await mode.retire?.(state)) ?? false;
        await relay.leave(user);
        return staysThere;
      },
    }),
    close: () => relay.close(),
  };
}

const relays = new Map<IpFamily, LocalhostRelay>();

/** One for all modes of this process: when one follows another the listeners stay. */
function relayOf(family: IpFamily): LocalhostRelay {
  const relay = relays.get(family) ?? new LocalhostRelay(family);
  relays.set(family, relay);
  return relay;
}

/** Node ports by the ids of their Service ports; undefined = it has none, or has gone. */
type Wanted = ReadonlyMap<string, ServicePort | undefined>;

class LocalhostRelay {
  readonly #family: IpFamily;
  readonly #served = new Map<string, ServicePort>();
  readonly #complained = new Set<string>();
  /** The mode that synced last: what another one leaves is not its to end. */
  #user: LocalhostRelayOptions | undefined;
  #userspace: UserspaceMode | undefined;
  #cancelRetry: CancelTimer = () => undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(family: IpFamily) {
    this.#family = family;
  }

  isUsedBy(user: LocalhostRelayOptions): boolean {
    return this.#user === user;
  }

  /** `changed` are ids that may differ; undefined = any may, `none` = nothing is to be served. */
  wanted({ services }: ProxyState, changed: ReadonlySet<string> | undefined | 'none'): Wanted {
    if (changed === 'none') return new Map([...this.#served.keys()].map((id) => [id, undefined]));
    const ids = changed ?? new Set([...services.keys(), ...this.#served.keys()]);
    const wanted = new Map<string, ServicePort | undefined>();
    for (const id of ids) {
      const port = nodePortsOf(services.get(id));
      if (port !== undefined || this.#served.has(id)) wanted.set(id, port);
    }
    return wanted;
  }

  async set(user: LocalhostRelayOptions, state: ProxyState, wanted: Wanted): Promise<void> {
    this.#user = user;
    if (wanted.size === 0) return;
    for (const [id, port] of wanted) {
      if (port === undefined) this.#served.delete(id);
      else this.#served.set(id, port);
    }
    await this.#sync(user, state, new Set(wanted.keys()));
  }

  /** One after the other; a failure is that of the listeners alone. */
  #sync(user: LocalhostRelayOptions, state: ProxyState, ids: ReadonlySet<string>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      try {
        this.#userspace ??= await this.#open(user);
        await this.#userspace.sync({ ...state, services: this.#served }, ids);
        this.#lookForMissing(user, state);
      } catch (err) {
        user.logger.warn('node ports on localhost are not served', { err });
      }
    });
    return this.#turn;
  }

  async #open({ clock }: LocalhostRelayOptions): Promise<UserspaceMode> {
    const { createUserspaceMode } = await import('./userspace/userspace-mode.ts');
    const { createLoopbackCapture } = await import('./userspace/loopback-capture.ts');
    // A port that is taken is looked after here: with one line for each, not one for each try.
    return createUserspaceMode({ capture: createLoopbackCapture(this.#family), clock, logger: silentLogger });
  }

  #lookForMissing(user: LocalhostRelayOptions, state: ProxyState): void {
    const { clock, logger, family } = user;
    this.#cancelRetry();
    const missing = [...this.#served.values()].filter(
      (port) => hasEndpoints(port) && this.#userspace?.localAddress(port.id) === undefined,
    );
    for (const { id, frontends } of missing) {
      if (this.#complained.has(id)) continue;
      this.#complained.add(id);
      const port = frontends[0]?.frontend.port;
      logger.warn('a node port on localhost cannot be listened on', {
        service: id,
        address: LOOPBACK[family],
        port,
      });
    }
    if (missing.length === 0) return this.#complained.clear();
    this.#cancelRetry = clock.after(
      RETRY_MS,
      () => void this.#sync(user, state, new Set(missing.map(({ id }) => id))),
    );
  }

  async leave(user: LocalhostRelayOptions): Promise<void> {
    if (!this.isUsedBy(user)) return;
    this.#cancelRetry();
    await this.#turn;
    this.#cancelRetry();
    this.#served.clear();
    this.#user = undefined;
    await this.#userspace?.cleanup();
  }

  close(): void {
    this.#cancelRetry();
    this.#userspace?.close();
    this.#userspace = undefined;
    this.#user = undefined;
    this.#served.clear();
  }
}

/** The node's own view: its processes go the short way where there is one. */
function nodePortsOf(port: ServicePort | undefined): ServicePort | undefined {
  if (port === undefined || port.protocol === 'SCTP') return undefined;
  const own = port.frontends.filter(({ frontend }) => frontend.kind === 'nodePort');
  if (own.length === 0) return undefined;
  const frontends = own.map(({ fromCluster, ...decision }) => ({ ...decision, ...fromCluster }));
  return { ...port, frontends };
}

const hasEndpoints = ({ frontends }: ServicePort): boolean =>
  frontends.some(({ endpoints }) => endpoints.length > 0);

function admitsLoopback({ nodePortAddresses }: ProxyNode, family: IpFamily): boolean {
  const blocks = nodePortAddresses.map(parseCidr).filter((block) => block?.family === family);
  const own = parseIp(LOOPBACK[family]);
  return (
    blocks.length === 0 ||
    (own !== undefined && blocks.some((block) => block !== undefined && cidrContains(block, own)))
  );
}

function isRouted(family: IpFamily): boolean {
  if (family === 'IPv6') return false;
  try {
    return readFileSync('/proc/sys/net/ipv4/conf/all/route_localnet', 'utf8').trim() !== '0';
  } catch {
    return false;
  }
}
