import { memoryLogger } from '../base/logger.ts';
import { createFakeConntrack } from '../kernel/conntrack/fake-conntrack.ts';
import { createFakeIpvs } from '../kernel/ipvs/fake-ipvs.ts';
import type { IpvsPacket } from '../kernel/ipvs/fake-ipvs.ts';
import { createFakeNft } from '../kernel/nft/fake-nft.ts';
import { trace } from '../kernel/nft/trace.ts';
import type { TraceResult } from '../kernel/nft/trace.ts';
import { fakeNetworkStack } from '../kernel/route/fake-network-stack.ts';
import type { IpFamily } from '../net/ip.ts';
import { createIpvsMode } from '../proxy/modes/ipvs/ipvs-mode.ts';
import type { IpvsModeOptions } from '../proxy/modes/ipvs/ipvs-mode.ts';
import type { ProxyMode, ProxyState } from '../proxy/state/model.ts';
import { wayInWords } from '../proxy/state/verdict.ts';
import type { Attempt } from '../proxy/state/verdict.ts';
import { plan } from './proxy-fixtures.ts';
import { linkOf } from './random-proxy-state.ts';

/** A machine in memory with IPVS, nf_tables and addresses, and ipvs modes on it one process after the other. */
export interface IpvsRig {
  readonly ipvs: ReturnType<typeof createFakeIpvs>;
  readonly nft: ReturnType<typeof createFakeNft>;
  readonly stack: ReturnType<typeof fakeNetworkStack>;
  readonly conntrack: ReturnType<typeof createFakeConntrack>;
  readonly logger: ReturnType<typeof memoryLogger>;
  /** A mode of a new process. */
  start(options?: Partial<IpvsModeOptions>): ProxyMode;
  /** Addresses on the device of the mode, sorted. */
  virtualIps(): string[];
  /** What may happen to a connection, in the words of `verdictInWords`. */
  outcomes(state: ProxyState, attempt: Attempt): string[];
  /** A client's connection is sent to an endpoint, as far as it may be; true when it was. */
  connect(state: ProxyState, attempt: Attempt, to: { readonly ip: string; readonly port: number }): boolean;
}

const device = 'kube-ipvs0';

class Rig implements IpvsRig {
  readonly ipvs = createFakeIpvs();
  readonly nft = createFakeNft();
  readonly stack = fakeNetworkStack();
  readonly conntrack = createFakeConntrack();
  readonly logger = memoryLogger();
  readonly #family: IpFamily;

  constructor(family: IpFamily) {
    this.#family = family;
    this.stack.ensure({ kind: 'link', name: 'eth0', create: { type: 'bridge' } });
    const [loopback, bits] = family === 'IPv4' ? ['127.0.0.1/8', 16] : ['::1/128', 64];
    this.stack.ensure({ kind: 'address', link: 'lo', address: loopback });
    this.stack.ensure({ kind: 'address', link: 'eth0', address: `${plan[family].node}/${bits}` });
  }

  start(options: Partial<IpvsModeOptions> = {}): ProxyMode {
    const { ipvs, nft, stack, logger } = this;
    return createIpvsMode({
      family: this.#family,
      ipvs,
      nft,
      stack,
      conntrack: this.conntrack,
      logger,
      kernelRelease: '6.1.0',
      ...options,
    });
  }

  virtualIps(): string[] {
    return this.#addresses(device).sort();
  }

  #addresses(link?: string): string[] {
    return this.stack.objects.flatMap((object) =>
      object.kind === 'address' && (link === undefined || object.link === link)
        ? [object.address.split('/')[0] ?? '']
        : [],
    );
  }

  #trace(
    state: ProxyState,
    { client, protocol, ip, port }: Attempt,
    balance: (packet: IpvsPacket) => { ip: string; port: number } | 'refused' | undefined,
  ): TraceResult {
    const { family, node } = state;
    const local = new Set(this.#addresses());
    const iif = linkOf(node, client);
    return trace(
      this.nft.ruleset,
      {
        saddr: client.source,
        daddr: ip,
        l4proto: protocol === 'TCP' ? 'tcp' : protocol === 'UDP' ? 'udp' : 'sctp',
        sport: 40_000,
        dport: port,
      },
      {
        family: family === 'IPv4' ? 'ip' : 'ip6',
        origin: client.kind === 'node' ? 'local' : 'remote',
        isLocalAddress: (address) => local.has(address),
        random: () => 0,
        nowMs: 0,
        ...(iif === undefined ? {} : { iif }),
        balance: ({ saddr, daddr, dport }, mark) =>
          balance({ family, protocol, source: saddr, ip: daddr, port: dport, mark }),
      },
    );
  }

  outcomes(state: ProxyState, attempt: Attempt): string[] {
    let nWays = 1;
    const found = new Set<string>();
    for (let slot = 0; slot < nWays; slot++) {
      const result = this.#trace(state, attempt, (packet) => {
        const ways = this.ipvs.ways(packet);
        nWays = Math.max(nWays, ways?.length ?? 0);
        return ways === undefined ? undefined : (ways[slot]?.destination ?? 'refused');
      });
      found.add(inWords(result));
    }
    return [...found].sort();
  }

  connect(state: ProxyState, attempt: Attempt, to: { readonly ip: string; readonly port: number }): boolean {
    let isThere = false;
    this.#trace(state, attempt, (packet) => {
      const way = this.ipvs.ways(packet)?.find(({ destination: d }) => d.ip === to.ip && d.port === to.port);
      if (way === undefined) return 'refused';
      isThere = true;
      this.ipvs.remember(packet, way.destination);
      return way.destination;
    });
    return isThere;
  }
}

function inWords({ verdict, dnat, isMasqueraded }: TraceResult): string {
  if (verdict === 'drop') return 'dropped';
  if (verdict === 'reject') return 'refused';
  return dnat === undefined ? 'untouched' : wayInWords({ ...dnat, isMasqueraded });
}

export const createIpvsRig = (family: IpFamily): IpvsRig => new Rig(family);
