/**
 * `pen.probe.ts KUBECONFIG`: does what each line of its input says to an API server, and answers each with a line. A line is a JSON list of
 * Jots, which are done a few at a time.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { services } from '../../src/api/core/v1/service.ts';
import { endpointSlices } from '../../src/api/discovery/v1/endpoint-slice.ts';
import { ApiError, isNotFound } from '../../src/api/errors/api-error.ts';
import type { Kind, KubeObject } from '../../src/api/kind.ts';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client.ts';
import { transportFromKubeconfig } from '../../src/client/kubeconfig.ts';

/** An object to be as it is said, or to be gone; `put-status` writes the status alone, of an object that is there. */
export interface Jot {
  readonly do: 'put' | 'put-status' | 'remove';
  readonly object: KubeObject & { readonly kind: 'Service' | 'EndpointSlice' };
}

const AT_ONCE = 32;
/** A call whose connection breaks is made again, as any client would. */
const ATTEMPTS = 5;

async function write(client: Client, { do: what, object }: Jot): Promise<void> {
  const kind: Kind<KubeObject> = object.kind === 'Service' ? services : endpointSlices;
  const { namespace, name } = object.metadata;
  try {
    if (what === 'remove') await client.delete(kind, { namespace, name });
    else if (what === 'put') await client.update(kind, object);
    else await client.update(kind, object, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    if (what === 'put') await client.create(kind, object);
  }
}

async function writeSurely(client: Client, jot: Jot): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write(client, jot);
    } catch (error) {
      if (error instanceof ApiError || attempt === ATTEMPTS) throw error;
    }
  }
}

async function writeAll(client: Client, jots: readonly Jot[]): Promise<void> {
  const left = jots.values();
  const work = async (): Promise<void> => {
    for (const jot of left) await writeSurely(client, jot);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

if (import.meta.main) {
  const client = createClient(await transportFromKubeconfig(readFileSync(process.argv[2] ?? '', 'utf8')));
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      await writeAll(client, JSON.parse(line) as Jot[]);
      console.log('done');
    } catch (error) {
      console.log(String(error).replaceAll('\n', ' '));
    }
  }
  process.exit();
}
