import { isJsonObject } from '../../base/json.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { RequestInfo } from '../request-info.ts';
import type { RequestUser } from '../rest/rest.ts';

export type AuditLevel = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
export type AuditStage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

const LEVELS: readonly AuditLevel[] = ['None', 'Metadata', 'Request', 'RequestResponse'];
const STAGES: readonly AuditStage[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'];

interface GroupResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

/** One rule; an empty list means any. */
interface Rule {
  readonly level: AuditLevel;
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly resources: readonly GroupResources[];
  readonly namespaces: readonly string[];
  readonly nonResourceURLs: readonly string[];
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

/** What is recorded of whom: the first rule that fits decides. */
export interface AuditPolicy {
  readonly rules: readonly Rule[];
}

/** A request as rules see it; `user` is undefined when it could not be told who asks. */
export interface Audited {
  readonly user: RequestUser | undefined;
  /** As audit events have it: of resources the API verb, otherwise the method in lower case. */
  readonly verb: string;
  readonly info: RequestInfo;
}

export interface Recording {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
}

const NOTHING: Recording = { level: 'None', omitStages: new Set(), omitManagedFields: false };

/** How much of a request is recorded. Nothing, where no rule fits. */
export function recordingFor(policy: AuditPolicy, request: Audited): Recording {
  const rule = policy.rules.find((each) => fits(each, request));
  if (rule === undefined) return NOTHING;
  const { level, omitStages, omitManagedFields } = rule;
  return { level, omitStages: new Set(omitStages), omitManagedFields };
}

const isIn = (list: readonly string[], value: string): boolean => list.length === 0 || list.includes(value);

function fits(rule: Rule, { user, verb, info }: Audited): boolean {
  if (rule.users.length > 0 && !rule.users.includes(user?.name ?? '\u0000')) return false;
  if (rule.userGroups.length > 0 && !user?.groups.some((group) => rule.userGroups.includes(group)))
    return false;
  if (!isIn(rule.verbs, verb)) return false;
  if (rule.namespaces.length > 0 || rule.resources.length > 0)
    return info.isResource && isIn(rule.namespaces, info.namespace) && fitsResource(rule.resources, info);
  if (rule.nonResourceURLs.length > 0)
    return !info.isResource && rule.nonResourceURLs.some((url) => fitsPath(url, info.path));
  return true;
}

const fitsPath = (url: string, path: string): boolean =>
  url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1)));

function fitsResource(
  resources: readonly GroupResources[],
  { group, resource, subresource, name }: Extract<RequestInfo, { readonly isResource: true }>,
): boolean {
  if (resources.length === 0) return true;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const isNamed = (wanted: string): boolean =>
    wanted === '*' ||
    wanted === full ||
    wanted === `${resource}/*` ||
    (subresource !== '' && wanted === `*/${subresource}`);
  return resources.some(
    (each) =>
      each.group === group &&
      (each.resources.length === 0 || (isIn(each.resourceNames, name) && each.resources.some(isNamed))),
  );
}

/** A policy file's document. Throws an Error that names the wrong field. */
export function auditPolicy(document: unknown): AuditPolicy {
  if (!isJsonObject(document)) throw new Error('the audit policy is not an object');
  const { apiVersion, kind, rules, omitStages, omitManagedFields } = document;
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy')
    throw new Error('the audit policy must be a Policy of audit.k8s.io/v1');
  if (!Array.isArray(rules) || rules.length === 0) throw new Error('the audit policy has no rules');
  const everywhere = {
    omitStages: oneOfEach(omitStages, 'omitStages', STAGES),
    omitManagedFields: booleanAt(omitManagedFields, 'omitManagedFields', false),
  };
  return { rules: rules.map((rule, i) => parseRule(rule, `rules[${i}]`, everywhere)) };
}

function parseRule(
  value: JsonValue,
  path: string,
  everywhere: Pick<Rule, 'omitStages' | 'omitManagedFields'>,
): Rule {
  if (!isJsonObject(value)) throw new Error(`${path}: must be an object`);
  const level = LEVELS.find((each) => each === value['level']);
  if (level === undefined)
    throw new Error(`${path}.level: ${JSON.stringify(value['level'])} must be one of ${LEVELS.join(', ')}`);
  const list = (name: string): readonly string[] => strings(value[name], `${path}.${name}`);
  const rule: Rule = {
    level,
    users: list('users'),
    userGroups: list('userGroups'),
    verbs: list('verbs'),
    resources: objects(value['resources'], `${path}.resources`).map((each, i) =>
      groupResources(each, `${path}.resources[${i}]`),
    ),
    namespaces: list('namespaces'),
    nonResourceURLs: list('nonResourceURLs'),
    omitStages: [...everywhere.omitStages, ...oneOfEach(value['omitStages'], `${path}.omitStages`, STAGES)],
    omitManagedFields: booleanAt(
      value['omitManagedFields'],
      `${path}.omitManagedFields`,
      everywhere.omitManagedFields,
    ),
  };
  checkRule(rule, path);
  return rule;
}

function checkRule({ nonResourceURLs, resources, namespaces }: Rule, path: string): void {
  if (nonResourceURLs.length === 0) return;
  if (resources.length > 0 || namespaces.length > 0)
    throw new Error(
      `${path}.nonResourceURLs: rules cannot apply to both regular resources and non-resource URLs`,
    );
  for (const url of nonResourceURLs) {
    if (url !== '*' && !url.startsWith('/'))
      throw new Error(`${path}.nonResourceURLs: ${JSON.stringify(url)} must begin with '/'`);
    if (url.slice(0, -1).includes('*'))
      throw new Error(`${path}.nonResourceURLs: ${JSON.stringify(url)} may have '*' only at its end`);
  }
}

function groupResources(value: JsonObject, path: string): GroupResources {
  const { group = '' } = value;
  if (typeof group !== 'string') throw new Error(`${path}.group: must be a string`);
  const resources = strings(value['resources'], `${path}.resources`);
  const resourceNames = strings(value['resourceNames'], `${path}.resourceNames`);
  if (resourceNames.length > 0 && resources.length === 0)
    throw new Error(`${path}.resourceNames: using resourceNames requires at least one resource`);
  return { group, resources, resourceNames };
}

function strings(value: JsonValue | undefined, path: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw new Error(`${path}: must be a list of strings`);
}

function objects(value: JsonValue | undefined, path: string): readonly JsonObject[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((each) => isJsonObject(each))) return value;
  throw new Error(`${path}: must be a list of objects`);
}

function oneOfEach<T extends string>(
  value: JsonValue | undefined,
  path: string,
  allowed: readonly T[],
): readonly T[] {
  return strings(value, path).map((text) => {
    const found = allowed.find((each) => each === text);
    if (found === undefined)
      throw new Error(`${path}: ${JSON.stringify(text)} must be one of ${allowed.join(', ')}`);
    return found;
  });
}

function booleanAt(value: JsonValue | undefined, path: string, fallback: boolean): boolean {
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'boolean') return value;
  throw new Error(`${path}: must be true or false`);
}
