import { matchesFlow } from './model.ts';
import type { Conntrack, Flow } from './model.ts';

/** Flows in memory; `flows` is theirs to look at and add to. */
export function createFakeConntrack(initial: readonly Flow[] = []): Conntrack & { readonly flows: Flow[] } {
  const flows = [...initial];
  return {
    flows,
    list: async (filter) => flows.filter((flow) => matchesFlow(filter, flow)),
    delete: async ({ id }) => {
      const at = flows.findIndex((flow) => flow.id === id);
      if (at >= 0) flows.splice(at, 1);
      return at >= 0;
    },
    close: () => undefined,
  };
}
