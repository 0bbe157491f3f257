import type { Namespace } from '../../../api/core/v1/namespace.ts';
import { type Strategy, withStatusOf } from '../strategy.ts';
import { finalizerFaults, namespaceStatusFaults } from './validation.ts';

/** The namespace controller removes it when the namespace is empty. */
const FINALIZER = 'kubernetes';
/** Selects a namespace by its name where only labels can be selected by. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

const withNameLabel = (next: Namespace): Namespace => {
  const { labels, name } = next.metadata;
  if (labels?.[NAME_LABEL] === name) return next;
  return { ...next, metadata: { ...next.metadata, labels: { ...labels, [NAME_LABEL]: name } } };
};

/** The finalizers of the spec only change through `/finalize`. */
export const namespaceStrategy: Strategy<Namespace> = {
  prepare({ next, prev }) {
    const named = withNameLabel(next);
    if (prev !== undefined) {
      const written = withStatusOf(named, prev);
      return prev.spec === undefined ? written : { ...written, spec: prev.spec };
    }
    const finalizers = new Set([FINALIZER, ...(next.spec?.finalizers ?? [])]);
    return { ...named, spec: { finalizers: [...finalizers] }, status: { phase: 'Active' } };
  },
  validate: ({ next, prev }) => (prev === undefined ? finalizerFaults(next) : []),
};

export const namespaceStatusStrategy: Strategy<Namespace> = {
  prepare: ({ next, prev }) =>
    prev === undefined
      ? next
      : { ...prev, metadata: next.metadata, ...(next.status && { status: next.status }) },
  validate: ({ next }) => namespaceStatusFaults(next),
};

export const namespaceFinalizeStrategy: Strategy<Namespace> = {
  prepare: ({ next, prev }) => ({ ...(prev ?? next), metadata: next.metadata, spec: next.spec ?? {} }),
  validate: ({ next }) => finalizerFaults(next),
};
