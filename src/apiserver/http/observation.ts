import type { RequestInfo } from '../request-info.ts';
import type { RequestUser } from '../rest/rest.ts';
import type { HttpRequest, HttpResponse } from './message.ts';
import { isStream } from './message.ts';
import { endingStream } from './streams.ts';

/** What looks on while one request is answered; it decides nothing. Called in this order, each at most once. */
export interface Observation {
  /** What is asked, before anything else is known. Not called for a path that cannot be read. */
  asked?(info: RequestInfo, query: URLSearchParams): void;
  /** Who asks: the request to go on with, whose body may be looked at while it is read. Rejects to refuse it. */
  identified?(user: RequestUser, request: HttpRequest): HttpRequest | Promise<HttpRequest>;
  /** Whom that user is taken for from here on. */
  impersonated?(user: RequestUser): void;
  /** The answer to be sent. `isUnexpected`: it stands for an error nobody meant. */
  answered(response: HttpResponse, isUnexpected: boolean): HttpResponse | Promise<HttpResponse>;
}

export type Observe = (request: HttpRequest) => Observation;

/** One observer out of several; undefined for none. */
export function observeWith(all: readonly Observe[]): Observe | undefined {
  const [first, ...rest] = all;
  if (first === undefined || rest.length === 0) return first;
  return (request) => {
    const each = all.map((observe) => observe(request));
    return {
      asked: (info, query) => each.forEach((one) => one.asked?.(info, query)),
      identified: async (user, given) => {
        let request = given;
        for (const one of each) request = (await one.identified?.(user, request)) ?? request;
        return request;
      },
      impersonated: (user) => each.forEach((one) => one.impersonated?.(user)),
      answered: async (given, isUnexpected) => {
        let response = given;
        for (const one of each) response = await one.answered(response, isUnexpected);
        return response;
      },
    };
  };
}

/** The same response; `ended` is called when all of a stream has been taken or its reader has gone, else at once. */
export function whenSent(response: HttpResponse, ended: () => void): HttpResponse {
  if (!isStream(response.body)) {
    ended();
    return response;
  }
  return { ...response, body: endingStream(response.body, ended) };
}
