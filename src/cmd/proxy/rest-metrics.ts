import { createCounter, createHistogram } from '../../base/instruments.ts';
import type { Instrument } from '../../base/instruments.ts';
import type { Clock } from '../../base/clock.ts';
import type { Transport } from '../../client/transport.ts';

/** Buckets of client-go (component-base/metrics/prometheus/restclient). */
const SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0];

/** A transport whose requests are counted, with client-go's names. `host` is the server's. */
export function measuredTransport(
  inner: Transport,
  { host, clock }: { readonly host: string; readonly clock: Clock },
): { readonly transport: Transport; readonly instruments: readonly Instrument[] } {
  const total = createCounter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labels: ['code', 'host', 'method'],
  });
  const duration = createHistogram(
    {
      name: 'rest_client_request_duration_seconds',
      help: 'Request latency in seconds. Broken down by verb, and host.',
      labels: ['host', 'verb'],
    },
    SECONDS,
  );
  const transport: Transport = {
    request: async (request) => {
      const startedMs = clock.now();
      let code = '<error>';
      try {
        const response = await inner.request(request);
        code = String(response.status);
        return response;
      } finally {
        total.add([code, host, request.method]);
        duration.observe([host, request.method], (clock.now() - startedMs) / 1000);
      }
    },
    close: () => inner.close(),
  };
  return { transport, instruments: [total, duration] };
}
