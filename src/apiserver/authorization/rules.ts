import type { PolicyRule } from '../../api/rbac/v1/role.ts';
import type { Attributes } from './authorize.ts';

/** The arithmetic of RBAC rules, as upstream has it (pkg/registry/rbac/validation). Pure. */

/** Whether one of the rules allows what is asked. */
export function rulesAllow(rules: readonly PolicyRule[], asked: Attributes): boolean {
  for (const rule of rules) if (ruleAllows(rule, asked)) return true;
  return false;
}

function ruleAllows(
  rule: PolicyRule,
  { isResource, verb, group, resource, subresource, name, path }: Attributes,
) {
  if (!hasOrAll(rule.verbs, verb)) return false;
  if (!isResource) return rule.nonResourceURLs?.some((url) => urlCovers(url, path)) ?? false;
  if (rule.apiGroups === undefined || !hasOrAll(rule.apiGroups, group)) return false;
  if (rule.resources === undefined || !resourceMatches(rule.resources, resource, subresource)) return false;
  return (
    rule.resourceNames === undefined || rule.resourceNames.length === 0 || rule.resourceNames.includes(name)
  );
}

const hasOrAll = (values: readonly string[], value: string): boolean =>
  values.includes('*') || values.includes(value);

function resourceMatches(resources: readonly string[], resource: string, subresource: string): boolean {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  for (const each of resources) {
    if (each === '*' || each === whole) return true;
    if (subresource !== '' && each.startsWith('*/') && each.slice(2) === subresource) return true;
  }
  return false;
}

const urlCovers = (url: string, path: string): boolean =>
  url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')));

/** What of `wanted` none of `held` covers, as rules about one verb and one thing each. Nothing when all is covered. */
export function uncoveredRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(atomsOf).filter((atom) => !held.some((rule) => ruleCovers(rule, atom)));
}

function atomsOf({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule) {
  const atoms: PolicyRule[] = [];
  for (const group of apiGroups) {
    for (const resource of resources) {
      for (const verb of verbs) {
        const atom = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) atoms.push(atom);
        else atoms.push(...resourceNames.map((name) => ({ ...atom, resourceNames: [name] })));
      }
    }
  }
  for (const url of nonResourceURLs)
    atoms.push(...verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [url] })));
  return atoms;
}

const covers = (held: readonly string[] = [], wanted: readonly string[] = []): boolean =>
  held.includes('*') || wanted.every((value) => held.includes(value));

function ruleCovers(held: PolicyRule, wanted: PolicyRule): boolean {
  const { resourceNames: names = [] } = held;
  const { resourceNames: wantedNames = [] } = wanted;
  if (!covers(held.verbs, wanted.verbs) || !covers(held.apiGroups, wanted.apiGroups)) return false;
  if (names.length > 0 && (wantedNames.length === 0 || !wantedNames.every((name) => names.includes(name)))) {
    return false;
  }
  const { resources = [], nonResourceURLs = [] } = held;
  return (
    (wanted.resources ?? []).every((each) => resourceCovers(resources, each)) &&
    (wanted.nonResourceURLs ?? []).every((each) => nonResourceURLs.some((url) => urlCovers(url, each)))
  );
}

function resourceCovers(held: readonly string[], wanted: string): boolean {
  if (held.includes('*') || held.includes(wanted)) return true;
  const slash = wanted.indexOf('/');
  return slash >= 0 && held.includes(`*/${wanted.slice(slash + 1)}`);
}

/** Rules about one resource each that differ in their verbs only become one; the others stay as they are. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const simple = new Map<string, PolicyRule>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
    const isSimple =
      nonResourceURLs.length === 0 &&
      apiGroups.length === 1 &&
      resources.length === 1 &&
      resourceNames.length <= 1;
    if (!isSimple) {
      others.push(rule);
      continue;
    }
    const key = JSON.stringify([apiGroups, resources, resourceNames]);
    const known = simple.get(key);
    simple.set(
      key,
      known === undefined ? rule : { ...known, verbs: [...new Set([...known.verbs, ...rule.verbs])] },
    );
  }
  return [...simple.values(), ...others];
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}` */
export function ruleText({
  apiGroups,
  resources,
  nonResourceURLs,
  resourceNames,
  verbs,
}: PolicyRule): string {
  const parts: readonly [name: string, values: readonly string[] | undefined][] = [
    ['APIGroups', apiGroups],
    ['Resources', resources],
    ['NonResourceURLs', nonResourceURLs],
    ['ResourceNames', resourceNames],
    ['Verbs', verbs],
  ];
  const texts = parts.flatMap(([name, values = []]) =>
    values.length === 0 ? [] : [`${name}:${quotedList(values)}`],
  );
  return `{${texts.join(', ')}}`;
}

/** As Go prints a list of strings with %q. */
export const quotedList = (values: readonly string[]): string =>
  `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
