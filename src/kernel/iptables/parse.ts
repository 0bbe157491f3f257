import type { Chain, Match, PortSpan, Rule, Ruleset, Sided, TableName, Target } from './model.ts';

/** Words of a line; double quotes hold one together, a backslash takes the next letter as it is. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [, quotedText, bare] of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    words.push(quotedText === undefined ? (bare ?? '') : quotedText.replaceAll(/\\(.)/g, '$1'));
  }
  return words;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const number = (text: string | undefined): number => Number(text ?? 'NaN');

function span(text: string): PortSpan {
  const [first = '', last = first] = text.split(':');
  return { first: number(first), last: number(last) };
}

function masked(text: string): { value: number; mask: number } {
  const [value, mask] = text.split('/');
  return { value: number(value), mask: mask === undefined ? 0xffff_ffff : number(mask) };
}

function dnat(to: string): Target {
  const v6 = /^\[(.+)\]:(\d+)$/.exec(to);
  const v4 = /^([\d.]+):(\d+)$/.exec(to);
  const [, ip, port] = v6 ?? v4 ?? [undefined, to, undefined];
  return { kind: 'dnat', ip: ip ?? to, ...(port === undefined ? {} : { port: Number(port) }) };
}

/** What follows `-m NAME` up to the next module or target. */
function matchOf(module: string, words: readonly string[]): Match {
  const at = (option: string): string | undefined => {
    const i = words.indexOf(option);
    return i < 0 ? undefined : words[i + 1];
  };
  const isNegated = words.includes('!') ? { isNegated: true } : {};
  const other: Match = { kind: 'other', text: ['-m', module, ...words].join(' ') };
  switch (module) {
    case 'comment':
      return { kind: 'comment', text: at('--comment') ?? '' };
    case 'tcp':
    case 'udp':
    case 'sctp': {
      const dport = at('--dport');
      if (dport === undefined) return words.length === 0 ? { kind: 'ports', protocol: module } : other;
      return words.length === 2 ? { kind: 'ports', protocol: module, dport: span(dport) } : other;
    }
    case 'multiport': {
      const ports = at('--dports');
      return ports === undefined || words.length !== 2
        ? other
        : { kind: 'multiport', dports: ports.split(',').map(span) };
    }
    case 'addrtype': {
      const [src, dst] = [at('--src-type'), at('--dst-type')];
      if (words.filter((word) => word.startsWith('--')).length !== 1) return other;
      if (src !== undefined) return { kind: 'addrtype', side: 'src', type: src, ...isNegated };
      return dst === undefined ? other : { kind: 'addrtype', side: 'dst', type: dst, ...isNegated };
    }
    case 'conntrack': {
      const states = at('--ctstate');
      return states === undefined || words.filter((word) => word.startsWith('--')).length !== 1
        ? other
        : { kind: 'ctstate', states: states.split(','), ...isNegated };
    }
    case 'statistic': {
      const probability = at('--probability');
      return probability === undefined ? other : { kind: 'statistic', probability: number(probability) };
    }
    case 'recent':
      return recentOf(words, at) ?? other;
    case 'mark': {
      const mark = at('--mark');
      return mark === undefined ? other : { kind: 'mark', ...masked(mark), ...isNegated };
    }
    case 'set': {
      const i = words.indexOf('--match-set');
      const [name, fields] = words.slice(i + 1);
      return i < 0 || name === undefined || fields === undefined
        ? other
        : { kind: 'set', name, fields, ...isNegated };
    }
    case 'icmp':
    case 'icmp6':
      return icmpOf(module, at) ?? other;
    default:
      return other;
  }
}

function icmpOf(module: 'icmp' | 'icmp6', at: (option: string) => string | undefined): Match | undefined {
  const type = at(module === 'icmp' ? '--icmp-type' : '--icmpv6-type');
  return type === undefined ? undefined : { kind: 'icmp', module, type };
}

function recentOf(words: readonly string[], at: (option: string) => string | undefined): Match | undefined {
  const action = (['set', 'rcheck', 'update', 'remove'] as const).find((each) => words.includes(`--${each}`));
  const seconds = at('--seconds');
  if (action === undefined || words.includes('!')) return undefined;
  return {
    kind: 'recent',
    action,
    name: at('--name') ?? 'DEFAULT',
    ...(seconds === undefined ? {} : { seconds: number(seconds) }),
    ...(words.includes('--reap') ? { isReaping: true } : {}),
  };
}

