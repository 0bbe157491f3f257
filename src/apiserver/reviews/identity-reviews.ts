import {
  selfSubjectReviews,
  tokenReviews,
  type UserInfo,
} from '../../api/authentication/v1/authentication.ts';
import { badRequest } from '../../api/errors/api-error.ts';
import type { KubeObject } from '../../api/kind.ts';
import { quotedList } from '../authorization/rules.ts';
import type { RequestUser, Resource } from '../rest/rest.ts';
import { reviewResource } from './review-resource.ts';

/** Whom a token stands for and whom it is meant for; undefined when it is not good. */
export type TokenIdentity = (
  token: string,
) => Promise<{ readonly user: RequestUser; readonly audiences: readonly string[] } | undefined>;

export interface IdentityReviewDeps {
  readonly identify: TokenIdentity;
  /** What the server calls itself. */
  readonly audiences: readonly string[];
}

/** TokenReview (whom a token stands for) and SelfSubjectReview (who asks). */
export function identityReviews({
  identify,
  audiences,
}: IdentityReviewDeps): readonly Resource<KubeObject>[] {
  return [
    reviewResource(selfSubjectReviews, async (object, { user }) => ({
      ...object,
      status: { userInfo: userInfoOf(user) },
    })),
    reviewResource(tokenReviews, async (object) => {
      const { token = '', audiences: asked = [] } = object.spec;
      if (token === '') throw badRequest('token is required for TokenReview in authentication');
      const wanted = asked.length === 0 ? audiences : asked;
      const found = await identify(token);
      if (found === undefined) return { ...object, status: { user: {}, error: 'invalid bearer token' } };
      const meant = wanted.filter((audience) => found.audiences.includes(audience));
      if (meant.length === 0) {
        const error = `token audiences ${quotedList(found.audiences)} is invalid for the target audiences ${quotedList(wanted)}`;
        return { ...object, status: { user: {}, error } };
      }
      return { ...object, status: { authenticated: true, user: userInfoOf(found.user), audiences: meant } };
    }),
  ];
}

const userInfoOf = ({ name, uid, groups, extra }: RequestUser): UserInfo => ({
  username: name,
  ...(uid === undefined ? {} : { uid }),
  groups,
  ...(extra === undefined ? {} : { extra }),
});
