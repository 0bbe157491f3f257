import type { RequestInfo } from '../request-info.ts';
import type { RequestUser } from '../rest/rest.ts';

/** What is asked, for a decision. */
export interface Attributes {
  readonly user: RequestUser;
  readonly method: string;
  readonly info: RequestInfo;
}

export type Decision = { readonly isAllowed: true } | { readonly isAllowed: false; readonly reason: string };

/** One decision per request, after authentication and before anything is read. */
export type Authorizer = (attributes: Attributes) => Decision | Promise<Decision>;

/** Upstream's mode AlwaysAllow: who is authenticated may do everything. */
export const alwaysAllow: Authorizer = () => ({ isAllowed: true });
