import type { Kind, KubeObject } from '../../kind.ts';
import { labelSelectorRequirement } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bool,
  filled,
  list,
  map,
  message,
  optional,
  pointer,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

/** Questions about rights. Nothing of this is stored: the answer to a create is the object with its status. */
const name = (kind: string): string => `io.k8s.api.authorization.v1.${kind}`;

const requirementFields = {
  key: required([1, string], 'What is compared.'),
  operator: required([2, string], 'How: In, NotIn, Exists or DoesNotExist.'),
  values: optional([3, list(string)], 'With what.'),
} as const;

const fieldSelectorAttributes = message(name('FieldSelectorAttributes'), 'Limits the question by fields.', {
  rawSelector: optional([1, string], 'As the text of a field selector.'),
  requirements: optional(
    [
      2,
      list(
        message(
          'io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement',
          'One condition on a field.',
          requirementFields,
        ),
      ),
    ],
    'As single conditions.',
  ),
});

const labelSelectorAttributes = message(name('LabelSelectorAttributes'), 'Limits the question by labels.', {
  rawSelector: optional([1, string], 'As the text of a label selector.'),
  requirements: optional([2, list(labelSelectorRequirement)], 'As single conditions.'),
});

const resourceAttributes = message(name('ResourceAttributes'), 'What would be done with a resource.', {
  namespace: optional([1, string], 'Where; "" is the whole cluster.'),
  verb: optional([2, string], 'What would be done.'),
  group: optional([3, string], 'Group of the resource; * is every group.'),
  version: optional([4, string], 'Version of the resource.'),
  resource: optional([5, string], 'Plural of the resource; * is every resource.'),
  subresource: optional([6, string], 'What stands under its objects.'),
  name: optional([7, string], 'One object; "" is all of them.'),
  fieldSelector: pointer([8, fieldSelectorAttributes], 'Limits the question by fields.'),
  labelSelector: pointer([9, labelSelectorAttributes], 'Limits the question by labels.'),
});
export type ResourceAttributes = Infer<typeof resourceAttributes>;

const nonResourceAttributes = message(name('NonResourceAttributes'), 'What would be done with a path.', {
  path: optional([1, string], 'The path.'),
  verb: optional([2, string], 'The HTTP method, in lower case.'),
});

const whatFields = {
  resourceAttributes: pointer([1, resourceAttributes], 'The question, about a resource.'),
  nonResourceAttributes: pointer([2, nonResourceAttributes], 'The question, about a path.'),
} as const;

const subjectAccessReviewSpec = message(name('SubjectAccessReviewSpec'), 'Who would do what.', {
  ...whatFields,
  user: optional([3, string], 'Name of the user.'),
  groups: optional([4, list(string)], 'Groups of the user.'),
  extra: optional([5, map(list(string))], 'More that is known of the user.'),
  uid: optional([6, string], 'UID of the user.'),
});

const selfSubjectAccessReviewSpec = message(
  name('SelfSubjectAccessReviewSpec'),
  'What the asker would do.',
  whatFields,
);

const subjectAccessReviewStatus = message(name('SubjectAccessReviewStatus'), 'Whether it is allowed.', {
  allowed: required([1, bool], 'Whether it is allowed.'),
  denied: optional([4, bool], 'Whether it is denied whatever others say.'),
  reason: optional([2, string], 'Why.'),
  evaluationError: optional([3, string], 'What could not be looked at.'),
});
export type SubjectAccessReviewStatus = Infer<typeof subjectAccessReviewStatus>;

const metadata = filled([1, objectMeta], 'Not used, but for a namespace.');
const status = optional([3, subjectAccessReviewStatus], 'The answer.');

export const subjectAccessReview = message(name('SubjectAccessReview'), 'Asks what somebody may do.', {
  ...typeMeta,
  metadata,
  spec: required([2, subjectAccessReviewSpec], 'The question.'),
  status,
});
export type SubjectAccessReview = Infer<typeof subjectAccessReview>;

const localSubjectAccessReview = message(
  name('LocalSubjectAccessReview'),
  'Asks what somebody may do in one namespace.',
  { ...typeMeta, metadata, spec: required([2, subjectAccessReviewSpec], 'The question.'), status },
);

export const selfSubjectAccessReview = message(
  name('SelfSubjectAccessReview'),
  'Asks what the asker may do.',
  { ...typeMeta, metadata, spec: required([2, selfSubjectAccessReviewSpec], 'The question.'), status },
);
export type SelfSubjectAccessReview = Infer<typeof selfSubjectAccessReview>;

const resourceRule = message(name('ResourceRule'), 'What may be done with which resources.', {
  verbs: required([1, list(string)], 'What may be done.'),
  apiGroups: optional([2, list(string)], 'Groups of the resources.'),
  resources: optional([3, list(string)], 'The resources.'),
  resourceNames: optional([4, list(string)], 'Single objects; every object when empty.'),
});

const nonResourceRule = message(name('NonResourceRule'), 'What may be done with which paths.', {
  verbs: required([1, list(string)], 'What may be done.'),
  nonResourceURLs: optional([2, list(string)], 'The paths.'),
});

const subjectRulesReviewStatus = message(name('SubjectRulesReviewStatus'), 'What may be done.', {
  resourceRules: required([1, list(resourceRule)], 'With resources, in no order.'),
  nonResourceRules: required([2, list(nonResourceRule)], 'With paths, in no order.'),
  incomplete: required([3, bool], 'Whether there may be more than the lists say.'),
  evaluationError: optional([4, string], 'What could not be looked at.'),
});

const selfSubjectRulesReviewSpec = message(name('SelfSubjectRulesReviewSpec'), 'Where the asker would act.', {
  namespace: optional([1, string], 'The namespace; it is needed.'),
});

export const selfSubjectRulesReview = message(
  name('SelfSubjectRulesReview'),
  'Asks for everything the asker may do in one namespace.',
  {
    ...typeMeta,
    metadata,
    spec: required([2, selfSubjectRulesReviewSpec], 'The question.'),
    status: optional([3, subjectRulesReviewStatus], 'The answer.'),
  },
);
export type SelfSubjectRulesReview = Infer<typeof selfSubjectRulesReview>;

const kindOf = <T extends KubeObject>(
  kind: string,
  schema: Kind<T>['schema'],
  isNamespaced = false,
): Kind<T> => ({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  shortNames: [],
  categories: [],
  isNamespaced,
  subresources: [],
  schema,
});

export const subjectAccessReviews = kindOf<SubjectAccessReview>('SubjectAccessReview', subjectAccessReview);
export const localSubjectAccessReviews = kindOf<SubjectAccessReview>(
  'LocalSubjectAccessReview',
  localSubjectAccessReview,
  true,
);
export const selfSubjectAccessReviews = kindOf<SelfSubjectAccessReview>(
  'SelfSubjectAccessReview',
  selfSubjectAccessReview,
);
export const selfSubjectRulesReviews = kindOf<SelfSubjectRulesReview>(
  'SelfSubjectRulesReview',
  selfSubjectRulesReview,
);
