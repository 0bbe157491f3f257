import { cidrsOverlap, parseCidr } from '../../../net/cidr.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ProxyNode } from '../../state/model.ts';
import type { MachineAddresses } from './kernel.ts';
import type { Layout } from './layout.ts';
import type { PlacedElement } from './render.ts';

/** Blocks of one family without those inside another: intervals may not overlap. */
function outerBlocks(blocks: readonly string[], family: IpFamily): string[] {
  const own = blocks.map(parseCidr).filter((cidr) => cidr !== undefined && cidr.family === family);
  const distinct = [...new Map(own.map((cidr) => [cidr?.text ?? '', cidr])).values()];
  return distinct.flatMap((cidr) =>
    cidr === undefined ||
    distinct.some((other) => other && other.prefix < cidr.prefix && cidrsOverlap(other, cidr))
      ? []
      : [cidr.text],
  );
}

/** The elements that do not belong to any Service: addresses of this machine, of Pods, and of Services in general. */
export function nodeElements(
  { sets, family }: Layout,
  facts: {
    readonly node: ProxyNode;
    readonly addresses: MachineAddresses;
    readonly serviceCIDRs: readonly string[];
  },
): PlacedElement[] {
  const pods = outerBlocks(facts.node.podCIDRs, family);
  const everybody = family === 'IPv4' ? '0.0.0.0/0' : '::/0';
  const kept = pods.length > 0 ? pods : [everybody];
  const place = (set: PlacedElement['set'], values: readonly string[]): PlacedElement[] =>
    values.map((value) => ({ set, element: { key: [value] } }));
  return [
    ...place(sets.nodeIps, [...facts.addresses.node]),
    ...place(sets.podCidrs, pods),
    ...place(sets.keptCidrs, kept),
    ...place(sets.serviceCidrs, outerBlocks(facts.serviceCIDRs, family)),
  ];
}
