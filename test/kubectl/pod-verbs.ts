import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from '../../src/testing/test-cluster.ts';
import { slug, twoAtATime } from './battery-patients.ts';
import { serviceSamples } from './battery-services.ts';
import { selectorOfAll } from './battery-objects.ts';
import type { Case, Kubectl } from './kubectl-cases.ts';
import type { Manifest } from './manifests.ts';

/** Where the program below listens: what the Services of the samples lead to. */
const PORTS = [80, 3868, 9376];

/** Says `hello` once and `tick` for ever, and answers HTTP on each port with the port's number. */
const program = `
  console.log('hello');
  setInterval(() => console.log('tick'), 100);
  const { createServer } = require('node:http');
  const listening = ${JSON.stringify(PORTS)}.map((port) => new Promise((resolve) =>
    createServer((_, answer) => answer.end(process.env.WHO + ' on ' + port)).listen(port, resolve)));
  Promise.all(listening).then(() => createServer((_, answer) => answer.end()).listen(8086));`;

const podSpec = (who: string, more: Manifest = {}): Manifest => ({
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: 'main',
      image: 'host',
      command: [process.execPath, '-e', program],
      env: [{ name: 'WHO', value: who }],
      ports: [{ name: 'http-web-svc', containerPort: 9376 }],
      readinessProbe: { tcpSocket: { port: 8086 }, periodSeconds: 1 },
    },
  ],
  ...more,
});

/** Something that kubectl finds a Pod by. */
interface Lead {
  /** `service/NAME`. */
  readonly target: string;
  /** What the Pod calls itself; undefined where there is none to find. */
  readonly who: string | undefined;
  readonly port: number;
  readonly portName?: string;
  /** What the Pod gets for that port. */
  readonly targetPort: number;
  readonly manifest: Manifest;
}

/** The fields that a cluster of one family with the default admissions and ranges grants. */
function grantable({
  externalIPs: _external,
  ipFamilies: _families,
  ipFamilyPolicy: _policy,
  clusterIP,
  ...spec
}: Manifest): Manifest {
  return clusterIP === 'None' ? { ...spec, clusterIP } : spec;
}

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
}

function serviceLeads(): readonly Lead[] {
  return Object.entries(serviceSamples).map(([sentence, { object }]) => {
    const name = slug(sentence).replace(/-$/, '');
    const spec = grantable(object['spec'] as Manifest);
    const [first = { port: 80 }] = (spec['ports'] ?? []) as readonly ServicePort[];
    const { port, targetPort = port, name: portName } = first;
    return {
      target: `service/${name}`,
      who: spec['selector'] === undefined ? undefined : 'selected',
      port,
      ...(portName === undefined ? {} : { portName }),
      targetPort: targetPort === 'http-web-svc' ? 9376 : Number(targetPort),
      manifest: { ...object, metadata: { ...object.metadata, name }, spec },
    };
  });
}

/** One Pod of each kind of workload. */
function workloadLeads(): readonly Lead[] {
  const lead = (kind: string, apiVersion: string, more: Manifest = {}): Lead => {
    const who = kind.toLowerCase();
    const labels = { owner: who };
    const template = { metadata: { labels }, spec: podSpec(who) };
    const spec = { selector: { matchLabels: labels }, template, ...more };
    const manifest = { apiVersion, kind, metadata: { name: 'w' }, spec };
    return { target: `${who}/w`, who, port: 9376, targetPort: 9376, manifest };
  };
  const job = { selector: undefined, template: { spec: podSpec('job', { restartPolicy: 'Never' }) } };
  return [
    lead('Deployment', 'apps/v1'),
    lead('ReplicaSet', 'apps/v1'),
    lead('StatefulSet', 'apps/v1', { serviceName: 'w' }),
    lead('DaemonSet', 'apps/v1'),
    lead('ReplicationController', 'v1', { selector: { owner: 'replicationcontroller' } }),
    lead('Job', 'batch/v1', job),
  ];
}

/** Runs kubectl, and does `act` with it once it has printed what `wanted` matches; fails when it ends before. */
async function during(
  { cluster, namespace }: Kubectl,
  line: string,
  { wanted, act }: { readonly wanted: RegExp; readonly act: (match: RegExpExecArray) => Promise<void> },
): Promise<void> {
  const KUBECACHEDIR = join(cluster.root, 'kubectl-cache');
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, KUBECACHEDIR, GOGC: 'off' };
  const child = spawn('kubectl', ['-n', namespace, ...line.split(' ')], { env });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let [printed, errors] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  try {
    const match = await new Promise<RegExpExecArray>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        const found = wanted.exec(printed);
        if (found !== null) resolve(found);
      });
      void ended.then(() => reject(new Error(`kubectl ${line} ended:\n${printed}\n${errors}`)));
    });
    await act(match);
  } finally {
    child.kill();
    await ended;
  }
}

