import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import type { EndpointSlice } from '../api/discovery/v1/endpoint-slice.ts';
import { endpointSlicesV1beta1 } from '../api/discovery/v1beta1/endpoint-slice.ts';
import { asJson, asObject } from '../api/kind.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { isJsonObject } from '../base/json.ts';
import type { Logger } from '../base/logger.ts';
import { call } from '../client/call.ts';
import type { Transport } from '../client/transport.ts';

/** EndpointSlices in the version an API server has. */
export interface SliceSource {
  readonly kind: Kind<KubeObject>;
  readonly convert: (object: KubeObject) => EndpointSlice;
}

export const currentSlices: SliceSource = {
  kind: endpointSlices,
  convert: (object) => object as EndpointSlice,
};

/** Of Kubernetes 1.17 to 1.20, which know no other. */
const olderSlices: SliceSource = {
  kind: endpointSlicesV1beta1.kind,
  convert: (object) => asObject<EndpointSlice>(endpointSlicesV1beta1.toStored(asJson(object))),
};

/** Asks the server until it answers, or `signal` aborts. A server that does not say which versions it has gets the current one. */
export async function discoverSlices(
  transport: Transport,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<SliceSource> {
  const backoff = createBackoff({ minMs: 50, maxMs: 5_000 });
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    try {
      const headers = { accept: 'application/json' };
      const group = await call(transport, {
        method: 'GET',
        path: '/apis/discovery.k8s.io',
        headers,
        signal,
      });
      const versions = isJsonObject(group) && Array.isArray(group.versions) ? group.versions : [];
      const names = versions.map((each) => (isJsonObject(each) ? each.version : undefined));
      return names.includes('v1beta1') && !names.includes('v1') ? olderSlices : currentSlices;
    } catch (err) {
      if (signal.aborted) break;
      logger[isFirst ? 'warn' : 'debug']('cannot ask the API server what it serves, trying again', { err });
      await clock.sleep(backoff.next(), signal);
    }
  }
  return currentSlices;
}
