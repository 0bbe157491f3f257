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
/** A port may be taken for as long as a mode before this one has not let go of it. */
const RETRY_MS = 1000;

/**
 * The mode, with node ports on the loopback address served by listeners of this process where the kernel cannot do it: on ::1 never, as no
 * answer from another machine is let in there, and on 127.0.0.1 not without the sysctl route_localnet. They carry TCP and UDP with the
 * endpoints, weights and affinity that the node's own processes have; without endpoints the kernel refuses. The mode itself is told that
 * there are no such node ports. What goes wrong with a listener is logged and tried again, and disturbs nothing else.
 */
export function withLocalhostRelay(mode: ProxyMode, options: LocalhostRelayOptions): RelayedMode {
  const relay = new LocalhostRelay(options);
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
      const isRelayed = relay.isNeeded(state.node);
      // The map is a live view: what was wanted is read before the mode is awaited.
      const wanted = relay.wanted(state, changed, isRelayed);
      await mode.sync(isRelayed ? { ...state, node: withoutLocalhost(state.node) } : state, changed);
      await relay.set(state, wanted);
    },
    cleanup: async () => {
      await mode.cleanup();
      await relay.cleanup();
    },
    ...(mode.retire !== undefined && {
      retire: async (state) => {
        const staysThere = (await mode.retire?.(state)) ?? false;
        await relay.cleanup();
        return staysThere;
      },
    }),
    close: () => relay.close(),
  };
}

/** Node ports by the ids of their Service ports; undefined = it has none, or has gone. */
type Wanted = ReadonlyMap<string, ServicePort | undefined>;

class LocalhostRelay {
  readonly #options: LocalhostRelayOptions;
  readonly #served = new Map<string, ServicePort>();
  readonly #complained = new Set<string>();
  #userspace: UserspaceMode | undefined;
  #isRouted: boolean | undefined;
  #isSynced = false;
  #cancelRetry: CancelTimer = () => undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: LocalhostRelayOptions) {
    this.#options = options;
  }

  isNeeded(node: ProxyNode): boolean {
    if (node.hasLocalhostNodePorts !== true || !admitsLoopback(node, this.#options.family)) return false;
    this.#isRouted ??= (this.#options.isRouted ?? (() => isRouted(this.#options.family)))();
    return !this.#isRouted;
  }

  wanted({ services }: ProxyState, changed: ReadonlySet<string> | undefined, isNeeded: boolean): Wanted {
    if (!isNeeded) return new Map([...this.#served.keys()].map((id) => [id, undefined]));
    const ids =
      changed === undefined || !this.#isSynced
        ? new Set([...services.keys(), ...this.#served.keys()])
        : changed;
    this.#isSynced = true;
    const wanted = new Map<string, ServicePort | undefined>();
    for (const id of ids) {
      const port = nodePortsOf(services.get(id));
      if (port !== undefined || this.#served.has(id)) wanted.set(id, port);
    }
    return wanted;
  }

  async set(state: ProxyState, wanted: Wanted): Promise<void> {
    if (wanted.size === 0) return;
    for (const [id, port] of wanted) {
      if (port === undefined) this.#served.delete(id);
      else this.#served.set(id, port);
    }
    await this.#sync(state, new Set(wanted.keys()));
  }

  /** One after the other; a failure is that of the listeners alone. */
  #sync(state: ProxyState, ids: ReadonlySet<string>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      try {
        this.#userspace ??= await this.#open();
        await this.#userspace.sync({ ...state, services: this.#served }, ids);
        this.#lookForMissing(state);
      } catch (err) {
        this.#options.logger.warn('node ports on localhost are not served', { err });
      }
    });
    return this.#turn;
  }

  async #open(): Promise<UserspaceMode> {
    const { createUserspaceMode } = await import('./userspace/userspace-mode.ts');
    const { createLoopbackCapture } = await import('./userspace/loopback-capture.ts');
    const { clock, family } = this.#options;
    // A port that is taken is looked after here: with one line for each, not one for each try.
    return createUserspaceMode({ capture: createLoopbackCapture(family), clock, logger: silentLogger });
  }

  #lookForMissing(state: ProxyState): void {
    const { clock, logger, family } = this.#options;
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
      () => void this.#sync(state, new Set(missing.map(({ id }) => id))),
    );
  }

  async cleanup(): Promise<void> {
    this.#cancelRetry();
    await this.#turn;
    this.#cancelRetry();
    this.#served.clear();
    this.#isSynced = false;
    await this.#userspace?.cleanup();
  }

  close(): void {
    this.#cancelRetry();
    this.#userspace?.close();
    this.#userspace = undefined;
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
