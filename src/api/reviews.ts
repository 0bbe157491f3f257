import { selfSubjectReviews, tokenRequests, tokenReviews } from './authentication/v1/authentication.ts';
import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
} from './authorization/v1/authorization.ts';
import type { Kind } from './kind.ts';

/** The kinds of questions: they are created, answered and forgotten. */
export const reviewKinds: readonly Kind[] = [
  selfSubjectReviews,
  tokenReviews,
  tokenRequests,
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
];
