import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import type { PeerCall } from '../../src/testing/packet-peer.ts';
import type { Jot } from './pen.probe.ts';
import type { ProxyLab } from './proxy-lab.ts';

export type Family = 'IPv4' | 'IPv6';
export const families: readonly Family[] = ['IPv4', 'IPv6'];
type Named = Jot['object'];

const PATIENCE_MS = 120_000;
/** Who expects silence waits so long for it; who expects an answer asks again. */
const SILENCE_MS = 700;
const ANSWER_MS = 5000;
/** Calls for each Pod that is to be met; when one is missed by chance they are made again. */
const CALLS_PER_POD = 5;
/** One after the other must be as expected: the first of them may be so by chance before a change is there. */
const LOOKS = 2;
const EVERY_MS = 100;

/** Addresses and ports of the Service with this number in a table of cases. */
export const vip = (family: Family, n: number): string =>
  family === 'IPv4' ? `10.96.7.${n}` : `fd00:10:96::7:${n}`;
/** An address from outside, for external IPs and load balancers. */
export const outerIp = (family: Family, n: number): string =>
  family === 'IPv4' ? `10.96.8.${n}` : `fd00:10:96::8${n}`;
export const nodePortOf = (n: number): number => 31_000 + n;
export const bothVips = (n: number): object => ({
  clusterIP: vip('IPv4', n),
  clusterIPs: families.map((family) => vip(family, n)),
  ipFamilyPolicy: 'RequireDualStack',
  ipFamilies: families,
});

/** TCP and UDP on port 80, on the node port of that number if there is one. */
export const bothProtocols = (nodePort?: number): object[] =>
  ['TCP', 'UDP'].map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    targetPort: podPort,
    ...(nodePort !== undefined && { nodePort }),
  }));

export interface ServiceNote {
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A Service of both families and protocols with the addresses of its number. */
export function service(name: string, n: number, { spec = {}, annotations = {} }: ServiceNote = {}): Named {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', annotations },
    spec: { ...bothVips(n), ports: bothProtocols(), ...spec },
  } as Named;
}

export interface EndpointNote {
  readonly pod: number;
  /** Default node-1, where the proxy is. */
  readonly node?: string;
  readonly zones?: readonly string[];
  readonly nodes?: readonly string[];
  /** Of those that are not simply ready. */
  readonly is?: 'ending' | 'gone';
}

const conditions = {
  ready: { ready: true, serving: true, terminating: false },
  ending: { ready: false, serving: true, terminating: true },
  gone: { ready: false, serving: false, terminating: true },
} as const;

const hintsOf = ({ zones, nodes }: EndpointNote): object | undefined =>
  zones === undefined && nodes === undefined
    ? undefined
    : {
        ...(zones && { forZones: zones.map((name) => ({ name })) }),
        ...(nodes && { forNodes: nodes.map((name) => ({ name })) }),
      };

/** The slices of a Service, one a family; of TCP and UDP unless other ports are given. */
export function slices(
  name: string,
  notes: readonly (number | EndpointNote)[],
  ports: readonly object[] = ['TCP', 'UDP'].map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: podPort,
  })),
): Named[] {
  const all = notes.map((note) => (typeof note === 'number' ? { pod: note } : note));
  return families.map(
    (family) =>
      ({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: `${name}-${family.toLowerCase()}`,
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': name },
        },
        addressType: family,
        ports,
        endpoints: all.map((note) => ({
          addresses: [labAddresses[family].pod(note.pod)],
          nodeName: note.node ?? 'node-1',
          zone: note.node === undefined ? 'a' : 'b',
          conditions: conditions[note.is ?? 'ready'],
          ...(hintsOf(note) && { hints: hintsOf(note) }),
        })),
      }) as Named,
  );
}

/**
 * What becomes of calls: the Pods that answer, all of them and no others; `refused` at once; `dropped` without a word; `nobody` answers,
 * however that shows.
 */
export type Outcome = readonly number[] | 'refused' | 'dropped' | 'nobody';

