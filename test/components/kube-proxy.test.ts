import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { createPacketLab, labAddresses, podPort, type PacketLab } from '../../src/testing/packet-lab.ts';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { eventually } from '../../src/testing/test-cluster.ts';
import { describeWith, startComponent, startServer, whyNot } from './components.ts';
import type { Component, ServerPlace } from './components.ts';

const programs = ['kube-proxy'];
// Where it is skipped nothing needs a sandbox.
if (whyNot(programs) === undefined) inSandbox(import.meta.filename);

const { node, pod, podCIDR, clusterIp } = labAddresses.IPv4;

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { clusterIP: clusterIp, ports: [{ name: 'http', port: 80, targetPort: podPort }] },
};
const slice = (...addresses: readonly string[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: podPort, protocol: 'TCP' }],
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
});

/** It may change no sysctl of the machine, and asks for its own Node first. */
const configuration = (kubeconfig: string) => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  clientConnection: { kubeconfig },
  mode: 'iptables',
  clusterCIDR: podCIDR,
  hostnameOverride: 'node-1',
  conntrack: {
    maxPerCore: 0,
    min: 0,
    tcpCloseWaitTimeout: '0s',
    tcpEstablishedTimeout: '0s',
  },
});

describeWith(programs, 'kube-proxy 1.20 with our API server', () => {
  let lab: PacketLab;
  let server: ServerPlace;
  let proxy: Component;
  const call = async (): Promise<string> => {
    const [answer = ''] = await lab.call('outside', { protocol: 'TCP', host: clusterIp, port: 80 });
    return answer.split(' ')[0] ?? '';
  };

  before(async () => {
    lab = createPacketLab(2);
    await lab.serve('pod1');
    await lab.serve('pod2');
    const inside = ['nsenter', `--net=${lab.netns('node')}`];
    server = await startServer({ prefix: inside });
    await server.kubectl('create -f -', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
    const status = JSON.stringify({ status: { addresses: [{ type: 'InternalIP', address: node }] } });
    await server.kubectl(`patch node node-1 --subresource=status -p ${status}`);
    const path = join(server.dir, 'proxy.json');
    writeFileSync(path, JSON.stringify(configuration(server.kubeconfigFor('kube-proxy'))));
    proxy = startComponent('kube-proxy', ['--config', path], inside);
  });
  after(async () => {
    await proxy.stop();
    await server.stop();
    await lab.close();
  });

  it('a Service that kubectl makes forwards packets to the endpoints of its slice', async () => {
    await server.kubectl('create -f -', [service, slice(pod(1))]);
    await eventually('pod1 to answer', async () => ((await call()) === 'pod1' ? true : undefined));
  });

  it('it follows a change of the slice', async () => {
    await server.kubectl('apply -f -', slice(pod(2)));
    await eventually('pod2 to answer', async () => ((await call()) === 'pod2' ? true : undefined));
  });

  it('a deleted Service is no longer forwarded', async () => {
    await server.kubectl('delete service web');
    await eventually('nobody to answer', async () => ((await call()).startsWith('pod') ? undefined : true));
  });

  it('its informers had no trouble', () => {
    // A sandbox has no right to what these are about: the score of the out-of-memory killer.
    assert.deepEqual(proxy.errors([/oom_score_adj|OOMScoreAdj/i]), [], proxy.log());
  });
});
