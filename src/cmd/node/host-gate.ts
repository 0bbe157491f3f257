import type { Clock } from '../../base/clock.ts';
import type { ProxyMode, ProxyState, ServicePort } from '../../proxy/state/model.ts';
import { relay } from '../component/relay.ts';
import type { HostSocket, SupervisorChannel } from '../component/supervisor-channel.ts';

/** A node port of the cluster that the host's loopback carries: `TCP 30007`. */
interface Carried {
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
}

const idOf = ({ protocol, port }: Carried): string => `${protocol} ${port}`;

function nodePortsOf(service: ServicePort): Carried[] {
  const { protocol } = service;
  if (protocol === 'SCTP') return [];
  return service.frontends
    .map(({ frontend }) => frontend)
    .filter((frontend) => frontend.kind === 'nodePort')
    .map(({ port }) => ({ protocol, port }));
}

/**
 * Carries node ports to the host's loopback: the supervisor opens the sockets there and hands them to this process, which
 * lives on the node's network and connects on.
 */
export class HostGate {
  readonly #open = new Map<string, HostSocket>();
  /** How many Service ports have a node port; two may share one for a moment, while it changes hands. */
  readonly #users = new Map<string, number>();
  readonly #ports = new Map<string, readonly Carried[]>();
  readonly #options: { readonly channel: SupervisorChannel; readonly nodeIP: string; readonly clock: Clock };

  constructor(options: {
    readonly channel: SupervisorChannel;
    readonly nodeIP: string;
    readonly clock: Clock;
  }) {
    this.#options = options;
    options.channel.onHostSocket((id, socket) => this.#serve(id, socket));
  }

  /** Opens and closes what the change of some Service ports asks for; `changed` undefined = look at all. */
  update(state: ProxyState, changed?: ReadonlySet<string>): void {
    for (const id of changed ?? new Set([...state.services.keys(), ...this.#ports.keys()])) {
      const service = state.services.get(id);
      const ports = service === undefined ? [] : nodePortsOf(service);
      const before = this.#ports.get(id) ?? [];
      if (ports.length > 0) this.#ports.set(id, ports);
      else this.#ports.delete(id);
      // Taken before given back, so that a port which stays is not closed in between.
      for (const carried of ports) this.#take(carried);
      for (const carried of before) this.#giveBack(idOf(carried));
    }
  }

  #take(carried: Carried): void {
    const id = idOf(carried);
    const nUsers = this.#users.get(id) ?? 0;
    this.#users.set(id, nUsers + 1);
    if (nUsers === 0) this.#options.channel.send({ type: 'open-host-socket', id, ...carried });
  }

  #giveBack(id: string): void {
    const nUsers = (this.#users.get(id) ?? 1) - 1;
    if (nUsers > 0) return void this.#users.set(id, nUsers);
    this.#users.delete(id);
    this.#close(id);
  }

  #close(id: string): void {
    this.#open.get(id)?.close();
    this.#open.delete(id);
    this.#options.channel.send({ type: 'close-host-socket', id });
  }

  #serve(id: string, socket: HostSocket): void {
    if (!this.#users.has(id)) return void socket.close();
    this.#open.get(id)?.close();
    this.#open.set(id, socket);
    const { nodeIP: host, clock } = this.#options;
    relay(socket, { host, port: Number(id.split(' ')[1]) }, clock);
  }
}

/** The mode, with the gate kept in step: a node port is carried once the node itself serves it. */
export function withHostGate(mode: ProxyMode, gate: HostGate): ProxyMode {
  return {
    sync: async (state, changed) => {
      await mode.sync(state, changed);
      gate.update(state, changed);
    },
    cleanup: () => mode.cleanup(),
  };
}
