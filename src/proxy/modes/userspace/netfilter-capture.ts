import type { IpFamily } from '../../../net/ip.ts';
import type { Command, NftFamily } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { ProxyNode } from '../../state/model.ts';
import type { Capture, OpenPortal } from './capture.ts';
import { TABLE_NAME, elementChanges, elementsOf, tableCommands } from './netfilter-plan.ts';
import type { Placed } from './netfilter-plan.ts';

export interface NetfilterCaptureOptions {
  readonly family: IpFamily;
  readonly nft: NftKernel;
  /**
   * The node's own address. All listeners are bound to it, so that answers leave with the address the connection was
   * translated to, whichever way the client's packets came in.
   */
  readonly address: string;
}

/** Elements per transaction; an ordinary user's netlink socket takes about 3 500. */
const SLICE = 2000;

/** Sends what is addressed to virtual IPs and node ports to the process, by destination NAT in a table of its own. */
export function createNetfilterCapture({ family, nft, address }: NetfilterCaptureOptions): Capture {
  const nftFamily: NftFamily = family === 'IPv4' ? 'ip' : 'ip6';
  const table = { family: nftFamily, name: TABLE_NAME };
  /** What the kernel holds, by portal; undefined = unknown, the next apply writes everything. */
  let held: Map<string, ReadonlyMap<string, Placed>> | undefined;

  const applyAll = async (node: ProxyNode, portals: ReadonlyMap<string, OpenPortal>): Promise<void> => {
    held = undefined;
    const next = new Map([...portals].map(([id, portal]) => [id, elementsOf(portal)]));
    const elements = [...next.values()].flatMap((placed) => [...placed]);
    const addresses = node.nodePortAddresses.filter((cidr) => cidr.includes(':') === (family === 'IPv6'));
    let commands: readonly Command[] = tableCommands(nftFamily, addresses);
    for (let i = 0; i === 0 || i < elements.length; i += SLICE) {
      const slice = new Map(elements.slice(i, i + SLICE));
      await nft.apply({ table, commands: [...commands, ...elementChanges(nftFamily, new Map(), slice)] });
      commands = [];
    }
    held = next;
  };

  const applyChanged = async (
    before: Map<string, ReadonlyMap<string, Placed>>,
    portals: ReadonlyMap<string, OpenPortal>,
    changed: ReadonlySet<string>,
  ): Promise<void> => {
    const old = new Map<string, Placed>();
    const next = new Map<string, Placed>();
    const byPortal = new Map<string, ReadonlyMap<string, Placed>>();
    for (const id of changed) {
      for (const [key, placed] of before.get(id) ?? []) old.set(key, placed);
      const portal = portals.get(id);
      if (portal === undefined) continue;
      const elements = elementsOf(portal);
      byPortal.set(id, elements);
      for (const [key, placed] of elements) next.set(key, placed);
    }
    const commands = elementChanges(nftFamily, old, next);
    if (commands.length > 0) await nft.apply({ table, commands });
    for (const id of changed) before.delete(id);
    for (const [id, elements] of byPortal) before.set(id, elements);
  };

  return {
    places: (portal) =>
      portal.hasEndpoints ? [{ name: address, candidates: [{ host: address, port: 0 }] }] : [],
    apply: async ({ node, portals, changed }) => {
      if (held === undefined || changed === undefined) await applyAll(node, portals);
      else await applyChanged(held, portals, changed);
    },
    cleanup: async () => {
      held = undefined;
      await nft.apply({ table, commands: [{ op: 'add-table' }, { op: 'delete-table' }] });
    },
  };
}
