import type { Instrument } from '../../base/instruments.ts';
import { workQueueInstruments } from '../../base/work-queue-metrics.ts';
import type { HttpResponse } from '../http/message.ts';
import type { Exposition } from './exposition.ts';

/** GET /metrics: the server's figures, and those of the work queues of its process. The library loads when first asked. */
export function metricsEndpoint(instruments: () => readonly Instrument[]): () => Promise<HttpResponse> {
  let exposition: Promise<Exposition> | undefined;
  return async () => {
    exposition ??= import('./exposition.ts').then(({ createExposition }) => createExposition());
    const { contentType, text } = await exposition;
    const body = await text([...instruments(), ...workQueueInstruments.all]);
    return { status: 200, headers: { 'content-type': contentType }, body };
  };
}
