import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../api/kind.ts';
import type { JsonObject } from '../../base/json.ts';
import { durationText, shortList } from './columns.ts';
import { START_MS, startRegistry, type TestRegistry } from '../fixtures/test-registry.ts';

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

const durations: Readonly<Record<string, readonly number[]>> = {
  '<invalid>': [-5],
  '0s': [0, -0.5],
  '119s': [119],
  '2m': [120],
  '2m3s': [123],
  '10m': [10 * minute + 59],
  '3h': [3 * hour],
  '3h1m': [3 * hour + 119],
  '8h': [8 * hour + 59 * minute],
  '2d': [2 * day],
  '2d3h': [2 * day + 3 * hour],
  '8d': [8 * day + 23 * hour],
  '2y': [2 * 365 * day],
  '2y5d': [(2 * 365 + 5) * day],
  '9y': [(9 * 365 + 5) * day],
};

describe('a duration', () => {
  for (const [text, all] of Object.entries(durations)) {
    it(`reads ${text}`, () =>
      assert.deepEqual(
        all.map((seconds) => durationText(seconds * 1000)),
        all.map(() => text),
      ));
  }
});

it('a long list is cut short', () => {
  assert.equal(shortList([], '<none>'), '<none>');
  assert.equal(shortList(['a', 'b', 'c'], ''), 'a,b,c');
  assert.equal(shortList(['a', 'b', 'c', 'd', 'e'], ''), 'a,b,c + 2 more...');
});

const created = { creationTimestamp: '2025-12-31T23:59:00Z' };
const meta = { name: 'it', namespace: 'default', ...created };
const conditions = [{ type: 'Ready', status: 'True' }];
const template = { spec: { containers: [{ name: 'c', image: 'portico/echo' }] } };
const selector = { matchLabels: { app: 'MyApp' } };
const service = (spec: JsonObject, status: JsonObject = {}): JsonObject => ({ metadata: meta, spec, status });

type Row = readonly [plural: string, object: JsonObject, cells: Readonly<Record<string, unknown>>];

