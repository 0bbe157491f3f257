import { events } from '../../../api/core/v1/event.ts';
import { type Service, services } from '../../../api/core/v1/service.ts';
import { objectKey, parseObjectKey } from '../../../api/kind.ts';
import { type IPAddress, ipAddresses } from '../../../api/networking/v1/ip-address.ts';
import { type ServiceCIDR, serviceCIDRs } from '../../../api/networking/v1/service-cidr.ts';
import { formatTime } from '../../../api/schema/time.ts';
import type { JsonObject } from '../../../base/json.ts';
import { parseIp } from '../../../net/ip.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import { claimValue } from '../generic/commit.ts';
import type { RegistryContext } from '../generic/context.ts';
import { blockContains, blocksOf } from './address-pools.ts';
import { NODE_PORT_PREFIX, type Pool } from './claims.ts';
import {
  checkAddress,
  checkService,
  fine,
  type Finding,
  holdsAddress,
  type Mend,
  portsInUse,
  type RepairView,
  type Verdict,
} from './repair-plan.ts';

export interface RepairOptions {
  readonly context: RegistryContext;
  readonly nodePorts: Pick<Pool<number>, 'range' | 'contains'>;
  /** Writes an event into the namespace. */
  readonly tell: (namespace: string, event: JsonObject) => Promise<unknown>;
}

/**
 * Compares what Services use with what is claimed, and puts the claims right: missing ones are made (so a store from
 * before there were claims is taken over), those of nobody are freed when they were seen in three passes, and what
 * only people can decide becomes an event.
 */
export interface Repair {
  /** One comparison. Rejects when the store fails. */
  pass(): Promise<void>;
  /**
   * A pass, unless this store has had one: since then every commit kept its claims. To be awaited before anything is
   * given out; what was damaged since can be looked for when there is time.
   */
  takeOver(): Promise<void>;
  /** Whether this server has made a pass. */
  hasPassed(): boolean;
}

/** Stands in stores whose claims were whole once. */
const CHECKED_KEY = '/housekeeping/claims-checked';

/** As upstream's numRepairsBeforeLeakCleanup. */
const N_LEAK_PASSES = 3;
/** Services looked at before others get a turn. */
const CHUNK = 500;
/** Where addresses were claimed before they were IPAddress objects. */
const OLD_ADDRESS_PREFIX = '/claims/ips/';
/** What etcd takes in one commit is 128. */
const MAX_REMOVED = 100;

const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type PortNotes = Map<number, { readonly holder: string; readonly revision: number }>;

export function createRepair(options: RepairOptions): Repair {
  const { context, nodePorts } = options;
  const leaks = new Map<string, number>();
  let told: ReadonlySet<string> = new Set();
  let nPasses = 0;
  const pass = async (): Promise<void> => {
    const old = await oldAddresses(context);
    const notes = await readPortNotes(context);
    const work: Work = {
      ...options,
      view: viewOf(context, nodePorts, notes),
      isMigrated: (ip) => old.has(ip),
      seen: new Set(),
      sound: new Set(),
      told,
    };
    await repairServices(work);
    await removeLeaks(work, [leaks, await readPortNotes(context)]);
    await removeOld(context, old);
    told = work.seen;
    nPasses++;
  };
  return {
    pass,
    hasPassed: () => nPasses > 0,
    async takeOver() {
      const { store } = context;
      const [checked, old] = await Promise.all([
        store.get(CHECKED_KEY),
        store.list(OLD_ADDRESS_PREFIX, { limit: 1 }),
      ]);
      if (checked !== undefined && old.entries.length === 0) return;
      await pass();
      if (checked === undefined)
        await store.commit([{ key: CHECKED_KEY, value: new TextEncoder().encode('{}') }]);
    },
  };
}

/** Calls `lost` when an IPAddress goes whose Service still has the address. Returns what ends this. */
export function watchLostAddresses(context: RegistryContext, lost: () => void): () => void {
  const { cache } = context;
  const prefix = objectPrefix(ipAddresses);
  let at = cache.revision;
  return cache.subscribe(prefix, () => {
    const changes = cache.resource(prefix).log.after(at) ?? [];
    at = cache.revision;
    for (const { key, next, prev } of changes) {
      if (next !== undefined || prev === undefined) continue;
      const { namespace = '', name = '' } = (prev as IPAddress).spec.parentRef ?? {};
      const service = tableOf(context, services).get(`${namespace}/${name}`) as Service | undefined;
      if (service !== undefined && holdsAddress(service, key)) lost();
    }
  });
}

