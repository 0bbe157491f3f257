/**
 * Rules for names. Each function returns messages for what is wrong, in upstream's words
 * (apimachinery/pkg/util/validation); an empty list means the value is good.
 */
export type NameRule = (value: string) => readonly string[];

const label1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain1123 = `${label1123}(\\.${label1123})*`;
const labelWithUnderscore = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const subdomainWithUnderscore = `${labelWithUnderscore}(\\.${labelWithUnderscore})*`;
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${qualified})?`;
const configKey = '[-._a-zA-Z0-9]+';

const whole = (source: string): RegExp => new RegExp(`^(?:${source})$`);

interface Rule {
  readonly source: string;
  readonly message: string;
  readonly examples: readonly string[];
  readonly maxBytes: number;
}

function explain({ source, message, examples }: Rule): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${shown}regex used for validation is '${source}')`;
}

const tooLongMessage = (maxBytes: number): string => `must be no more than ${maxBytes} bytes`;

function ruleOf(rule: Rule): NameRule {
  const pattern = whole(rule.source);
  const text = explain(rule);
  return (value) => {
    const isLong = value.length > rule.maxBytes || Buffer.byteLength(value) > rule.maxBytes;
    // Matching a value of any length against a pattern with nested repetition may take long.
    const fits = value.length <= 4096 && pattern.test(value);
    if (!isLong && fits) return [];
    return [...(isLong ? [tooLongMessage(rule.maxBytes)] : []), ...(fits ? [] : [text])];
  };
}

export const dns1123Label: NameRule = ruleOf({
  source: label1123,
  message:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  examples: ['my-name', '123-abc'],
  maxBytes: 63,
});

export const dns1123Subdomain: NameRule = ruleOf({
  source: subdomain1123,
  message:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  examples: ['example.com'],
  maxBytes: 253,
});

/** Of a search path: resolvers look for more than host names. */
export const dns1123SubdomainWithUnderscore: NameRule = ruleOf({
  source: subdomainWithUnderscore,
  message:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  examples: ['example.com'],
  maxBytes: 253,
});

export const dns1035Label: NameRule = ruleOf({
  source: label1035,
  message:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  examples: ['my-name', 'abc-123'],
  maxBytes: 63,
});

export const labelValueRule: NameRule = ruleOf({
  source: labelValue,
  message:
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyValue', 'my_value', '12345'],
  maxBytes: 63,
});

const qualifiedRule: Rule = {
  source: qualified,
  message:
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyName', 'my.name', '123-abc'],
  maxBytes: 63,
};
const qualifiedNamePart = ruleOf(qualifiedRule);

const prefixed = (prefix: string, messages: readonly string[]): readonly string[] =>
  messages.map((message) => `${prefix} ${message}`);

/** An optional DNS subdomain and '/', then a name: the keys of labels and annotations. */
export const qualifiedName: NameRule = (value) => {
  const slash = value.indexOf('/');
  if (slash >= 0 && value.includes('/', slash + 1)) {
    return [
      `a qualified name ${explain(qualifiedRule)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const prefix = slash < 0 ? undefined : value.slice(0, slash);
  const name = value.slice(slash + 1);
  const ofPrefix =
    prefix === undefined ? [] : prefix === '' ? ['must be non-empty'] : dns1123Subdomain(prefix);
  const ofName = [...(name === '' ? ['must be non-empty'] : []), ...qualifiedNamePart(name)];
  if (ofPrefix.length === 0 && ofName.length === 0) return [];
  return [...prefixed('prefix part', ofPrefix), ...prefixed('name part', ofName)];
};

/** The name of a container's port (IANA_SVC_NAME, RFC 6335). */
export const portName: NameRule = (value) => {
  const messages: string[] = [];
  if (value.length > 15) messages.push(tooLongMessage(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    messages.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) messages.push('must contain at least one letter (a-z)');
  if (value.includes('--')) messages.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) messages.push('must not begin or end with a hyphen');
  return messages;
};

export const portNumber = (value: number): readonly string[] =>
  Number.isInteger(value) && value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];

/** Any printable ASCII but '=' (RelaxedEnvironmentVariableValidation). */
export const envVarName: NameRule = (value) => {
  if (value === '') return ['environment variable name must be non-empty'];
  if (/^[ -<>-~]+$/.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

const configKeyRule = ruleOf({
  source: configKey,
  message: "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  examples: ['key.name', 'KEY_NAME', 'key-name'],
  maxBytes: 253,
});

/** A key of a ConfigMap or Secret, which may become a file's name. */
export const configMapKey: NameRule = (value) => {
  const messages = configKeyRule(value);
  if (value === '.') return [...messages, "must not be '.'"];
  if (value === '..') return [...messages, "must not be '..'"];
  return value.startsWith('..') ? [...messages, "must not start with '..'"] : messages;
};

/** A name that may stand in a URL's path. */
export const pathSegmentName: NameRule = (value) => {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  const bad = ['/', '%'].filter((part) => value.includes(part));
  return bad.map((part) => `may not contain '${part}'`);
};

/** The rule for a generateName, to which characters will be added: it may end with '-'. */
export const asPrefix =
  (rule: NameRule): NameRule =>
  (value) =>
    rule(value.length > 1 && value.endsWith('-') ? `${value.slice(0, -1)}a` : value);
