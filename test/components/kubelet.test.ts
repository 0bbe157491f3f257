import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { createPki, pkiFiles } from '../../src/apiserver/pki/pki.ts';
import { realClock } from '../../src/base/clock.ts';
import { mount, MS_BIND } from '../../src/kernel/libc/mounts.ts';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { eventually } from '../../src/testing/test-cluster.ts';
import { startProgram, type Program } from '../stores/programs.ts';
import { describeWith, startComponent, startServer, whyNot } from './components.ts';
import type { Component, ServerPlace } from './components.ts';
import { service } from './manifests.ts';

const programs = ['kubelet', 'paper-runtime'];
if (whyNot(programs) === undefined) inSandbox(import.meta.filename);

/** On a busy machine these programs need a while. */
const LONG_MS = 60_000;

/** What a kubelet wants of a machine; a sandbox may not change it, but may show something else to it. */
const SYSCTLS = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
};

function showSysctls(dir: string): void {
  for (const [name, value] of Object.entries(SYSCTLS)) {
    const file = join(dir, name.replaceAll('/', '_'));
    writeFileSync(file, `${value}\n`);
    mount({ source: file, target: `/proc/sys/${name}`, flags: MS_BIND });
  }
}

const ADDRESS = '10.98.0.1';

/** The node's address is that of its default route. */
function setUpNetwork(): void {
  const lines = [
    'link set lo up',
    'link add eth0 type veth peer name outside',
    'link set outside up',
    `addr add ${ADDRESS}/24 dev eth0`,
    'link set eth0 up',
    'route add default via 10.98.0.254',
  ];
  for (const line of lines) {
    const { status, stderr } = spawnSync('ip', line.split(' '), { encoding: 'utf8' });
    assert.equal(status, 0, `ip ${line}: ${stderr}`);
  }
}

const configuration = (clientCAFile: string, own: string) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  readOnlyPort: 0,
  authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile } },
  authorization: { mode: 'Webhook' },
  tlsCertFile: `${own}.crt`,
  tlsPrivateKeyFile: `${own}.key`,
  failSwapOn: false,
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  makeIPTablesUtilChains: false,
  clusterDNS: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
});

