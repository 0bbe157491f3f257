import { badRequest } from '../errors/api-error.ts';
import type { LabelSelector } from '../meta/v1/label-selector.ts';
import { labelValueRule, qualifiedName } from '../validation/names.ts';
import { type Token, tokenize } from './label-tokens.ts';

export type LabelOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** Empty for Exists and DoesNotExist, one number for Gt and Lt. */
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string | undefined>>;

const fail = (why: string): never => {
  throw badRequest(`unable to parse requirement: ${why}`);
};

function checked(requirement: LabelRequirement): LabelRequirement {
  const { key, operator, values } = requirement;
  const [badKey] = qualifiedName(key);
  if (badKey !== undefined) fail(`key: Invalid value: ${JSON.stringify(key)}: ${badKey}`);
  values.forEach((value, i) => {
    const [badValue] = labelValueRule(value);
    if (badValue !== undefined) {
      fail(`values[${i}][${key}]: Invalid value: ${JSON.stringify(value)}: ${badValue}`);
    }
  });
  const isComparison = operator === 'Gt' || operator === 'Lt';
  if (isComparison && !/^-?\d+$/.test(values[0] ?? '')) {
    const shown = JSON.stringify(values[0] ?? '');
    fail(`values[0]: Invalid value: ${shown}: for 'Gt', 'Lt' operators, the value must be an integer`);
  }
  return requirement;
}

const comparisons: Readonly<Record<string, LabelOperator>> = {
  '=': 'In',
  '==': 'In',
  '!=': 'NotIn',
  '>': 'Gt',
  '<': 'Lt',
};

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #isSymbol(text: string): boolean {
    const token = this.#peek();
    return token !== undefined && !token.isWord && token.text === text;
  }

  #take(text: string): boolean {
    const isThere = this.#isSymbol(text);
    if (isThere) this.#at++;
    return isThere;
  }

  #word(expected: string): string {
    const token = this.#peek();
    if (token === undefined || !token.isWord)
      return fail(`found '${token?.text ?? ''}', expected: ${expected}`);
    this.#at++;
    return token.text;
  }

  #values(): string[] {
    const open = this.#peek()?.text ?? '';
    if (!this.#take('(')) fail(`found '${open}', expected: '('`);
    const values: string[] = [];
    do values.push(this.#peek()?.isWord === true ? this.#word('identifier') : '');
    while (this.#take(','));
    const close = this.#peek()?.text ?? '';
    if (!this.#take(')')) fail(`found '${close}', expected: ',' or ')'`);
    return [...new Set(values)].sort();
  }

  #requirement(): LabelRequirement {
    if (this.#take('!')) return { key: this.#word('identifier'), operator: 'DoesNotExist', values: [] };
    const key = this.#word('!, identifier, or end of string');
    const next = this.#peek();
    if (next === undefined || this.#isSymbol(',')) return { key, operator: 'Exists', values: [] };
    this.#at++;
    if (next.isWord && next.text === 'in') return { key, operator: 'In', values: this.#values() };
    if (next.isWord && next.text === 'notin') return { key, operator: 'NotIn', values: this.#values() };
    const operator = next.isWord ? undefined : comparisons[next.text];
    if (operator === undefined) {
      return fail(`found '${next.text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
    const value = this.#peek()?.isWord === true ? this.#word('identifier') : '';
    return { key, operator, values: [value] };
  }

  all(): LabelRequirement[] {
    const found: LabelRequirement[] = [];
    if (this.#peek() === undefined) return found;
    do found.push(checked(this.#requirement()));
    while (this.#take(','));
    const rest = this.#peek();
    if (rest !== undefined) fail(`found '${rest.text}', expected: ',' or 'end of string'`);
    return found;
  }
}

/** Parses `app=web,tier in (a,b),!old`; '' selects everything. Throws ApiError BadRequest. */
export const parseLabelSelector = (text: string): LabelRequirement[] => new Parser(tokenize(text)).all();

const operators: ReadonlySet<string> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);

/** The requirements of an object's selector; an empty selector selects everything. Throws ApiError BadRequest. */
export function fromLabelSelector(selector: LabelSelector): LabelRequirement[] {
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }) => {
    if (!operators.has(operator))
      throw badRequest(`${JSON.stringify(operator)} is not a valid label selector operator`);
    return checked({ key, operator: operator as LabelOperator, values: values ?? [] });
  });
  return [...fromMap(selector.matchLabels ?? {}), ...expressions];
}

/** Every label of `map` must be present with its value. */
export const fromMap = (map: Readonly<Record<string, string>>): LabelRequirement[] =>
  Object.entries(map).map(([key, value]) => ({ key, operator: 'In', values: [value] }));

function matches({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      const [a, b] = [BigInt(value), BigInt(values[0] ?? '0')];
      return operator === 'Gt' ? a > b : a < b;
    }
  }
}

/** Whether all requirements hold; no requirements hold for everything. */
export const matchesLabels = (requirements: readonly LabelRequirement[], labels: Labels = {}): boolean =>
  requirements.every((requirement) => matches(requirement, labels));

function format({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`;
    case 'NotIn':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(',')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    case 'Gt':
      return `${key}>${values[0]}`;
    case 'Lt':
      return `${key}<${values[0]}`;
  }
}

/** The text `parseLabelSelector` reads; also what `status.selector` of a Scale holds. */
export const formatLabelSelector = (requirements: readonly LabelRequirement[]): string =>
  requirements.map(format).join(',');
