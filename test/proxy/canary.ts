import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '../../src/kernel/netns/named-netns.ts';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import { uncovered } from '../../src/testing/coverage.ts';
import type { ConnectorReport, Suspect } from './connector.probe.ts';
import type { Jot } from './pen.probe.ts';
import type { ProxyLab } from './proxy-lab.ts';

export const VIPS = { IPv4: '10.96.1.1', IPv6: 'fd00:10:96::1:1' } as const;
export const NODE_PORT = 30_080;
const families = ['IPv4', 'IPv6'] as const;
const PATIENCE_MS = 120_000;

type Object = Jot['object'];

/** A Service with endpoints in both families, on the given node port if any. */
export function serviceWith(name: string, spec: Readonly<Record<string, unknown>>): Object {
  const metadata = { name, namespace: 'default', labels: { app: name === 'web' ? 'web' : 'others' } };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec } as Object;
}

export interface Members {
  readonly ready: readonly number[];
  /** Serve still, and get nothing new as long as others are ready. */
  readonly ending?: readonly number[];
}

/** The slices of a Service, one a family. */
export function slicesWith(name: string, { ready, ending = [] }: Members): Object[] {
  return families.map((family) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${family.toLowerCase()}`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': name, app: name === 'web' ? 'web' : 'others' },
    },
    addressType: family,
    ports: [{ name: '', port: podPort, protocol: 'TCP' }],
    endpoints: [...ready, ...ending].map((n) => ({
      addresses: [labAddresses[family].pod(n)],
      nodeName: 'node-1',
      conditions: { ready: ready.includes(n), serving: true, terminating: ending.includes(n) },
    })),
  }));
}

export const canaryService = serviceWith('web', {
  type: 'NodePort',
  clusterIP: VIPS.IPv4,
  clusterIPs: [VIPS.IPv4, VIPS.IPv6],
  ipFamilyPolicy: 'RequireDualStack',
  ports: [{ port: 80, targetPort: podPort, nodePort: NODE_PORT }],
});

/** Who calls the canary how: Pods, the node itself and somebody outside, in both families. */
const CALLS: readonly (readonly [place: string, ip: string, port: number])[] = [
  ['pod1', VIPS.IPv4, 80],
  ['pod1', VIPS.IPv6, 80],
  ['node', VIPS.IPv4, 80],
  ['outside', labAddresses.IPv4.node, NODE_PORT],
  ['outside', labAddresses.IPv6.node, NODE_PORT],
];
/**
 * Source ports of the first looks, below those the kernel gives: what conntrack saw before the rules were there stays as it was for two
 * minutes, untranslated, for whoever calls from that port.
 */
const PROBE_PORT = 20_000;
/** Connections of each caller at a time. */
const AT_ONCE = 4;

/** Callers that go on until they are stopped. */
export interface Callers {
  /** All of them together, so far. */
  report(): ConnectorReport;
  /** Resolves when all callers are answered by these Pods and by no others, in as many looks as it takes. */
  meet(...pods: readonly number[]): Promise<void>;
  /** Resolves when every connection that has begun by now has ended. */
  drained(): Promise<void>;
  stop(): Promise<ConnectorReport>;
}

/** A connection that failed, or is late. */
export interface Suspicious extends Suspect {
  readonly place: string;
  readonly ip: string;
}

export interface CallersOptions {
  /** Of each caller at most; default: as many as it can. */
  readonly perSecond?: number | undefined;
  /** Told of each of the first ones as soon as it is known. */
  readonly onSuspect?: (suspicious: Suspicious) => void;
}

export interface Canary {
  /** A Pod begins to answer. */
  startPod(n: number): Promise<void>;
  killPod(n: number): Promise<void>;
  /** Writes objects, as fast as the server takes them. */
  write(...jots: readonly Jot[]): Promise<void>;
  setMembers(members: Members): Promise<void>;
  /** Resolves when the Service answers each caller. */
  isServed(): Promise<void>;
  call(options?: CallersOptions): Callers;
  /** Ends the Pods and everything else. */
  close(): Promise<void>;
}

/** A Service that is called without a pause, in a lab whose API server runs. Everything ends with the lab and the process. */
export function createCanary(lab: Pick<ProxyLab, 'packets' | 'kubeconfig'>): Canary {
  const pods = new Map<number, ChildProcess>();
  const running = new Set<ChildProcess>();
  const start = (place: string, file: string, ...args: readonly string[]): ChildProcess => {
    const child = withNetns(lab.packets.netns(place), () =>
      spawn(process.execPath, [join(import.meta.dirname, file), ...args], {
        env: { ...process.env, ...uncovered },
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  };
  const kill = async (child: ChildProcess): Promise<void> => {
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  };
  let pen: ReturnType<typeof createPen> | undefined;
  const write = (...jots: readonly Jot[]): Promise<void> =>
    (pen ??= createPen(start('node', 'pen.probe.ts', lab.kubeconfig)))(jots);
  return {
    startPod: async (n) => {
      const pod = start(`pod${n}`, 'answerer.probe.ts', `pod${n}`, String(podPort));
      pods.set(n, pod);
      if (pod.stdout !== null) await once(pod.stdout, 'data');
    },
    killPod: async (n) => {
      const pod = pods.get(n);
      if (pod !== undefined) await kill(pod);
    },
    close: async () => {
      await Promise.all([...running].map(kill));
    },
    write,
    setMembers: (members) =>
      write(...slicesWith('web', members).map((object) => ({ do: 'put', object }) as const)),
    isServed: async () => {
      const end = Date.now() + PATIENCE_MS;
      for (const [place, host, port] of CALLS)
        for (let i = 0; ; i++) {
          const sourcePort = PROBE_PORT + i;
          const call = { protocol: 'TCP', host, port, sourcePort, timeoutMs: 1500 } as const;
          if ((await lab.packets.call(place, call)).join().startsWith('pod')) break;
          if (Date.now() > end) throw new Error(`${place} does not reach ${host} port ${port}`);
        }
    },
    call: ({ perSecond = Infinity, onSuspect } = {}) =>
      createCallers(
        CALLS.map(([place, ip, port]) =>
          start(place, 'connector.probe.ts', ip, String(port), '0', String(AT_ONCE), String(perSecond)),
        ),
        onSuspect,
      ),
  };
}

function createPen(child: ChildProcess): (jots: readonly Jot[]) => Promise<void> {
  if (child.stdout === null) throw new Error('the pen has no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = lines.next();
  let last: Promise<unknown> = ready;
  return (jots) => {
    const done = last.then(async () => {
      child.stdin?.write(`${JSON.stringify(jots)}\n`);
      const { value } = (await lines.next()) as { value?: string };
      if (value !== 'done') throw new Error(`the API server did not take it: ${value ?? 'it is gone'}`);
    });
    last = done.catch(() => undefined);
    return done;
  };
}

const nothing: ConnectorReport = {
  n: 0,
  nBegun: 0,
  nBeforeOldest: 0,
  failures: {},
  answers: {},
  notes: [],
  suspects: [],
};

function sum(reports: readonly ConnectorReport[]): ConnectorReport {
  const add = (which: 'failures' | 'answers'): Record<string, number> => {
    const total: Record<string, number> = {};
    for (const report of reports)
      for (const [name, n] of Object.entries(report[which])) total[name] = (total[name] ?? 0) + n;
    return total;
  };
  const sumOf = (which: 'n' | 'nBegun' | 'nBeforeOldest'): number =>
    reports.reduce((n, report) => n + report[which], 0);
  return {
    n: sumOf('n'),
    nBegun: sumOf('nBegun'),
    nBeforeOldest: sumOf('nBeforeOldest'),
    failures: add('failures'),
    answers: add('answers'),
    notes: reports.flatMap(({ notes }) => notes),
    suspects: reports.flatMap(({ suspects }) => suspects),
  };
}

function createCallers(
  children: readonly ChildProcess[],
  onSuspect: CallersOptions['onSuspect'] = () => undefined,
): Callers {
  const names = CALLS.map(([place, ip, port]) => `${place} to ${ip} ${port}`);
  const latest = children.map(() => nothing);
  const nReports = children.map(() => 0);
  const ended = children.map((child, i) => {
    if (child.stdout === null) throw new Error('a caller has no output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const report = JSON.parse(line) as ConnectorReport;
      const [place = '', ip = ''] = CALLS[i] ?? [];
      for (const suspect of report.suspects.slice(latest[i]?.suspects.length))
        onSuspect({ ...suspect, place, ip });
      latest[i] = { ...report, notes: report.notes.map((note) => `${names[i]}: ${note}`) };
      nReports[i] = (nReports[i] ?? 0) + 1;
    });
    return once(child, 'close');
  });
  /** Each caller speaks of a time after now: a report that is under way does not. */
  const nextReports = async (): Promise<void> => {
    const wanted = nReports.map((n) => n + 2);
    const end = Date.now() + PATIENCE_MS;
    while (nReports.some((n, i) => n < (wanted[i] ?? 0))) {
      if (Date.now() > end) throw new Error('a caller says nothing any more');
      await sleep(20);
    }
  };
  const answeredBy = (before: readonly ConnectorReport[], i: number): readonly string[] =>
    Object.entries(latest[i]?.answers ?? {})
      .filter(([name, n]) => n > (before[i]?.answers[name] ?? 0))
      .map(([name]) => name);
  return {
    report: () => sum(latest),
    meet: async (...pods) => {
      const wanted = new Set(pods.map((n) => `pod${n}`));
      const end = Date.now() + PATIENCE_MS;
      /** By caller, who answered it since a stranger did last: on a slow machine one look sees few connections. */
      const met = children.map(() => new Set<string>());
      while (met.some(({ size }) => size < wanted.size)) {
        if (Date.now() > end) {
          const found = met.map((names) => [...names].join()).join(' | ');
          throw new Error(`answered by ${found} in place of ${[...wanted].join()}, or by others as well`);
        }
        const before = [...latest];
        await nextReports();
        met.forEach((names, i) => {
          const now = answeredBy(before, i);
          if (now.some((name) => !wanted.has(name))) names.clear();
          else for (const name of now) names.add(name);
        });
      }
    },
    drained: async () => {
      await nextReports();
      const begun = latest.map(({ nBegun }) => nBegun);
      while (latest.some(({ nBeforeOldest }, i) => nBeforeOldest < (begun[i] ?? 0))) await nextReports();
    },
    stop: async () => {
      for (const child of children) child.stdin?.end();
      await Promise.all(ended);
      return sum(latest);
    },
  };
}
