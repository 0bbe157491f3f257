import type { NftChain, NftSet } from '../../../kernel/nft/model.ts';
import { field } from '../../../kernel/nft/rule.ts';
import type { Rule, Selector, Statement } from '../../../kernel/nft/rule.ts';

export interface ChainRules {
  readonly chain: NftChain;
  readonly rules: readonly Rule[];
}

export const frontendKey = [field.daddr, field.l4proto, field.dport] as const;
export const originalFrontendKey = [field.originalDaddr, field.l4proto, field.originalDport] as const;
export const nodePortKey = [field.l4proto, field.dport] as const;
export const nodePortFlowKey = [field.l4proto, field.originalDport, field.daddr, field.dport] as const;

/** nft knows the original destination port's type only behind such a match. */
export const hasPorts: Statement = { kind: 'one-of', left: field.l4proto, values: ['tcp', 'udp', 'sctp'] };

export const rule = (...statements: readonly Statement[]): Rule => ({ statements });

export const vmap = (key: readonly Selector[], map: NftSet): Statement => ({
  kind: 'vmap',
  key,
  map: map.name,
});

export const inSet = (key: readonly Selector[], set: NftSet): Extract<Statement, { kind: 'in-set' }> => ({
  kind: 'in-set',
  key,
  set: set.name,
});

export function chain(name: string, ...rules: readonly Rule[]): ChainRules {
  return { chain: { name }, rules };
}
