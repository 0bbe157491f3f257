/** What a component said it is ready for, and the one error that ends the waiting for the rest. */
export interface Readiness {
  /** Resolves once `what` was reported (also when that was before). Rejects after `fail`. */
  wait(what: string): Promise<void>;
  report(what: string): void;
  /** Whether anything was reported yet. */
  hasAny(): boolean;
  fail(error: Error): void;
}

export function createReadiness(): Readiness {
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  let hasAny = false;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const waiter = (what: string): PromiseWithResolvers<void> => {
    const known = waiting.get(what) ?? Promise.withResolvers<void>();
    waiting.set(what, known);
    return known;
  };
  return {
    wait: (what) => Promise.race([waiter(what).promise, failed.promise]),
    report: (what) => {
      hasAny = true;
      waiter(what).resolve();
    },
    hasAny: () => hasAny,
    fail: (error) => failed.reject(error),
  };
}