/** The status and the body. */
const get = async (url: string): Promise<readonly [number, string]> => {
  const answer = await fetch(url, { headers: { connection: 'close' } });
  return [answer.status, await answer.text()];
};

/** What kubectl says of a Service that selects nothing, after how it calls what it was to do. */
const refused = (doing: string, { target }: Lead): string =>
  `error: cannot ${doing} *v1.Service: invalid service '${target.slice('service/'.length)}': Service is defined without a selector`;

/** What each verb does with something that leads to a Pod, and to none. */
const verbs: Readonly<Record<string, (kubectl: Kubectl, lead: Lead) => Promise<void>>> = {
  logs: async (kubectl, lead) => {
    const line = `logs ${lead.target} --limit-bytes=6`;
    if (lead.who === undefined) assert.equal(await kubectl.refuses(line), refused('get the logs from', lead));
    else assert.equal(await kubectl.ok(line), 'hello', lead.target);
  },
  exec: async (kubectl, lead) => {
    const line = `exec ${lead.target} -- sh -c 'echo $WHO'`;
    if (lead.who === undefined) assert.equal(await kubectl.refuses(line), refused('attach to', lead));
    else assert.equal(await kubectl.ok(line), lead.who, lead.target);
  },
  attach: async (kubectl, lead) => {
    const line = `attach ${lead.target}`;
    if (lead.who === undefined) assert.equal(await kubectl.refuses(line), refused('attach to', lead));
    else await during(kubectl, line, { wanted: /^tick$/m, act: () => Promise.resolve() });
  },
  'port-forward': async (kubectl, lead) => {
    const line = `port-forward ${lead.target} :${lead.port}`;
    if (lead.who === undefined) {
      assert.equal(await kubectl.refuses(line), refused('attach to', lead));
      return;
    }
    // kubectl takes a headless Service's port for the Pod's.
    const isHeadless = (lead.manifest['spec'] as Manifest)['clusterIP'] === 'None';
    const targetPort = isHeadless ? lead.port : lead.targetPort;
    await during(kubectl, line, {
      wanted: /Forwarding from 127\.0\.0\.1:(\d+) -> (\d+)/,
      act: async ([, local, remote]) => {
        assert.equal(Number(remote), targetPort, lead.target);
        const answer = await get(`http://127.0.0.1:${local}/`);
        assert.deepEqual(answer, [200, `${lead.who} on ${targetPort}`], lead.target);
      },
    });
  },
};

/** The same over the API server's own way to a Service. */
async function viaApiServer(kubectl: Kubectl, services: readonly Lead[]): Promise<void> {
  const pathOf = ({ target, port, portName }: Lead): string =>
    `/api/v1/namespaces/${kubectl.namespace}/services/${target.slice('service/'.length)}:${portName ?? port}/proxy/`;
  const said = ({ who, targetPort }: Lead): string => `${who} on ${targetPort}`;
  const unavailable = /no (endpoints available|service port 80 found) for service/;
  await during(kubectl, 'proxy --port=0', {
    wanted: /Starting to serve on (\S+)/,
    act: async ([, address]) => {
      for (const lead of services) {
        const [status, text] = await get(`http://${address}${pathOf(lead)}`);
        if (lead.who !== undefined) assert.deepEqual([status, text], [200, said(lead)], lead.target);
        else assert.deepEqual([status, unavailable.test(text)], [503, true], text);
      }
    },
  });
  await twoAtATime(services, async (lead) => {
    const line = `get --raw ${pathOf(lead)}`;
    if (lead.who !== undefined) assert.equal(await kubectl.ok(line), said(lead));
    else assert.match(await kubectl.refuses(line), unavailable);
  });
}

/** What reaches a Pod by way of something else, on one Pod for all Services and one for each kind of workload. */
export const podVerbs: Readonly<Record<string, Case>> = {
  'logs, exec, attach, port-forward and proxy by every Service and every workload': async (kubectl) => {
    const services = serviceLeads();
    const leads = [...services, ...workloadLeads()];
    const metadata = { name: 'selected', labels: selectorOfAll };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec('selected') };
    await kubectl.ok('create -f -', [pod, ...leads.map(({ manifest }) => manifest)]);
    const isReady = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
    const areReady = async (): Promise<true | undefined> =>
      (await kubectl.ok(`get pods -o 'jsonpath=${isReady}'`)) === 'True True True True True True True' ||
      undefined;
    await eventually('seven Pods', areReady, 60_000);
    for (const act of Object.values(verbs)) await twoAtATime(leads, (lead) => act(kubectl, lead));
    await viaApiServer(kubectl, services);
  },
};