interface Work extends RepairOptions {
  readonly view: RepairView;
  /** Whether the address was claimed in the old way, so that its new claim is no news. */
  readonly isMigrated: (ip: string) => boolean;
  /** Findings of this pass; what the last one `told` is not told again. */
  readonly seen: Set<string>;
  readonly told: ReadonlySet<string>;
  /** Addresses whose claim this pass has found to be right. */
  readonly sound: Set<string>;
}

const tableOf = ({ cache }: RegistryContext, kind: Parameters<typeof objectPrefix>[0]) =>
  cache.resource(objectPrefix(kind)).objects;

function viewOf(
  context: RegistryContext,
  nodePorts: RepairOptions['nodePorts'],
  notes: PortNotes,
): RepairView {
  // As they are when the pass begins: it looks at every Service, and these change rarely.
  const blocks = (tableOf(context, serviceCIDRs).range('', '') as ServiceCIDR[]).flatMap(blocksOf);
  return {
    address: (ip) => tableOf(context, ipAddresses).peek(ip) as IPAddress | undefined,
    service: (namespace, name) =>
      tableOf(context, services).peek(`${namespace}/${name}`) as Service | undefined,
    isInRange: (ip) => blocks.some((block) => blockContains(block, ip)),
    portHolder: (port) => notes.get(port),
    nodePorts,
  };
}

/** The notes at the node ports; memory knows at least as much as they do when it resolves. */
async function readPortNotes({ store, cache }: RegistryContext): Promise<PortNotes> {
  const { entries, revision } = await store.list(NODE_PORT_PREFIX);
  const notes: PortNotes = new Map();
  for (const { key, value, revision: written } of entries) {
    notes.set(Number(key.slice(NODE_PORT_PREFIX.length)), { holder: holderOf(value), revision: written });
  }
  await cache.atLeast(revision);
  return notes;
}

/** `namespace/name` of the Service in the note; '' when it cannot be read. */
function holderOf(value: Uint8Array): string {
  const prefix = objectPrefix(services);
  try {
    const note = JSON.parse(new TextDecoder().decode(value)) as { holder?: unknown } | null;
    const holder = note?.holder;
    return typeof holder === 'string' && holder.startsWith(prefix) ? holder.slice(prefix.length) : '';
  } catch {
    return '';
  }
}

async function repairServices(work: Work): Promise<void> {
  const table = tableOf(work.context, services);
  const keys = table.keys('', '');
  for (let i = 0; i < keys.length; i += CHUNK) {
    // As they stand now: an earlier chunk took time.
    const chunk = keys.slice(i, i + CHUNK).flatMap((key) => (table.peek(key) as Service | undefined) ?? []);
    const verdicts: { readonly service: Service; readonly verdict: Verdict }[] = [];
    for (const service of chunk) {
      const verdict = checkService(service, work.view);
      if (verdict !== fine) verdicts.push({ service, verdict });
      else for (const ip of service.spec.clusterIPs ?? []) work.sound.add(parseIp(ip)?.text ?? ip);
    }
    await Promise.all(verdicts.map(({ verdict }) => report(work, verdict.findings)));
    const again = await Promise.all(verdicts.map((each) => mendAll(work, each)));
    const lost = again.flatMap((service) => service ?? []);
    // Somebody else was quicker, perhaps another Service that uses the same: now that can be told.
    for (const service of lost) await report(work, checkService(service, work.view).findings);
    await othersTurn();
  }
}

/** The Service, when a mend came too late. */
async function mendAll(
  work: Work,
  { service, verdict }: { readonly service: Service; readonly verdict: Verdict },
): Promise<Service | undefined> {
  const done = await Promise.all(verdict.mends.map((mend) => mendOne(work, mend)));
  return done.every(Boolean) ? undefined : service;
}

