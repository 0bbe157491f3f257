// Programs the network namespace it runs in and prints what that took: {mode, services, endpoints} -> milliseconds and MB.
import { quantile } from '../figure.ts';
import { endpointIpOf, numberedService, openMode, serviceTo, stateOf } from './services.ts';

interface Question {
  readonly mode: string;
  readonly services: number;
  readonly endpoints: number;
}

const REPEATS = 20;
const {
  mode: name,
  services: nServices,
  endpoints: nEndpoints,
} = JSON.parse(process.argv[2] ?? '') as Question;
const services = new Map(
  Array.from({ length: nServices }, (_, n) => numberedService(n, nEndpoints)).map((s) => [s.id, s] as const),
);
const state = stateOf(services);
const mode = await openMode(name);

const timed = async (work: () => Promise<void>): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
};
const each = async (change: (i: number) => string): Promise<number> => {
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const id = change(i);
    times.push(await timed(() => mode.sync(state, new Set([id]))));
  }
  return quantile(times, 0.5);
};

const full_load = await timed(() => mode.sync(state));
const no_change = await timed(() => mode.sync(state));
const add_service = await each((i) => {
  const more = numberedService(nServices + i, nEndpoints);
  services.set(more.id, more);
  return more.id;
});
/** Another address in place of one, in Services all over the table. */
const change_endpoint = await each((i) => {
  const n = Math.floor((i * nServices) / REPEATS);
  const [, ...others] = numberedService(n, nEndpoints).frontends[0]?.endpoints ?? [];
  const other = { ip: endpointIpOf((nServices + REPEATS) * nEndpoints + i), port: 8080, isLocal: true };
  const changed = serviceTo(n, [other, ...others]);
  services.set(changed.id, changed);
  return changed.id;
});
const rss = process.memoryUsage.rss() / 1024 / 1024;
const ids = new Set(services.keys());
services.clear();
const delete_all = await timed(() => mode.sync(state, ids));
process.stdout.write(JSON.stringify({ full_load, no_change, add_service, change_endpoint, delete_all, rss }));
process.exit(0);
