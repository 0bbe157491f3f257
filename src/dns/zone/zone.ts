import { rcode, rrType } from '../wire/model.ts';
import type { DomainName, ResourceRecord } from '../wire/model.ts';
import { labelsOf } from '../wire/name.ts';
import { apexAnswer, nameServerAddress } from './apex-answer.ts';
import type { ClusterView } from './cluster-index.ts';
import { podAnswer } from './pod-answer.ts';
import { NODATA, NXDOMAIN, found } from './records.ts';
import type { Asked, Finding } from './records.ts';
import { parseReverseName } from './reverse-name.ts';
import { serviceAnswer } from './service-answer.ts';
import type { ServiceNames } from './service-names.ts';
import { shuffled } from './shuffled.ts';
import type { ZoneContext, ZoneOptions } from './zone-context.ts';

export interface ZoneQuestion {
  readonly name: DomainName;
  readonly type: number;
}

export interface ZoneAnswer {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
  /** The answers end in a CNAME to this name outside of the zone; whoever asks upstream adds what it says. */
  readonly outside?: DomainName;
}

/** The names of a cluster. Pure but for its random order and its clock, which are given to it. */
export interface DnsZone {
  /** Undefined when the name is not ours to answer: outside of the zone, or an address we do not know. */
  lookup(question: ZoneQuestion): ZoneAnswer | undefined;
}

/** How many CNAMEs may follow each other inside the zone. */
const MAX_CHAIN = 10;
const SOA_TTL_LIMIT_SECONDS = 300;

export function createZone(options: ZoneOptions): DnsZone {
  const context: ZoneContext = {
    ttlSeconds: 5,
    negativeTtlSeconds: 5,
    podRecords: 'insecure',
    ownAddresses: [],
    ...options,
    zone: `${options.zone.toLowerCase().replace(/\.$/, '')}.`,
  };
  const serial = createSerial(context);
  const soa = (zone: DomainName, ttl: number): ResourceRecord => ({
    name: zone,
    ttl: Math.min(ttl, SOA_TTL_LIMIT_SECONDS),
    type: 'SOA',
    mname: `ns.dns.${zone}`,
    rname: `hostmaster.${zone}`,
    serial: serial(),
    refresh: 7200,
    retry: 1800,
    expire: 86400,
    minimum: context.negativeTtlSeconds,
  });
  return {
    lookup: ({ name, type }) => {
      const zone = zoneAsSpelled(name, context.zone);
      const asked: Asked = { name, type, zone: zone ?? '', ttl: context.ttlSeconds };
      if (zone === undefined) {
        const reverse = reverseAnswer(context, asked);
        return (
          reverse && finish(context, reverse.finding, () => soa(reverse.zone, context.negativeTtlSeconds))
        );
      }
      const isSoaQuestion = type === rrType.SOA && name.length === zone.length;
      const finding = isSoaQuestion ? found([soa(zone, asked.ttl)]) : answer(context, asked, []);
      return finish(context, finding, () => soa(zone, context.negativeTtlSeconds));
    },
  };
}

/** The unix time of the last change that an answer could show; it only grows. */
function createSerial({ view, now }: ZoneContext): () => number {
  let changes = -1;
  let serial = 0;
  return () => {
    if (view.changes() !== changes) {
      changes = view.changes();
      serial = Math.max(serial + 1, Math.floor(now() / 1000));
    }
    return serial;
  };
}

/** The end of the name that is the zone, in the name's own case. */
function zoneAsSpelled(name: DomainName, zone: DomainName): DomainName | undefined {
  if (name.includes('\\')) return escapedZone(name, zone);
  const start = name.length - zone.length;
  if (start < 0 || (start > 0 && name[start - 1] !== '.')) return undefined;
  const end = name.slice(start);
  return end === zone || end.toLowerCase() === zone ? end : undefined;
}

/** A dot behind a backslash belongs to its label. */
function escapedZone(name: DomainName, zone: DomainName): DomainName | undefined {
  const end = `${labelsOf(name).slice(-labelsOf(zone).length).join('.')}.`;
  return end.toLowerCase() === zone ? end : undefined;
}

function finish(context: ZoneContext, finding: Finding, soa: () => ResourceRecord): ZoneAnswer {
  if (finding.outcome === 'nxdomain') {
    return { rcode: rcode.NXDOMAIN, answers: [], authorities: [soa()], additionals: [] };
  }
  const { answers, additionals = [], outside } = finding;
  return {
    rcode: rcode.NOERROR,
    answers: shuffled(answers, context.random),
    authorities: answers.length === 0 ? [soa()] : [],
    additionals: shuffled(additionals, context.random),
    ...(outside !== undefined && { outside }),
  };
}

