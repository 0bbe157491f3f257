import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bool,
  filled,
  int64,
  list,
  map,
  message,
  optional,
  pointer,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

/** Questions about identities. Nothing of this is stored: the answer to a create is the object with its status. */
export const userInfo = message('io.k8s.api.authentication.v1.UserInfo', 'Who somebody is.', {
  username: optional([1, string], 'The name that identifies the user.'),
  uid: optional([2, string], 'Tells the user from others of the same name over time.'),
  groups: optional([3, list(string)], 'The groups the user is in.'),
  extra: optional([4, map(list(string))], 'More that is known of the user.'),
});
export type UserInfo = Infer<typeof userInfo>;

const tokenReviewSpec = message('io.k8s.api.authentication.v1.TokenReviewSpec', 'The token in question.', {
  token: optional([1, string], 'The bearer token.'),
  audiences: optional([2, list(string)], 'Who the token must be meant for; the API server when empty.'),
});

const tokenReviewStatus = message('io.k8s.api.authentication.v1.TokenReviewStatus', 'What the token says.', {
  authenticated: optional([1, bool], 'Whether the token is good.'),
  user: optional([2, userInfo], 'Whom it stands for.'),
  audiences: optional([4, list(string)], 'Which of the audiences it is meant for.'),
  error: optional([3, string], 'Why the token could not be checked.'),
});

export const tokenReview = message(
  'io.k8s.api.authentication.v1.TokenReview',
  'Asks whom a token stands for.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Not used.'),
    spec: required([2, tokenReviewSpec], 'The token in question.'),
    status: optional([3, tokenReviewStatus], 'The answer.'),
  },
);
export type TokenReview = Infer<typeof tokenReview>;

const boundObjectReference = message(
  'io.k8s.api.authentication.v1.BoundObjectReference',
  'The object a token lives and dies with.',
  {
    kind: optional([1, string], 'Pod, Secret or Node.'),
    apiVersion: optional([2, string], 'Group and version of the object.'),
    name: optional([3, string], 'Name of the object.'),
    uid: optional([4, string], 'UID of the object.'),
  },
);
export type BoundObjectReference = Infer<typeof boundObjectReference>;

const tokenRequestSpec = message('io.k8s.api.authentication.v1.TokenRequestSpec', 'The token wanted.', {
  audiences: required([1, list(string)], 'Who the token is meant for; the API server when empty.'),
  expirationSeconds: pointer([4, int64], 'How long it is to be good, at least 600.', { default: 3600 }),
  boundObjectRef: pointer([3, boundObjectReference], 'The object it lives and dies with.'),
});

const tokenRequestStatus = message('io.k8s.api.authentication.v1.TokenRequestStatus', 'The token made.', {
  token: required([1, string], 'The token.'),
  expirationTimestamp: required([2, time], 'When it ends.'),
});

export const tokenRequest = message(
  'io.k8s.api.authentication.v1.TokenRequest',
  'Asks for a token of a service account.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Of the service account.'),
    spec: required([2, tokenRequestSpec], 'The token wanted.'),
    status: optional([3, tokenRequestStatus], 'The token made.'),
  },
);
export type TokenRequest = Infer<typeof tokenRequest>;

const selfSubjectReviewStatus = message(
  'io.k8s.api.authentication.v1.SelfSubjectReviewStatus',
  'Who asked.',
  { userInfo: optional([1, userInfo], 'Who asked.') },
);

export const selfSubjectReview = message(
  'io.k8s.api.authentication.v1.SelfSubjectReview',
  'Asks who one is.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Not used.'),
    status: optional([2, selfSubjectReviewStatus], 'The answer.'),
  },
);
export type SelfSubjectReview = Infer<typeof selfSubjectReview>;

const shared = {
  group: 'authentication.k8s.io',
  version: 'v1',
  shortNames: [],
  categories: [],
  isNamespaced: false,
  subresources: [],
} as const;

export const tokenReviews: Kind<TokenReview> = {
  ...shared,
  kind: 'TokenReview',
  plural: 'tokenreviews',
  singular: 'tokenreview',
  schema: tokenReview,
};

export const selfSubjectReviews: Kind<SelfSubjectReview> = {
  ...shared,
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  singular: 'selfsubjectreview',
  schema: selfSubjectReview,
};

/** What `serviceaccounts/token` speaks. */
export const tokenRequests: Kind<TokenRequest> = {
  ...shared,
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  singular: 'tokenrequest',
  schema: tokenRequest,
};