describeWith(programs, 'kubelet 1.20 with our API server', () => {
  let server: ServerPlace;
  let components: readonly Component[] = [];
  let controllers: Program | undefined;
  let root = '';
  before(async () => {
    setUpNetwork();
    server = await startServer();
    showSysctls(server.dir);
    // It reads of killed processes there, which a sandbox may not.
    mount({ source: '/dev/null', target: '/dev/kmsg', flags: MS_BIND });
    const path = join(server.dir, 'cri.sock');
    const socket = `unix://${path}`;
    const config = join(server.dir, 'kubelet.json');
    const dir = join(server.dir, 'pki');
    // The server believes no kubelet that signs for itself.
    const nodes = [{ name: 'node-1', addresses: [ADDRESS] }];
    await createPki({ dir, nodes, apiServerHosts: ['127.0.0.1'], clock: realClock });
    const { ca, node } = pkiFiles(dir);
    writeFileSync(config, JSON.stringify(configuration(`${ca}.crt`, node('node-1'))));
    root = join(server.dir, 'kubelet');
    const emptyDir = join(server.dir, 'empty');
    for (const path of [root, emptyDir]) mkdirSync(path);
    mount({ target: '/var/lib', type: 'tmpfs' });
    mount({ target: '/var/log', type: 'tmpfs' });
    components = [startComponent('paper-runtime', [socket])];
    // A kubelet ends when it finds no runtime.
    await eventually('the runtime', () => Promise.resolve(existsSync(path) || undefined), LONG_MS);
    components = [
      ...components,
      // Containers on paper have no log, and it takes every file where it stands for theirs, and removes them.
      startComponent(
        'kubelet',
        [
          `--kubeconfig=${server.kubeconfigFor('node-1')}`,
          `--config=${config}`,
          '--hostname-override=node-1',
          `--root-dir=${root}`,
          `--cert-dir=${join(root, 'pki')}`,
          '--container-runtime=remote',
          `--container-runtime-endpoint=${socket}`,
        ],
        ['env', '-C', emptyDir],
      ),
    ];
  });
  after(async () => {
    controllers?.signal('SIGKILL');
    await controllers?.ended;
    for (const component of components) await component.stop();
    // A kubelet mounts its folder onto itself.
    spawnSync('umount', ['-R', root]);
    await server.stop();
  });
  const until = (what: string, line: string, wanted: string): Promise<true> =>
    eventually(what, async () => ((await server.kubectl(line)) === wanted ? true : undefined), LONG_MS).catch(
      (error: unknown) => {
        throw new Error(components.map((component) => component.log().slice(-6000)).join('\n'), {
          cause: error,
        });
      },
    );

  it('registers its Node, says how it is, and renews its Lease', async () => {
    await until('the Node', 'get nodes -o name', 'node/node-1');
    const ready = '{.status.conditions[?(@.type=="Ready")].status}';
    await until('a ready Node', `get node node-1 -o jsonpath=${ready}`, 'True');
    const address = '{.status.addresses[?(@.type=="InternalIP")].address}';
    assert.equal(await server.kubectl(`get node node-1 -o jsonpath=${address}`), ADDRESS);
    const lease = '-n kube-node-lease get leases -o jsonpath={.items[*].spec.holderIdentity}';
    await until('its Lease', lease, 'node-1');
  });

  it('runs a Pod that is bound to it, and says so', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: {
        nodeName: 'node-1',
        terminationGracePeriodSeconds: 1,
        automountServiceAccountToken: false,
        containers: [{ name: 'web', image: 'web' }],
      },
    };
    await server.kubectl('create serviceaccount default');
    await server.kubectl('create -f -', pod);
    await until('a running Pod', 'get pod web -o jsonpath={.status.phase}', 'Running');
    const started = 'get events --field-selector reason=Started -o jsonpath={.items[*].involvedObject.name}';
    await until('its event', started, 'web');
  });

  it('makes a Pod an endpoint of its Service, once it is ready', async () => {
    await server.kubectl('create -f -', service('web'));
    await server.kubectl('label pod web app=web');
    controllers = startProgram('controller-manager', [
      `--kubeconfig=${server.kubeconfig}`,
      '--secure-port=0',
    ]);
    const ip = await server.kubectl('get pod web -o jsonpath={.status.podIP}');
    assert.match(ip, /^\d+\.\d+\.\d+\.\d+$/);
    await until(
      'the endpoint',
      'get endpoints web --ignore-not-found -o jsonpath={.subsets[*].addresses[*].ip}',
      ip,
    );
    const slices = 'get endpointslices -l kubernetes.io/service-name=web -o jsonpath=';
    await until('its node', `${slices}{.items[*].endpoints[*].nodeName}`, 'node-1');
  });

  it('answers the API server, which it asks who that is and what it may', async () => {
    assert.equal(await server.kubectl('get --raw /api/v1/nodes/node-1/proxy/healthz'), 'ok');
    const pods = JSON.parse(await server.kubectl('get --raw /api/v1/nodes/node-1/proxy/pods')) as {
      items: readonly { metadata: { name: string } }[];
    };
    assert.deepEqual(
      pods.items.map(({ metadata }) => metadata.name),
      ['web'],
    );
  });

  it('a deleted Pod goes when it has ended', async () => {
    await server.kubectl('delete pod web --wait=false');
    await until('no Pod', 'get pods -o name', '');
  });

  it('its informers had no trouble', () => {
    const errors = components.flatMap((component) => component.errors());
    const ofServer = errors.filter((line) => /reflector|forbidden|could not find the requested/.test(line));
    assert.deepEqual(ofServer, []);
  });
});
