import type { CertificateSigningRequest } from '../../../api/certificates/v1/certificate-signing-request.ts';
import type { Strategy } from '../strategy.ts';
import {
  type Condition,
  type Door,
  type Readers,
  signingRequestFaults,
  statusChangeFaults,
} from './validation.ts';

type Conditions = readonly Condition[];

const conditionsOf = ({ status }: CertificateSigningRequest): Conditions => status?.conditions ?? [];

/** With the times that are missing; the status of a condition that was there changed when it did then. */
const timed =
  (prev: Conditions, now: string) =>
  (condition: Condition): Condition => {
    const standing = prev.find(({ type, status }) => type === condition.type && status === condition.status);
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? standing?.lastTransitionTime ?? now,
    };
  };

/** Approvals and denials as they stand, where as many are there: what differs in them does not count. */
function withApprovalsOf(prev: Conditions, next: Conditions): Conditions {
  let kept = next;
  for (const wanted of ['Approved', 'Denied']) {
    const standing = prev.filter(({ type }) => type === wanted);
    if (kept.filter(({ type }) => type === wanted).length !== standing.length) continue;
    const rest = [...standing];
    kept = kept.map((condition) => (condition.type === wanted ? (rest.shift() ?? condition) : condition));
  }
  return kept;
}

/** A request never changes but for its status; approval and the signer's part have doors of their own. */
export function certificateStrategies(
  now: () => string,
  readers: Readers,
): Readonly<Record<Door, Strategy<CertificateSigningRequest>>> {
  const validate =
    (door: Door): Strategy<CertificateSigningRequest>['validate'] =>
    ({ next, prev }) => [
      ...signingRequestFaults(next, prev, readers),
      ...(prev === undefined ? [] : statusChangeFaults(next, prev, door)),
    ];
  const withConditions = (
    object: CertificateSigningRequest,
    conditions: Conditions,
  ): CertificateSigningRequest['status'] => {
    const { conditions: _, ...status } = object.status ?? {};
    return conditions.length === 0 ? status : { ...status, conditions };
  };
  return {
    main: {
      prepare: ({ next, prev }) => {
        const { status: _, ...rest } = next;
        if (prev === undefined) return { ...rest, status: {} };
        return { ...prev, metadata: next.metadata };
      },
      validate: validate('main'),
    },
    status: {
      prepare: ({ next, prev }) => {
        if (prev === undefined) return next;
        const kept = withApprovalsOf(conditionsOf(prev), conditionsOf(next));
        const status = withConditions(next, kept.map(timed(conditionsOf(prev), now())));
        return { ...prev, metadata: next.metadata, ...(status === undefined ? {} : { status }) };
      },
      validate: validate('status'),
    },
    approval: {
      prepare: ({ next, prev }) => {
        if (prev === undefined) return next;
        const conditions = conditionsOf(next).map(timed(conditionsOf(prev), now()));
        const status = withConditions(prev, conditions);
        return { ...prev, metadata: next.metadata, ...(status === undefined ? {} : { status }) };
      },
      validate: validate('approval'),
    },
  };
}
