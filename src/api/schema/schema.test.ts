import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment } from '../apps/v1/deployment.ts';
import type { Pod } from '../core/v1/pod.ts';
import type { Service, ServicePort } from '../core/v1/service.ts';
import type { EndpointSlice } from '../discovery/v1/endpoint-slice.ts';
import type { Lease } from '../coordination/v1/lease.ts';
import { inline, int32, list, map, message, optional, required, string, type Infer } from './schema.ts';

/** True when two types are the same, not merely assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const typesAgree = <_T extends true>(): void => undefined;

describe('the types inferred from a schema', () => {
  it('have readonly fields, required where the schema says so', () => {
    typesAgree<
      Same<
        ServicePort,
        {
          readonly name?: string;
          readonly protocol?: string;
          readonly appProtocol?: string;
          readonly port: number;
          readonly targetPort?: string | number;
          readonly nodePort?: number;
        }
      >
    >();
    typesAgree<Same<Service['metadata']['name'], string>>();
    typesAgree<Same<Service['spec']['ports'], readonly ServicePort[] | undefined>>();
    typesAgree<Same<Pod['spec']['containers'][number]['name'], string>>();
    typesAgree<Same<Deployment['spec']['template']['metadata'], Partial<Pod['metadata']> | undefined>>();
    typesAgree<Same<EndpointSlice['endpoints'][number]['addresses'], readonly string[]>>();
    typesAgree<Same<Lease['spec']['renewTime'], string | undefined>>();
  });

  it('follow lists, maps and inlined messages', () => {
    const inner = message('Inner', 'Inner.', { a: required([1, string], 'A.') });
    const outer = message('Outer', 'Outer.', {
      ...inline(1, inner),
      l: optional([2, list(inner)], 'L.'),
      m: optional([3, map(int32)], 'M.'),
    });
    typesAgree<
      Same<
        Infer<typeof outer>,
        {
          readonly a: string;
          readonly l?: readonly { readonly a: string }[];
          readonly m?: Readonly<Record<string, number>>;
        }
      >
    >();
    assert.deepEqual(Object.keys(outer.fields), ['a', 'l', 'm']);
    assert.equal(outer.fields.a.within, 1);
    assert.equal(inner.fields.a.within, undefined);
  });
});
