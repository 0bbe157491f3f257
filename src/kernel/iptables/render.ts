import { hostPort } from '../../net/host-port.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { Match, PortSpan, Rule, Sided, TableName, Target } from './model.ts';

const safeWord = /^[-_0-9A-Za-z]+$/;

/** As iptables-save quotes: bare where it can be, otherwise in double quotes. */
export function quoted(text: string): string {
  return safeWord.test(text) ? text : `"${text.replaceAll(/["\\']/g, '\\$&')}"`;
}

const not = (isNegated: boolean | undefined): string => (isNegated === true ? '! ' : '');
const hex = (value: number): string => `0x${value.toString(16)}`;

function side(option: string, sided: Sided | undefined): string {
  return sided === undefined ? '' : ` ${not(sided.isNegated)}${option} ${sided.value}`;
}

export function renderSpan({ first, last }: PortSpan): string {
  return first === last ? String(first) : `${first}:${last}`;
}

/** The kernel keeps 31 bits of a probability; iptables-save shows what is left. */
export function renderProbability(probability: number): string {
  return (Math.round(probability * 2 ** 31) / 2 ** 31).toFixed(11);
}

const hostMask = {
  IPv4: '255.255.255.255',
  IPv6: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
} as const;

function renderMatch(match: Match, family: IpFamily): string {
  switch (match.kind) {
    case 'comment':
      return `-m comment --comment ${quoted(match.text)}`;
    case 'ports':
      return `-m ${match.protocol}${match.dport === undefined ? '' : ` --dport ${renderSpan(match.dport)}`}`;
    case 'multiport':
      return `-m multiport --dports ${match.dports.map(renderSpan).join(',')}`;
    case 'addrtype':
      return `-m addrtype ${not(match.isNegated)}--${match.side}-type ${match.type}`;
    case 'ctstate':
      return `-m conntrack ${not(match.isNegated)}--ctstate ${match.states.join(',')}`;
    case 'statistic':
      return `-m statistic --mode random --probability ${renderProbability(match.probability)}`;
    case 'recent': {
      const seconds = match.seconds === undefined ? '' : ` --seconds ${match.seconds}`;
      const reap = match.isReaping === true ? ' --reap' : '';
      return `-m recent --${match.action}${seconds}${reap} --name ${match.name} --mask ${hostMask[family]} --rsource`;
    }
    case 'mark':
      return `-m mark ${not(match.isNegated)}--mark ${hex(match.value)}/${hex(match.mask)}`;
    case 'set':
      return `-m set ${not(match.isNegated)}--match-set ${match.name} ${match.fields}`;
    case 'icmp':
      return `-m ${match.module} --${match.module === 'icmp' ? 'icmp' : 'icmpv6'}-type ${match.type}`;
    case 'other':
      return match.text;
  }
}

function renderTarget(target: Target): string {
  switch (target.kind) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'notrack':
      return `-j ${target.kind.toUpperCase()}`;
    case 'reject':
      return `-j REJECT --reject-with ${target.with}`;
    case 'jump':
      return `-j ${target.chain}`;
    case 'goto':
      return `-g ${target.chain}`;
    case 'mark':
      return `-j MARK --set-xmark ${hex(target.value)}/${hex(target.mask)}`;
    case 'dnat': {
      const { ip, port } = target;
      const at = port === undefined ? ip : hostPort(ip, port);
      return `-j DNAT --to-destination ${at}`;
    }
    case 'masquerade':
      return `-j MASQUERADE${target.isRandomFully === true ? ' --random-fully' : ''}`;
    case 'other':
      return `-j ${target.text}`;
  }
}

/** A rule without `-A CHAIN`, letter by letter as iptables-save prints it, so that what was read and what is wanted compare as text. */
export function renderRule(rule: Rule, family: IpFamily): string {
  let text =
    side('-s', rule.source) +
    side('-d', rule.destination) +
    side('-i', rule.in) +
    side('-o', rule.out) +
    side('-p', rule.protocol);
  for (const match of rule.matches ?? []) text += ` ${renderMatch(match, family)}`;
  if (rule.target !== undefined) text += ` ${renderTarget(rule.target)}`;
  return text.slice(1);
}

/** Makes the chain, or empties it when it is there. */
export const chainLine = (chain: string): string => `:${chain} - [0:0]`;

/** Lines for one table that take effect together or not at all. */
export interface TableLines {
  readonly table: TableName;
  readonly lines: readonly string[];
}

/** The input of `iptables-restore --noflush`; tables take effect one after the other, each as a whole. */
export function renderRestore(parts: readonly TableLines[]): string {
  return parts
    .filter(({ lines }) => lines.length > 0)
    .map(({ table, lines }) => `*${table}\n${lines.join('\n')}\nCOMMIT\n`)
    .join('');
}