function targetOf(words: readonly string[]): Target {
  const [name = '', option, value = ''] = words;
  switch (name) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
    case 'NOTRACK':
      return { kind: name.toLowerCase() as 'accept' | 'drop' | 'return' | 'notrack' };
    case 'REJECT':
      return { kind: 'reject', with: option === '--reject-with' ? value : 'icmp-port-unreachable' };
    case 'MARK':
      if (option === '--set-xmark') return { kind: 'mark', ...masked(value) };
      if (option === '--or-mark') return { kind: 'mark', value: number(value), mask: number(value) };
      if (option === '--xor-mark') return { kind: 'mark', value: number(value), mask: 0 };
      return { kind: 'other', text: words.join(' ') };
    case 'DNAT':
      return option === '--to-destination' && words.length === 3
        ? dnat(value)
        : { kind: 'other', text: words.join(' ') };
    case 'MASQUERADE':
      if (words.length === 1) return { kind: 'masquerade' };
      return words.length === 2 && option === '--random-fully'
        ? { kind: 'masquerade', isRandomFully: true }
        : { kind: 'other', text: words.join(' ') };
    default:
      return words.length === 1 ? { kind: 'jump', chain: name } : { kind: 'other', text: words.join(' ') };
  }
}

const heads = { '-s': 'source', '-d': 'destination', '-i': 'in', '-o': 'out', '-p': 'protocol' } as const;
const isHead = (word: string): word is keyof typeof heads => Object.hasOwn(heads, word);

/** A rule from its text without `-A CHAIN`. Modules we do not know are kept as `other`, so that nothing is refused. */
export function parseRule(text: string): Rule {
  const words = wordsOf(text);
  const rule: Mutable<Rule> = {};
  const matches: Match[] = [];
  for (let i = 0; i < words.length; i++) {
    const isNegated = words[i] === '!' && isHead(words[i + 1] ?? '');
    const word = words[isNegated ? i + 1 : i] ?? '';
    if (isHead(word)) {
      if (isNegated) i++;
      const sided: Sided = { value: words[++i] ?? '', ...(isNegated ? { isNegated } : {}) };
      rule[heads[word]] = sided;
    } else if (word === '-m') {
      const module = words[++i] ?? '';
      let end = i + 1;
      while (end < words.length && !['-m', '-j', '-g'].includes(words[end] ?? '')) end++;
      // iptables-save writes `-p` before the modules; people and older tools write it among them.
      const own = words.slice(i + 1, end);
      const p = own.indexOf('-p');
      if (p >= 0) rule.protocol = { value: own.splice(p, 2)[1] ?? '' };
      matches.push(matchOf(module, own));
      i = end - 1;
    } else if (word === '-g') {
      rule.target = { kind: 'goto', chain: words[++i] ?? '' };
    } else if (word === '-j') {
      rule.target = targetOf(words.slice(i + 1));
      break;
    }
  }
  return { ...rule, ...(matches.length > 0 ? { matches } : {}) };
}

/** The text of iptables-save as chains of rule texts, each without `-A CHAIN`. Counters and comments are left out. */
export function parseSave(text: string): Ruleset<string> {
  const tables = new Map<TableName, Map<string, Chain<string>>>();
  let chains = new Map<string, Chain<string>>();
  let rules: string[] = [];
  let current = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('-A ')) {
      const space = line.indexOf(' ', 3);
      const name = space < 0 ? line.slice(3) : line.slice(3, space);
      if (name !== current) {
        current = name;
        rules = (chains.get(name)?.rules ?? []) as string[];
      }
      rules.push(space < 0 ? '' : line.slice(space + 1));
    } else if (line.startsWith(':')) {
      const [name = '', policy] = line.slice(1).split(' ');
      chains.set(name, policy === '-' ? { rules: [] } : { policy: policy as 'ACCEPT' | 'DROP', rules: [] });
    } else if (line.startsWith('*')) {
      chains = new Map();
      current = '';
      tables.set(line.slice(1).trim() as TableName, chains);
    }
  }
  return tables;
}

/** Rule texts as rules. */
export function parseRuleset(texts: Ruleset<string>): Ruleset {
  const parsed = [...texts].map(
    ([table, chains]) =>
      [
        table,
        new Map(
          [...chains].map(
            ([name, chain]) => [name, { ...chain, rules: chain.rules.map(parseRule) }] as const,
          ),
        ),
      ] as const,
  );
  return new Map(parsed);
}