export interface Expectation {
  readonly from: string;
  readonly to: string;
  readonly port?: number;
  /** Default TCP. */
  readonly protocol?: 'TCP' | 'UDP';
  readonly sourcePort?: number;
  readonly by: Outcome;
  /** The only source address that the Pods see. */
  readonly seen?: string;
}

/** A refusal by the caller's own node shows so for a datagram. */
const REFUSALS: readonly string[] = ['ECONNREFUSED', 'EPERM'];

function callOf({ from: _, to, port = 80, protocol = 'TCP', sourcePort, by }: Expectation): PeerCall {
  const n = typeof by === 'string' ? 1 : CALLS_PER_POD * by.length;
  const isQuiet = by === 'dropped' || by === 'nobody';
  const timeoutMs = isQuiet ? SILENCE_MS : ANSWER_MS;
  return { protocol, host: to, port, n, timeoutMs, ...(sourcePort !== undefined && { sourcePort }) };
}

/** What is not as expected in these answers; '' = nothing. */
function differs({ by, seen }: Expectation, answers: readonly string[]): string {
  const isAll = (isRight: (answer: string) => boolean): string =>
    answers.every(isRight) ? '' : [...new Set(answers)].join();
  if (by === 'refused') return isAll((answer) => REFUSALS.includes(answer));
  if (by === 'dropped') return isAll((answer) => answer === 'timeout');
  if (by === 'nobody') return isAll((answer) => !answer.startsWith('pod'));
  const names = by.map((pod) => `pod${pod}`);
  const wrong = isAll((answer) => {
    const [name = '', source] = answer.split(' ');
    return names.includes(name) && (seen === undefined || source === seen);
  });
  const met = new Set(answers.map((answer) => answer.split(' ')[0] ?? ''));
  return wrong !== '' || met.size === names.length ? wrong : `only ${[...met].join()}`;
}

/** A Pod, a node and a machine outside that call, and a hand that writes what they call. */
export interface Stage {
  readonly lab: ProxyLab;
  put(...objects: readonly (Named | readonly Named[])[]): Promise<void>;
  putStatus(object: Named): Promise<void>;
  remove(...objects: readonly (Named | readonly Named[])[]): Promise<void>;
  /** Resolves once everything was as expected in looks that follow each other; rejects when that takes too long. */
  expect(...expectations: readonly Expectation[]): Promise<void>;
  until(what: string, isSo: () => Promise<boolean>): Promise<void>;
}

export function createStage(lab: ProxyLab, write: (...jots: readonly Jot[]) => Promise<void>): Stage {
  const jot = (what: Jot['do'], objects: readonly (Named | readonly Named[])[]): Promise<void> =>
    write(...objects.flat().map((object) => ({ do: what, object })));
  const ask = (expectation: Expectation): Promise<string[]> =>
    lab.packets.ask(expectation.from, callOf(expectation));
  const settle = async (expectation: Expectation): Promise<void> => {
    const { from, to, port = 80, protocol = 'TCP', by } = expectation;
    const end = Date.now() + PATIENCE_MS;
    const what = `${from} to ${to} ${protocol} ${port}: ${typeof by === 'string' ? by : `pods ${by.join()}`}`;
    for (let nRight = 0; nRight < LOOKS; await sleep(EVERY_MS)) {
      const wrong = differs(expectation, await ask(expectation));
      nRight = wrong === '' ? nRight + 1 : 0;
      assert.ok(nRight > 0 || Date.now() < end, `${what}, not ${wrong}`);
    }
  };
  return {
    lab,
    put: (...objects) => jot('put', objects),
    putStatus: (object) => jot('put-status', [object]),
    remove: (...objects) => jot('remove', objects),
    expect: async (...expectations) => void (await Promise.all(expectations.map(settle))),
    until: async (what, isSo) => {
      for (const end = Date.now() + PATIENCE_MS; !(await isSo()); await sleep(50))
        assert.ok(Date.now() < end, `it took too long until ${what}`);
    },
  };
}