/** An object -> some of its cells, one minute after it was created. */
const rows: Readonly<Record<string, Row>> = {
  'a ClusterIP Service': [
    'services',
    service({
      type: 'ClusterIP',
      clusterIPs: ['10.96.0.5'],
      ports: [{ port: 80, protocol: 'TCP' }],
      selector: { b: '1', a: '2' },
    }),
    {
      Name: 'it',
      Type: 'ClusterIP',
      'Cluster-IP': '10.96.0.5',
      'External-IP': '<none>',
      'Port(s)': '80/TCP',
      Age: '60s',
      Selector: 'a=2,b=1',
    },
  ],
  'a NodePort Service': [
    'services',
    service({
      type: 'NodePort',
      clusterIPs: ['10.96.0.5'],
      externalIPs: ['1.2.3.4'],
      ports: [
        { port: 80, nodePort: 30007, protocol: 'TCP' },
        { port: 53, protocol: 'UDP' },
      ],
    }),
    { 'External-IP': '1.2.3.4', 'Port(s)': '80:30007/TCP,53/UDP', Selector: '<none>' },
  ],
  'a load balancer that waits': [
    'services',
    service({ type: 'LoadBalancer', clusterIPs: ['10.96.0.5'], ports: [] }),
    { 'External-IP': '<pending>', 'Port(s)': '<none>' },
  ],
  'a load balancer with its address': [
    'services',
    service(
      { type: 'LoadBalancer', externalIPs: ['5.6.7.8'] },
      { loadBalancer: { ingress: [{ ip: '1.2.3.4' }, { hostname: 'a.b' }] } },
    ),
    { 'External-IP': '1.2.3.4,a.b,5.6.7.8', 'Cluster-IP': '<none>' },
  ],
  'an ExternalName Service': [
    'services',
    service({ type: 'ExternalName', externalName: 'a.b' }),
    { 'External-IP': 'a.b', 'Cluster-IP': '<none>' },
  ],
  'a Deployment': [
    'deployments',
    {
      metadata: meta,
      spec: { replicas: 3, selector, template },
      status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
    },
    {
      Ready: '2/3',
      'Up-to-date': 3,
      Available: 1,
      Containers: 'c',
      Images: 'portico/echo',
      Selector: 'app=MyApp',
    },
  ],
  'a ReplicaSet': [
    'replicasets',
    { metadata: meta, spec: { replicas: 3, selector, template }, status: { replicas: 3, readyReplicas: 2 } },
    { Desired: 3, Current: 3, Ready: 2, Age: '60s' },
  ],
  Endpoints: [
    'endpoints',
    {
      metadata: meta,
      subsets: [{ addresses: [{ ip: '10.1.2.3' }, { ip: 'fd00::1' }], ports: [{ port: 80 }, { port: 81 }] }],
    },
    { Endpoints: '10.1.2.3:80,[fd00::1]:80,10.1.2.3:81 + 1 more...' },
  ],
  'Endpoints without ports': [
    'endpoints',
    { metadata: meta, subsets: [{ addresses: [{ ip: '10.1.2.3' }] }] },
    { Endpoints: '10.1.2.3' },
  ],
  'a slice': [
    'endpointslices',
    {
      metadata: meta,
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.2.3'] }],
      ports: [{ port: 80 }, {}],
    },
    { Name: 'it', AddressType: 'IPv4', Ports: '80,*', Endpoints: '10.1.2.3', Age: '60s' },
  ],
  'a slice of nothing': [
    'endpointslices',
    { metadata: meta, addressType: 'IPv4', endpoints: [] },
    { Ports: '<unset>', Endpoints: '<unset>' },
  ],
  'a Node': [
    'nodes',
    {
      metadata: {
        ...meta,
        labels: { 'node-role.kubernetes.io/control-plane': '', 'kubernetes.io/role': 'edge' },
      },
      spec: { unschedulable: true },
      status: {
        conditions,
        addresses: [{ type: 'InternalIP', address: '172.18.0.2' }],
        nodeInfo: {
          kubeletVersion: 'v1',
          osImage: 'Linux',
          kernelVersion: '6',
          containerRuntimeVersion: 'process://1',
        },
      },
    },
    {
      Status: 'Ready,SchedulingDisabled',
      Roles: 'control-plane,edge',
      Version: 'v1',
      'Internal-IP': '172.18.0.2',
      'External-IP': '<none>',
      'OS-Image': 'Linux',
      'Kernel-Version': '6',
      'Container-Runtime': 'process://1',
    },
  ],
  'a Node nobody has heard of': [
    'nodes',
    { metadata: meta, spec: {} },
    { Status: 'Unknown', Roles: '<none>', Version: '', 'OS-Image': '<unknown>' },
  ],
  'an Event': [
    'events',
    {
      metadata: meta,
      involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec' },
      type: 'Normal',
      reason: 'Started',
      message: 'It runs.\n',
      count: 3,
      firstTimestamp: '2025-12-31T23:58:00Z',
      lastTimestamp: '2025-12-31T23:59:30Z',
      source: { component: 'agent', host: 'node-1' },
    },
    {
      'Last Seen': '30s (x3 over 2m)',
      Type: 'Normal',
      Reason: 'Started',
      Object: 'pod/web',
      Message: 'It runs.',
      Source: 'agent, node-1',
      Count: '3',
      'First Seen': '2m',
      Subobject: 'spec',
      Name: 'it',
    },
  ],
  'an Event of the newer kind': [
    'events',
    {
      metadata: meta,
      involvedObject: {},
      eventTime: '2025-12-31T23:59:00.000000Z',
      reportingComponent: 'scheduler',
    },
    { 'Last Seen': '60s', Source: 'scheduler', Count: '1' },
  ],
  'a Namespace': [
    'namespaces',
    { metadata: meta, status: { phase: 'Active' } },
    { Status: 'Active', Age: '60s' },
  ],
  'a ConfigMap': ['configmaps', { metadata: meta, data: { a: '' }, binaryData: { b: '' } }, { Data: 2 }],
  'a Secret': ['secrets', { metadata: meta, type: 'Opaque', data: { a: '' } }, { Type: 'Opaque', Data: 1 }],
  'a ServiceAccount': ['serviceaccounts', { metadata: { name: 'it' } }, { Secrets: '0', Age: '<unknown>' }],
  'a Lease': ['leases', { metadata: meta, spec: { holderIdentity: 'me' } }, { Holder: 'me', Age: '60s' }],
};

describe('the table of', () => {
  let registry: TestRegistry;
  before(async () => (registry = await startRegistry()));
  after(() => registry.stop());

  for (const [sentence, [plural, object, expected]] of Object.entries(rows)) {
    it(sentence, () => {
      const { columns } = registry.resource(plural);
      for (const [name, value] of Object.entries(expected)) {
        const found = columns.find((column) => column.name === name);
        assert.ok(found, `no column ${name}`);
        assert.equal(found.cell(object as unknown as KubeObject, START_MS), value, name);
      }
    });
  }

  it('Services, in the order kubectl shows', () => {
    const shown = registry
      .resource('services')
      .columns.map(({ name, priority }) => `${name}${priority > 0 ? ' (wide)' : ''}`);
    assert.deepEqual(shown, [
      'Name',
      'Type',
      'Cluster-IP',
      'External-IP',
      'Port(s)',
      'Age',
      'Selector (wide)',
    ]);
  });
});
