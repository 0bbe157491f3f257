/** What a component said it is ready for, and the one error that ends the waiting for the rest. */
export interface Readiness {
  /** Resolves once `what` was reported (also when that was before). Rejects after `fail`. */
  wait(what: string): Promise<void>;
  report(what: string): void;
  fail(error: Error): void;
}

export function createReadiness(): Readiness {
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const waiter = (what: string): PromiseWithResolvers<void> => {
    const known = waiting.get(what) ?? Promise.withResolvers<void>();
    waiting.set(what, known);
    return known;
  };
  return {
    wait: (what) => Promise.race([waiter(what).promise, failed.promise]),
    report: (what) => waiter(what).resolve(),
    fail: (error) => failed.reject(error),
  };
}
