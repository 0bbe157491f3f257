import { required } from '../../../api/errors/field-error.ts';
import { type RuntimeClass, runtimeClasses } from '../../../api/node/v1/runtime-class.ts';
import { dns1123Label, dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { immutableFaults, invalidEach } from '../rules/fields.ts';

/** Kept for kubelets, which ask for them when they start. */
export const runtimeClassDefinition: Definition<RuntimeClass> = {
  kind: runtimeClasses,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next }) => next,
    validate: ({ next: { handler }, prev }) => [
      ...(handler === '' ? [required('handler')] : invalidEach('handler', handler, dns1123Label(handler))),
      ...(prev === undefined ? [] : immutableFaults('handler', handler, prev.handler)),
    ],
  },
  columns: [
    nameColumn(),
    column('Handler', 'string', ['What the nodes call it.', ({ handler }) => handler]),
    ageColumn(),
  ],
  resourceVersion: 'optional',
};
