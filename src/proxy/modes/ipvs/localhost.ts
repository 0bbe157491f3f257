import type { Logger } from '../../../base/logger.ts';
import type { Conntrack } from '../../../kernel/conntrack/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { NetworkStack } from '../../../kernel/route/model.ts';
import { cidrContains, parseCidr } from '../../../net/cidr.ts';
import { parseIp } from '../../../net/ip.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { createNftablesMode } from '../nftables/nftables-mode.ts';
import type { ProxyMode, ProxyNode, ProxyState, ServicePort } from '../../state/model.ts';

/** The table that serves node ports on loopback: IPVS sends nothing with a loopback source to another machine. */
export const localhostTable = 'portico-ipvs-localhost';

export interface LocalhostOptions {
  readonly family: IpFamily;
  readonly nft: NftKernel;
  readonly conntrack: Conntrack;
  readonly stack: NetworkStack;
  readonly logger: Logger;
}

const block = '127.0.0.0/8';

/** Makes the kernel let answers from other machines back to loopback addresses of IPv4; false where that may not be set. */
export function routesLocalhost(stack: NetworkStack): boolean {
  try {
    stack.sysctl('net.ipv4.conf.all.route_localnet', '1');
    return true;
  } catch {
    return false;
  }
}

/** The loopback addresses on which rules serve node ports: of IPv4 alone. */
function localhostBlocks(family: IpFamily, node: ProxyNode): readonly string[] {
  if (node.hasLocalhostNodePorts !== true || family === 'IPv6') return [];
  const own = node.nodePortAddresses.map(parseCidr).filter((cidr) => cidr?.family === family);
  if (own.length === 0) return [block];
  const all = parseCidr(block);
  const one = parseIp('127.0.0.1');
  return own.flatMap((cidr) => {
    if (cidr === undefined || all === undefined || one === undefined) return [];
    if (cidr.prefix <= all.prefix) return cidrContains(cidr, one) ? [block] : [];
    const base = parseIp(cidr.text.split('/')[0] ?? '');
    return base !== undefined && cidrContains(all, base) ? [cidr.text] : [];
  });
}

function nodePortsOnly(port: ServicePort | undefined): ServicePort | undefined {
  const frontends = port?.frontends.filter(({ frontend }) => frontend.kind === 'nodePort') ?? [];
  return port === undefined || frontends.length === 0 ? undefined : { ...port, frontends };
}

interface Served {
  /** What `port` was made of. */
  readonly source: ServicePort;
  readonly port: ServicePort;
}

interface Known {
  readonly served: Map<string, Served>;
  readonly hasTable: boolean;
}

class Localhost implements ProxyMode {
  readonly #options: LocalhostOptions;
  readonly #mode: ProxyMode;
  /** Undefined: nobody knows whether there is a table. */
  #known: Known | undefined;

  constructor(options: LocalhostOptions) {
    this.#options = options;
    this.#mode = createNftablesMode({ ...options, tableName: localhostTable });
  }

  async sync({ family, node, services }: ProxyState, changed?: ReadonlySet<string>): Promise<void> {
    const blocks = localhostBlocks(family, node);
    const known = this.#known;
    const served = new Map(known?.served);
    const ids = changed ?? new Set([...services.keys(), ...served.keys()]);
    let isOther = known === undefined || changed === undefined;
    for (const id of ids) {
      const source = blocks.length === 0 ? undefined : services.get(id);
      if (source !== undefined && served.get(id)?.source === source) continue;
      const port = nodePortsOnly(source);
      if (source === undefined || port === undefined) isOther = served.delete(id) || isOther;
      else {
        served.set(id, { source, port });
        isOther = true;
      }
    }
    if (!isOther) return;
    this.#known = undefined;
    const ports = new Map([...served].map(([id, { port }]) => [id, port]));
    const state = { family, services: ports, node: { ...node, nodePortAddresses: blocks } };
    if (ports.size > 0) await this.#serve(state, known?.hasTable === true ? changed : undefined);
    else if (known?.hasTable !== false) await this.#removeTable();
    this.#known = { served, hasTable: ports.size > 0 };
  }

  async #serve(state: ProxyState, changed: ReadonlySet<string> | undefined): Promise<void> {
    const { stack, logger } = this.#options;
    // The table keeps out all that comes for a loopback address but such answers.
    if (!routesLocalhost(stack))
      logger.warn('node ports on localhost are not served: route_localnet is not set');
    await this.#mode.sync(state, changed);
  }

  cleanup(): Promise<void> {
    this.#known = undefined;
    return this.#removeTable();
  }

  async #removeTable(): Promise<void> {
    const { nft, family } = this.#options;
    const table = { family: family === 'IPv4' ? 'ip' : 'ip6', name: localhostTable } as const;
    if ((await nft.table(table)) !== undefined) await this.#mode.cleanup();
  }
}

/** Node ports on loopback addresses for this machine's processes, beside IPVS. A mode of its own, for the same state. */
export const createLocalhost = (options: LocalhostOptions): ProxyMode => new Localhost(options);