async function mendOne(work: Work, { key, next, expect, finding }: Mend): Promise<boolean> {
  const { context } = work;
  const storeKey =
    next !== undefined && 'holder' in next ? objectPrefix(services) + objectKey(next.holder) : '';
  const object = next !== undefined && 'object' in next ? next.object : undefined;
  const value =
    next === undefined
      ? null
      : claimValue(context, { key, ...(object === undefined ? {} : { object }) }, storeKey);
  const result = await context.store.commit([{ key, value, expect }]);
  if (!result.ok) {
    const { revision = 0 } = result.conflicts[0]?.current ?? {};
    await context.cache.atLeast(revision);
    return false;
  }
  await context.cache.atLeast(result.revision);
  const isNews = object === undefined || !work.isMigrated(object.metadata.name);
  if (finding !== undefined && isNews) await emit(work, finding);
  return true;
}

async function removeLeaks(
  work: Work,
  [leaks, notes]: readonly [Map<string, number>, PortNotes],
): Promise<void> {
  const table = tableOf(work.context, ipAddresses);
  const found: Mend[] = [];
  for (const [i, key] of table.keys('', '').entries()) {
    // Its Service has just been found to have it, and it to name its Service.
    if (work.sound.has(key)) continue;
    if (i % CHUNK === CHUNK - 1) await othersTurn();
    const address = table.peek(key) as IPAddress | undefined;
    if (address === undefined) continue;
    const verdict = checkAddress(address, work.view);
    if (verdict.is === 'wrong') await mendOne(work, verdict.mend);
    if (verdict.is === 'leak') found.push(verdict.mend);
  }
  for (const [port, { holder, revision }] of notes) {
    const { namespace, name } = parseObjectKey(holder);
    const service = work.view.service(namespace, name);
    if (service !== undefined && portsInUse(service).includes(port)) continue;
    found.push({ key: `${NODE_PORT_PREFIX}${port}`, next: undefined, expect: revision });
  }
  const suspects = new Set(found.map(({ key }) => key));
  for (const key of leaks.keys()) if (!suspects.has(key)) leaks.delete(key);
  for (const mend of found) {
    const left = (leaks.get(mend.key) ?? N_LEAK_PASSES) - 1;
    leaks.set(mend.key, left);
    if (left > 0) continue;
    leaks.delete(mend.key);
    work.context.logger.warn('a claim of no Service was freed', { key: mend.key });
    await mendOne(work, mend);
  }
}

async function oldAddresses({ store }: RegistryContext): Promise<ReadonlySet<string>> {
  const { entries } = await store.list(OLD_ADDRESS_PREFIX);
  return new Set(entries.map(({ key }) => key.slice(OLD_ADDRESS_PREFIX.length)));
}

async function removeOld({ store }: RegistryContext, old: ReadonlySet<string>): Promise<void> {
  const keys = [...old].map((ip) => OLD_ADDRESS_PREFIX + ip);
  for (let i = 0; i < keys.length; i += MAX_REMOVED) {
    await store.commit(keys.slice(i, i + MAX_REMOVED).map((key) => ({ key, value: null })));
  }
}

async function report(work: Work, findings: readonly Finding[]): Promise<void> {
  for (const finding of findings) {
    const key = `${finding.about.metadata.uid}/${finding.reason}/${finding.message}`;
    work.seen.add(key);
    if (!work.told.has(key)) await emit(work, finding);
  }
}

async function emit({ context, tell }: Work, { about, reason, action, message }: Finding): Promise<void> {
  const { name, namespace = '', uid, resourceVersion } = about.metadata;
  const component = reason.startsWith('Port')
    ? 'portallocator-repair-controller'
    : 'ipallocator-repair-controller';
  const nowMs = context.clock.now();
  const involvedObject = {
    apiVersion: about.apiVersion ?? '',
    kind: about.kind ?? '',
    name,
    ...(namespace === '' ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  context.logger.warn(message, { reason, object: namespace === '' ? name : `${namespace}/${name}` });
  const event = {
    apiVersion: 'v1',
    kind: events.kind,
    metadata: { name: `${name}.${crypto.randomUUID().replaceAll('-', '').slice(0, 16)}` },
    involvedObject,
    reason,
    message,
    action,
    type: 'Warning',
    eventTime: formatTime(nowMs, 6),
    reportingComponent: component,
    reportingInstance: component,
  };
  await tell(namespace === '' ? 'default' : namespace, event).catch((error: unknown) =>
    context.logger.warn('an event could not be written', { err: error }),
  );
}
