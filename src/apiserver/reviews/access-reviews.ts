import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  type ResourceAttributes,
  type SelfSubjectAccessReview,
  type SubjectAccessReview,
  type SubjectAccessReviewStatus,
} from '../../api/authorization/v1/authorization.ts';
import { badRequest, invalid } from '../../api/errors/api-error.ts';
import { forbiddenField, invalidValue, required, type FieldError } from '../../api/errors/field-error.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import type { PolicyRule } from '../../api/rbac/v1/role.ts';
import { parseFieldSelector } from '../../api/selectors/field-selector.ts';
import type { Attributes, Authorizer } from '../authorization/authorize.ts';
import type { RequestUser, Resource } from '../rest/rest.ts';
import { reviewResource } from './review-resource.ts';

/** All that somebody may do in one namespace, as far as it can be listed. */
export interface ListedRules {
  readonly rules: readonly PolicyRule[];
  readonly isIncomplete: boolean;
  readonly errors: readonly string[];
}

export interface AccessReviewDeps {
  readonly authorizer: Authorizer;
  readonly rulesFor: (user: RequestUser, namespace: string) => Promise<ListedRules>;
}

type What = Pick<SelfSubjectAccessReview['spec'], 'resourceAttributes' | 'nonResourceAttributes'>;

/** SubjectAccessReview and its like: what somebody, or the asker, may do. */
export function accessReviews({ authorizer, rulesFor }: AccessReviewDeps): readonly Resource<KubeObject>[] {
  const review = async (user: RequestUser, what: What): Promise<SubjectAccessReviewStatus> => {
    const { isAllowed, isDenied, reason } = await authorizer(attributesFrom(user, what));
    return {
      allowed: isAllowed,
      ...(isDenied === true ? { denied: true } : {}),
      ...(reason === '' ? {} : { reason }),
    };
  };
  return [
    reviewResource(selfSubjectAccessReviews, async (object, { user }) => {
      check(selfSubjectAccessReviews, object, whatFaults(object.spec));
      return { ...object, status: await review(user, object.spec) };
    }),
    reviewResource(subjectAccessReviews, async (object) => {
      check(subjectAccessReviews, object, specFaults(object.spec));
      return { ...object, status: await review(subjectOf(object.spec), object.spec) };
    }),
    reviewResource(localSubjectAccessReviews, async (object, { namespace }) => {
      const { resourceAttributes } = object.spec;
      if (resourceAttributes !== undefined && (resourceAttributes.namespace ?? '') !== namespace) {
        throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
      }
      check(localSubjectAccessReviews, object, localFaults(object.spec));
      const metadata = { ...object.metadata, namespace };
      return { ...object, metadata, status: await review(subjectOf(object.spec), object.spec) };
    }),
    reviewResource(selfSubjectRulesReviews, async (object, { user }) => {
      const { namespace = '' } = object.spec;
      if (namespace === '') throw badRequest('no namespace on request');
      const { rules, isIncomplete, errors } = await rulesFor(user, namespace);
      const status = {
        resourceRules: rules.filter(({ resources = [] }) => resources.length > 0).map(resourceRule),
        nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs = [] }) =>
          nonResourceURLs.length === 0 ? [] : [{ verbs, nonResourceURLs }],
        ),
        incomplete: isIncomplete,
        ...(errors.length === 0 ? {} : { evaluationError: errors.join(', ') }),
      };
      return { ...object, status };
    }),
  ];
}

const resourceRule = ({ verbs, apiGroups, resources, resourceNames }: PolicyRule) => ({
  verbs,
  ...(apiGroups === undefined ? {} : { apiGroups }),
  ...(resources === undefined ? {} : { resources }),
  ...(resourceNames === undefined ? {} : { resourceNames }),
});

type Spec = SubjectAccessReview['spec'];

const subjectOf = ({ user = '', groups = [], uid, extra }: Spec): RequestUser => ({
  name: user,
  groups,
  ...(uid === undefined ? {} : { uid }),
  ...(extra === undefined ? {} : { extra }),
});

/** What a review asks about, for an authorizer. */
export function attributesFrom(
  user: RequestUser,
  { resourceAttributes, nonResourceAttributes }: What,
): Attributes {
  const empty = { namespace: '', group: '', version: '', resource: '', subresource: '', name: '', path: '' };
  if (resourceAttributes === undefined) {
    const { path = '', verb = '' } = nonResourceAttributes ?? {};
    return { ...empty, user, isResource: false, verb, path };
  }
  const { fieldSelector: _1, labelSelector: _2, ...named } = resourceAttributes;
  const fields = fieldsOf(resourceAttributes);
  const known = { ...empty, verb: '', ...named, user, isResource: true };
  return fields === undefined ? known : { ...known, fields };
}

function fieldsOf({ fieldSelector }: ResourceAttributes): Attributes['fields'] {
  const { rawSelector = '', requirements = [] } = fieldSelector ?? {};
  const single = requirements.flatMap(({ key, operator, values = [] }) =>
    values.length === 1 && (operator === 'In' || operator === 'NotIn')
      ? [
          {
            field: key,
            operator: operator === 'In' ? ('=' as const) : ('!=' as const),
            value: values[0] ?? '',
          },
        ]
      : [],
  );
  if (rawSelector === '') return single.length === 0 ? undefined : single;
  try {
    return parseFieldSelector(rawSelector);
  } catch {
    // As upstream: what cannot be read limits nothing.
    return undefined;
  }
}

function check(kind: Kind, { metadata }: KubeObject, faults: readonly FieldError[]): void {
  const { name, labels, annotations } = metadata as Partial<KubeObject['metadata']>;
  const isEmpty = (name ?? '') === '' && labels === undefined && annotations === undefined;
  const all = isEmpty ? faults : [...faults, invalidValue('metadata', metadata, 'must be empty')];
  if (all.length > 0) throw invalid(kind, name ?? '', all);
}

function whatFaults({ resourceAttributes, nonResourceAttributes }: What): FieldError[] {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [invalidValue('spec.nonResourceAttributes', nonResourceAttributes, detail)];
  }
  if (resourceAttributes !== undefined || nonResourceAttributes !== undefined) return [];
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [required('spec.resourceAttributes', detail)];
}

function specFaults(spec: Spec): FieldError[] {
  const isNobody = (spec.user ?? '') === '' && (spec.groups ?? []).length === 0;
  const faults = whatFaults(spec);
  return isNobody
    ? [...faults, required('spec.user', 'at least one of user or group must be specified')]
    : faults;
}

function localFaults(spec: Spec): FieldError[] {
  const faults = specFaults(spec);
  if (spec.nonResourceAttributes === undefined) return faults;
  return [...faults, forbiddenField('spec.nonResourceAttributes', 'disallowed on this kind of request')];
}
