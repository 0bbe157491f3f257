import { elementData, elementKey, verdictText } from './model.ts';
import type { Command, DataType, NftChain, NftElement, NftFamily, NftSet, Transaction } from './model.ts';
import type { Rule, Selector, Statement } from './rule.ts';
import { isTypeofSet } from './typeof-userdata.ts';

/** An expression of each type, for sets that must be declared by `typeof` (an integer has no name among nft's types). */
const typeofText = (type: DataType, family: NftFamily): string => {
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return `${family} daddr`;
    case 'inet_proto':
      return 'meta l4proto';
    case 'inet_service':
      return 'th dport';
    case 'mark':
      return 'meta mark';
    case 'ifname':
      return 'meta iifname';
    case 'integer':
      return 'numgen random mod 1';
  }
};

function selectorText(selector: Selector, family: NftFamily): string {
  switch (selector.kind) {
    case 'saddr':
    case 'daddr':
      return `${family} ${selector.kind}`;
    case 'sport':
    case 'dport':
      return `th ${selector.kind}`;
    case 'l4proto':
      return 'meta l4proto';
    case 'mark':
      return 'meta mark';
    case 'iifname':
      return 'iifname';
    case 'ct-original':
      return selector.field === 'daddr' ? `ct original ${family} daddr` : 'ct original proto-dst';
    case 'numgen-random':
      return `numgen random mod ${selector.modulus}`;
    case 'constant':
      return selector.field === 'daddr'
        ? `(${family} daddr & ${family === 'ip' ? '0.0.0.0' : '::'} | ${selector.value})`
        : `(th dport & 0 | ${selector.value})`;
  }
}

function statementText(statement: Statement, family: NftFamily): string {
  const fields = (key: readonly Selector[]): string =>
    key.map((part) => selectorText(part, family)).join(' . ');
  switch (statement.kind) {
    case 'match':
      return `${selectorText(statement.left, family)} ${statement.isNegated ? '!= ' : ''}${valueText(statement)}`;
    case 'one-of':
      return `${selectorText(statement.left, family)} { ${statement.values.join(', ')} }`;
    case 'ct':
      return `ct ${statement.is.key} ${statement.is.flag}`;
    case 'daddr-is-local':
      return 'fib daddr type local';
    case 'saddr-is-local':
      return 'fib saddr type local';
    case 'in-set':
      return `${fields(statement.key)} ${statement.isNegated ? '!= ' : ''}@${statement.set}`;
    case 'vmap':
      return `${fields(statement.key)} vmap @${statement.map}`;
    case 'dnat':
      return `dnat ${family} to ${fields(statement.key)} map @${statement.map}`;
    case 'redirect':
      return `redirect to :${fields(statement.key)} map @${statement.map}`;
    case 'set-mark':
      return `meta mark set ${fields(statement.key)} map @${statement.map}`;
    case 'masquerade':
      return 'masquerade fully-random';
    case 'reject':
      return statement.with === 'tcp-reset' ? 'reject with tcp reset' : 'reject';
    case 'update':
      return `update @${statement.map} { ${[statement.key, statement.data ?? []]
        .filter((part) => part.length > 0)
        .map(fields)
        .join(' : ')} }`;
    case 'counter':
      return 'counter';
    case 'count':
      return `counter name ${fields(statement.key)} map @${statement.map}`;
    case 'verdict':
      return verdictText(statement.verdict);
  }
}

const valueText = ({ left, value }: Extract<Statement, { kind: 'match' }>): string =>
  left.kind === 'iifname' ? `"${value}"` : String(value);

/** A rule as nft writes it. */
export function renderRule(rule: Rule, family: NftFamily): string {
  const words = rule.statements.map((statement) => statementText(statement, family));
  if (rule.comment !== undefined) words.push(`comment "${rule.comment}"`);
  return words.join(' ');
}

function renderSet(set: NftSet, family: NftFamily): string {
  const isTypeof = isTypeofSet(set);
  const types = (all: readonly DataType[]): string =>
    all.map((type) => (isTypeof ? typeofText(type, family) : type)).join(' . ');
  const value =
    set.data === undefined ? '' : ` : ${typeof set.data === 'string' ? set.data : types(set.data)}`;
  const parts = [`${isTypeof ? 'typeof' : 'type'} ${types(set.key)}${value}`];
  if (set.isInterval) parts.push('flags interval');
  if (set.dynamic !== undefined) {
    parts.push(`size ${set.dynamic.size}`, 'flags dynamic,timeout', `timeout ${set.dynamic.timeoutSeconds}s`);
  }
  return `{ ${parts.join('; ')}; }`;
}

function renderBase({ base }: NftChain): string {
  return base === undefined ? '' : ` { type ${base.type} hook ${base.hook} priority ${base.priority}; }`;
}

function renderElement(element: NftElement, isCounter: boolean): string {
  const text = elementData(element.data);
  const data = isCounter ? `"${text}"` : text;
  return data === '' ? elementKey(element.key) : `${elementKey(element.key)} : ${data}`;
}

const renderElements = ({ data }: NftSet, elements: readonly NftElement[]): string =>
  elements.map((element) => renderElement(element, data === 'counter')).join(', ');

function renderCommand(command: Command, { family, name }: Transaction['table']): string {
  const at = `${family} ${name}`;
  switch (command.op) {
    case 'add-table':
      return `add table ${at}${command.comment === undefined ? '' : ` { comment "${command.comment}"; }`}`;
    case 'delete-table':
      return `delete table ${at}`;
    case 'add-chain':
      return `add chain ${at} ${command.chain.name}${renderBase(command.chain)}`;
    case 'delete-chain':
      return `flush chain ${at} ${command.name}\ndelete chain ${at} ${command.name}`;
    case 'flush-chain':
      return `flush chain ${at} ${command.name}`;
    case 'add-rule':
      return `add rule ${at} ${command.chain} ${renderRule(command.rule, family)}`;
    case 'add-set': {
      const word = command.set.data === undefined ? 'set' : 'map';
      return `add ${word} ${at} ${command.set.name} ${renderSet(command.set, family)}`;
    }
    case 'delete-set':
      return `delete set ${at} ${command.name}`;
    case 'add-counters':
      return command.names.map((counter) => `add counter ${at} ${counter}`).join('\n');
    case 'delete-counters':
      return command.names.map((counter) => `delete counter ${at} ${counter}`).join('\n');
    case 'add-elements':
      return `add element ${at} ${command.set.name} { ${renderElements(command.set, command.elements)} }`;
    case 'delete-elements':
      return `delete element ${at} ${command.set.name} { ${command.elements.map((e) => elementKey(e.key)).join(', ')} }`;
  }
}

/** A transaction in the language of `nft -f`, which takes it as one transaction too. Commands without elements are left out. */
export function renderTransaction(transaction: Transaction): string {
  return transaction.commands
    .filter((command) => !('elements' in command) || command.elements.length > 0)
    .filter((command) => !('names' in command) || command.names.length > 0)
    .map((command) => `${renderCommand(command, transaction.table)}\n`)
    .join('');
}