/** `chain` holds the names that led here by CNAME, in lower case. */
function answer(context: ZoneContext, asked: Asked, chain: readonly string[]): Finding {
  const below = asked.name.slice(0, -asked.zone.length).toLowerCase();
  const labels = below === '' ? [] : below.slice(0, -1).split('.');
  const kind = labels.at(-1);
  switch (kind) {
    case undefined:
      return apexAnswer(context, asked);
    case 'svc':
      return svcAnswer(context, asked, { labels: labels.slice(0, -1), chain });
    case 'pod':
      return podAnswer(context, asked, labels.slice(0, -1));
    case 'dns':
      if (labels.length === 1) return NODATA;
      return labels.length === 2 && labels[0] === 'ns' ? nameServerAddress(context, asked) : NXDOMAIN;
    case 'dns-version':
      return labels.length === 1 ? versionAnswer(asked) : NXDOMAIN;
    default:
      return NXDOMAIN;
  }
}

/** The version of the DNS-Based Service Discovery specification that is followed. */
function versionAnswer({ name, type }: Asked): Finding {
  return type === rrType.TXT ? found([{ name, ttl: 28800, type: 'TXT', strings: ['1.1.0'] }]) : NODATA;
}

interface BelowSvc {
  readonly labels: readonly string[];
  readonly chain: readonly string[];
}

function svcAnswer(context: ZoneContext, asked: Asked, { labels, chain }: BelowSvc): Finding {
  const { view } = context;
  const namespace = labels.at(-1);
  if (namespace === undefined) return NODATA;
  const name = labels.at(-2);
  if (name === undefined) return view.hasNamespace(namespace) ? NODATA : NXDOMAIN;
  const service = view.service(`${namespace}/${name}`);
  const rest = labels.slice(0, -2);
  if (service === undefined) return NXDOMAIN;
  if (service.kind !== 'externalName') return serviceAnswer(view, asked, { service, labels: rest });
  return rest.length > 0 ? NXDOMAIN : externalNameAnswer(context, asked, { service, chain });
}

const FOLLOWS_CNAME: ReadonlySet<number> = new Set([rrType.A, rrType.AAAA, rrType.TXT]);

/** The CNAME, and what stands at its end when that is inside the zone; an end without records is no answer at all. */
function externalNameAnswer(
  context: ZoneContext,
  asked: Asked,
  { service, chain }: { service: ServiceNames & { kind: 'externalName' }; chain: readonly string[] },
): Finding {
  const { target } = service;
  const cname: ResourceRecord = { name: asked.name, ttl: asked.ttl, type: 'CNAME', target };
  if (asked.type === rrType.CNAME) return found([cname]);
  if (!FOLLOWS_CNAME.has(asked.type)) return NODATA;
  const zone = zoneAsSpelled(target, context.zone);
  if (zone === undefined) return { outcome: 'data', answers: [cname], outside: target };
  const passed = [...chain, asked.name.toLowerCase()];
  if (passed.length > MAX_CHAIN || passed.includes(target.toLowerCase())) return NODATA;
  const end = answer(context, { ...asked, name: target, zone }, passed);
  if (end.outcome === 'nxdomain' || end.answers.length === 0) return NODATA;
  return { ...end, answers: [cname, ...end.answers] };
}

function reverseAnswer(
  { view, zone }: ZoneContext,
  asked: Asked,
): { readonly zone: DomainName; readonly finding: Finding } | undefined {
  const reverse = parseReverseName(asked.name.toLowerCase());
  if (reverse?.address === undefined) return undefined;
  const { address } = reverse;
  const names = namesOf(view, address).map((name) => `${name}.svc.${zone}`);
  if (names.length === 0) return undefined;
  const answers = names.map((target): ResourceRecord => ({
    name: asked.name,
    ttl: asked.ttl,
    type: 'PTR',
    target,
  }));
  return { zone: reverse.zone, finding: asked.type === rrType.PTR ? found(answers) : NODATA };
}

/** `service.namespace` of a cluster IP, else `endpoint.service.namespace` of each Service that has the endpoint. */
function namesOf(view: ClusterView, address: string): string[] {
  const own = view.serviceAt(address);
  if (own !== undefined) return [`${own.name}.${own.namespace}`];
  return view.servicesWithEndpoint(address).flatMap(({ name, namespace }) => {
    const endpoint = view.endpoints(`${namespace}/${name}`).byAddress.get(address);
    return endpoint === undefined ? [] : [`${endpoint.hostname}.${name}.${namespace}`];
  });
}
