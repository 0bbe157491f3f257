import { isJsonObject } from '../../base/json.ts';
import { parseIp } from '../../net/ip.ts';
import { parsePortRange } from '../../net/port-range.ts';
import type { PortRange } from '../../net/port-range.ts';
import { parseDecimal } from '../../net/port.ts';
import type { Balancing } from './model.ts';

type Annotations = Readonly<Record<string, string>> | undefined;

/** On a Service: `{"10.244.0.7": 3, "web-0": 0}`, shares of new connections by address or Pod name; 0 drains. */
export const ANNOTATION_WEIGHTS = 'portico.dev/weights';
/** On an EndpointSlice: the share of each of its endpoints; 0 drains them. */
export const ANNOTATION_WEIGHT = 'portico.dev/weight';
/** The same, as Cilium spells it (since 1.20). */
export const ANNOTATION_CILIUM_WEIGHT = 'service.cilium.io/weight';
/** On a Service: `http=8000-8999,rtp=10000-10999`, ports that are served with their own numbers in place of a port of that name. */
export const ANNOTATION_PORT_RANGES = 'portico.dev/port-ranges';
/** On a Service: how new connections are dealt out; see Balancing. */
export const ANNOTATION_BALANCING = 'portico.dev/balancing';

/** What people ask for beyond the fields of a Service. Faulty annotations count as absent, and are told in `problems`. */
export interface ServiceSettings {
  /** By canonical address or Pod name. */
  readonly weights: ReadonlyMap<string, number>;
  /** By the port's name. */
  readonly ranges: ReadonlyMap<string, PortRange>;
  readonly balancing?: Balancing;
  readonly problems: readonly string[];
}

const MAX_WEIGHT = 65_535;
const BALANCINGS: readonly string[] = ['random', 'round-robin', 'least-connections', 'p2c'];
const none: ServiceSettings = { weights: new Map(), ranges: new Map(), problems: [] };

/** Nearly no Service has such annotations: those share one value. */
export function serviceSettings(annotations: Annotations): ServiceSettings {
  const weights = annotations?.[ANNOTATION_WEIGHTS];
  const ranges = annotations?.[ANNOTATION_PORT_RANGES];
  const balancing = annotations?.[ANNOTATION_BALANCING];
  if (weights === undefined && ranges === undefined && balancing === undefined) return none;
  const problems: string[] = [];
  const parse = <T>(
    key: string,
    text: string | undefined,
    read: (text: string) => T | string,
  ): T | undefined => {
    if (text === undefined) return undefined;
    const value = read(text);
    if (typeof value !== 'string') return value;
    problems.push(`annotation ${key} is ignored: ${value}`);
    return undefined;
  };
  const kind = parse(ANNOTATION_BALANCING, balancing, readBalancing)?.kind;
  return {
    weights: parse(ANNOTATION_WEIGHTS, weights, readWeights) ?? none.weights,
    ranges: parse(ANNOTATION_PORT_RANGES, ranges, readRanges) ?? none.ranges,
    ...(kind === undefined ? {} : { balancing: kind }),
    problems,
  };
}

/** The share of a slice's endpoints; a text says what is wrong with it. `undefined`: nothing is said. */
export function sliceWeight(annotations: Annotations): number | string | undefined {
  for (const key of [ANNOTATION_WEIGHT, ANNOTATION_CILIUM_WEIGHT]) {
    const text = annotations?.[key];
    if (text === undefined) continue;
    return (
      parseDecimal(text, MAX_WEIGHT) ??
      `annotation ${key} is ignored: ${quoted(text)} is no number from 0 to ${MAX_WEIGHT}`
    );
  }
  return undefined;
}

/** Annotations may be long; messages are not. */
const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

function readBalancing(text: string): { readonly kind: Balancing } | string {
  return BALANCINGS.includes(text)
    ? { kind: text as Balancing }
    : `${quoted(text)} is none of ${BALANCINGS.join(', ')}`;
}

function readWeights(text: string): ReadonlyMap<string, number> | string {
  const value = parsedJson(text);
  if (!isJsonObject(value)) return `${quoted(text)} is no JSON object of numbers`;
  const weights = new Map<string, number>();
  for (const [name, weight] of Object.entries(value)) {
    if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0 || weight > MAX_WEIGHT) {
      return `the weight of ${quoted(name)} is no whole number from 0 to ${MAX_WEIGHT}`;
    }
    weights.set(parseIp(name)?.text ?? name, weight);
  }
  return weights;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const NAMED_RANGE = /^(?:([a-z0-9-]*)=)?([0-9]+-[0-9]+)$/;

function readRanges(text: string): ReadonlyMap<string, PortRange> | string {
  const ranges = new Map<string, PortRange>();
  for (const part of text.split(',')) {
    const [, name = '', numbers = ''] = NAMED_RANGE.exec(part.trim()) ?? [];
    const range = parsePortRange(numbers);
    if (range === undefined) return `${quoted(part)} is not of the form NAME=FIRST-LAST`;
    if (ranges.has(name)) return `it names the port ${quoted(name)} twice`;
    ranges.set(name, range);
  }
  return ranges;
}
