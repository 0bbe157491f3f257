import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../base/json.ts';
import { deployments } from '../apps/v1/deployment.ts';
import { replicaSets } from '../apps/v1/replica-set.ts';
import { imageTag } from '../core/v1/image.ts';
import { endpoints } from '../core/v1/endpoints.ts';
import { namespaces } from '../core/v1/namespace.ts';
import { nodes } from '../core/v1/node.ts';
import { pods } from '../core/v1/pod.ts';
import { secrets } from '../core/v1/secret.ts';
import { services } from '../core/v1/service.ts';
import { endpointSlices } from '../discovery/v1/endpoint-slice.ts';
import { type Kind, apiVersionOf, asJson } from '../kind.ts';
import { decodeObject } from './decode.ts';
import { applyDefaults } from './defaults.ts';

const metadata = { name: 'x' };

function defaulted(kind: Kind, body: JsonObject): JsonObject {
  const { object } = decodeObject(kind, { metadata, ...body }, { mode: 'Strict' });
  const { apiVersion, kind: name, ...rest } = asJson(applyDefaults(kind, object));
  assert.deepEqual([apiVersion, name], [apiVersionOf(kind), kind.kind]);
  return rest;
}

const specOf = (kind: Kind, spec: JsonObject): unknown => defaulted(kind, { spec }).spec;

const clusterIP = { type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' };

describe('the defaults of a Service', () => {
  const cases: Record<string, [JsonObject, JsonObject]> = {
    'an empty one is a ClusterIP': [{}, clusterIP],
    'ports are TCP and lead to the same port': [
      { ports: [{ port: 80 }, { port: 53, protocol: 'UDP', targetPort: 'dns' }, { port: 1, targetPort: 0 }] },
      {
        ...clusterIP,
        ports: [
          { port: 80, protocol: 'TCP', targetPort: 80 },
          { port: 53, protocol: 'UDP', targetPort: 'dns' },
          { port: 1, protocol: 'TCP', targetPort: 1 },
        ],
      },
    ],
    'a NodePort takes traffic from outside': [
      { type: 'NodePort' },
      { ...clusterIP, type: 'NodePort', externalTrafficPolicy: 'Cluster' },
    ],
    'a LoadBalancer has node ports': [
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
      {
        ...clusterIP,
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        allocateLoadBalancerNodePorts: true,
      },
    ],
    'a LoadBalancer without node ports stays so': [
      { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false },
      {
        ...clusterIP,
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Cluster',
        allocateLoadBalancerNodePorts: false,
      },
    ],
    'external IPs bring a policy for traffic from outside': [
      { externalIPs: ['203.0.113.1'] },
      { ...clusterIP, externalIPs: ['203.0.113.1'], externalTrafficPolicy: 'Cluster' },
    ],
    'a headless Service has a policy for traffic from inside': [
      { clusterIP: 'None' },
      { ...clusterIP, clusterIP: 'None' },
    ],
    'an ExternalName has no policies': [
      { type: 'ExternalName', externalName: 'example.com' },
      { type: 'ExternalName', externalName: 'example.com', sessionAffinity: 'None' },
    ],
    'ClientIP affinity lasts three hours': [
      { sessionAffinity: 'ClientIP' },
      {
        ...clusterIP,
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
      },
    ],
    'ClientIP affinity keeps its own time': [
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 7 } } },
      {
        ...clusterIP,
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 7 } },
      },
    ],
    'an affinity config without affinity is dropped': [
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 7 } } },
      clusterIP,
    ],
  };
  for (const [name, [spec, expected]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(specOf(services, spec), expected));
  }
  it('an address of a load balancer is a VIP, a name is not', () => {
    const { status } = defaulted(services, {
      status: {
        loadBalancer: {
          ingress: [{ ip: '203.0.113.1' }, { hostname: 'lb' }, { ip: '::1', ipMode: 'Proxy' }],
        },
      },
    });
    assert.deepEqual(status, {
      loadBalancer: {
        ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }, { hostname: 'lb' }, { ip: '::1', ipMode: 'Proxy' }],
      },
    });
  });
});

const podTemplateDefaults = {
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  terminationGracePeriodSeconds: 30,
  schedulerName: 'default-scheduler',
  securityContext: {},
};
const containerDefaults = {
  name: 'c',
  image: 'web:1',
  imagePullPolicy: 'IfNotPresent',
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};
const probeDefaults = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };

describe('the defaults of a Pod', () => {
  const containers = [{ name: 'c', image: 'web:1' }];
  const withContainer = (more: JsonObject): JsonObject => ({ containers: [{ ...containers[0], ...more }] });
  const container = (more: JsonObject): JsonObject => ({ ...containerDefaults, ...more });
  const podDefaults = { ...podTemplateDefaults, enableServiceLinks: true };
  const cases: Record<string, [JsonObject, JsonObject]> = {
    'of a small one': [{ containers }, { ...podDefaults, containers: [container({})] }],
    'do not override': [
      { containers, enableServiceLinks: false, terminationGracePeriodSeconds: 0, restartPolicy: 'Never' },
      {
        ...podDefaults,
        containers: [container({})],
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 0,
        restartPolicy: 'Never',
      },
    ],
    'limits are requests too': [
      withContainer({ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } } }),
      {
        ...podDefaults,
        containers: [
          container({
            resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
          }),
        ],
      },
    ],
    'ports, probes and hooks': [
      withContainer({
        ports: [{ containerPort: 80 }],
        livenessProbe: { httpGet: { port: 80 } },
        readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 2, timeoutSeconds: 0 },
        startupProbe: { grpc: { port: 9 } },
        lifecycle: { preStop: { httpGet: { port: 1, path: '/x', scheme: 'HTTPS' } } },
      }),
      {
        ...podDefaults,
        containers: [
          container({
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            livenessProbe: { ...probeDefaults, httpGet: { port: 80, path: '/', scheme: 'HTTP' } },
            readinessProbe: { ...probeDefaults, tcpSocket: { port: 80 }, periodSeconds: 2 },
            startupProbe: { ...probeDefaults, grpc: { port: 9, service: '' } },
            lifecycle: { preStop: { httpGet: { port: 1, path: '/x', scheme: 'HTTPS' } } },
          }),
        ],
      },
    ],
    'field references, divisors and volumes': [
      {
        ...withContainer({
          env: [
            { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
          ],
        }),
        volumes: [
          { name: 'none' },
          { name: 's', secret: { secretName: 's' } },
          { name: 'h', hostPath: { path: '/' } },
        ],
      },
      {
        ...podDefaults,
        containers: [
          container({
            env: [
              { name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
              { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '0' } } },
            ],
          }),
        ],
        volumes: [
          { name: 'none', emptyDir: {} },
          { name: 's', secret: { secretName: 's', defaultMode: 420 } },
          { name: 'h', hostPath: { path: '/', type: '' } },
        ],
      },
    ],
    "container ports are the node's own with hostNetwork": [
      { hostNetwork: true, ...withContainer({ ports: [{ containerPort: 80 }] }) },
      {
        ...podDefaults,
        hostNetwork: true,
        containers: [container({ ports: [{ containerPort: 80, protocol: 'TCP', hostPort: 80 }] })],
      },
    ],
    'the old name of the service account follows the new one': [
      { containers, serviceAccountName: 'web' },
      { ...podDefaults, containers: [container({})], serviceAccountName: 'web', serviceAccount: 'web' },
    ],
    'the new name of the service account follows the old one': [
      { containers, serviceAccount: 'web' },
      { ...podDefaults, containers: [container({})], serviceAccountName: 'web', serviceAccount: 'web' },
    ],
  };
  for (const [name, [spec, expected]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(specOf(pods, spec), expected));
  }

  const pulls: Record<string, [string, string]> = {
    web: ['latest', 'Always'],
    'web:latest': ['latest', 'Always'],
    'web:1': ['1', 'IfNotPresent'],
    'localhost:5000/web': ['latest', 'Always'],
    'localhost:5000/web:1': ['1', 'IfNotPresent'],
    'web@sha256:00': ['', 'IfNotPresent'],
    'web:1@sha256:00': ['1', 'IfNotPresent'],
  };
  for (const [image, [tag, policy]] of Object.entries(pulls)) {
    it(`image ${image} is pulled ${policy}`, () => {
      assert.equal(imageTag(image), tag);
      const spec = specOf(pods, { containers: [{ name: 'c', image }] });
      assert.equal(
        (spec as { containers: { imagePullPolicy: string }[] }).containers[0]?.imagePullPolicy,
        policy,
      );
    });
  }
});

describe('the defaults of workloads', () => {
  const selector = { matchLabels: { app: 'x' } };
  const template = {
    metadata: { labels: { app: 'x' } },
    spec: { containers: [{ name: 'c', image: 'web:1' }] },
  };
  const full = { ...template, spec: { ...podTemplateDefaults, containers: [containerDefaults] } };

  it('a Deployment rolls one Pod out, a quarter at a time', () => {
    assert.deepEqual(specOf(deployments, { selector, template }), {
      selector,
      template: full,
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    });
  });
  it('a Deployment keeps zeros and half-given strategies', () => {
    const given = { replicas: 0, revisionHistoryLimit: 0, strategy: { rollingUpdate: { maxSurge: 0 } } };
    assert.deepEqual(specOf(deployments, { selector, template, ...given }), {
      ...given,
      selector,
      template: full,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: '25%' } },
    });
  });
  it('Recreate has no rolling update', () => {
    const spec = specOf(deployments, { selector, template, strategy: { type: 'Recreate' } });
    assert.deepEqual((spec as JsonObject).strategy, { type: 'Recreate' });
  });
  it('a ReplicaSet has one Pod', () => {
    assert.deepEqual(specOf(replicaSets, { selector, template }), { selector, template: full, replicas: 1 });
  });
});

describe('the defaults of other kinds', () => {
  const cases: Record<string, [Kind, JsonObject, JsonObject]> = {
    'Endpoints ports are TCP': [
      endpoints,
      { subsets: [{ addresses: [{ ip: '1.2.3.4' }], ports: [{ port: 80 }] }] },
      { metadata, subsets: [{ addresses: [{ ip: '1.2.3.4' }], ports: [{ port: 80, protocol: 'TCP' }] }] },
    ],
    'EndpointSlice ports are TCP and have a name': [
      endpointSlices,
      { addressType: 'IPv4', endpoints: [], ports: [{ port: 80 }, {}] },
      {
        metadata,
        addressType: 'IPv4',
        endpoints: [],
        ports: [
          { port: 80, name: '', protocol: 'TCP' },
          { name: '', protocol: 'TCP' },
        ],
      },
    ],
    'a Namespace carries its name as a label and is active': [
      namespaces,
      { metadata: { name: 'x', labels: { a: 'b' } }, status: {} },
      {
        metadata: { name: 'x', labels: { a: 'b', 'kubernetes.io/metadata.name': 'x' } },
        status: { phase: 'Active' },
      },
    ],
    'a Node offers all it has': [
      nodes,
      { status: { capacity: { cpu: '2' } } },
      { metadata, spec: {}, status: { capacity: { cpu: '2' }, allocatable: { cpu: '2' } } },
    ],
    'a Secret is Opaque, and stringData goes into data': [
      secrets,
      { data: { a: 'AA==', b: 'AA==' }, stringData: { b: 'text', __proto__x: '' } },
      { metadata, type: 'Opaque', data: { a: 'AA==', b: 'dGV4dA==', __proto__x: '' } },
    ],
  };
  for (const [name, [kind, body, expected]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(defaulted(kind, body), expected));
  }
});

describe('applyDefaults', () => {
  it('changes neither its input nor the schema', () => {
    const { object } = decodeObject(
      services,
      { metadata, spec: { ports: [{ port: 1 }] } },
      { mode: 'Strict' },
    );
    const before = structuredClone(object);
    const first = applyDefaults(
      deployments,
      decodeObject(deployments, { metadata }, { mode: 'Strict' }).object,
    );
    applyDefaults(services, object);
    assert.deepEqual(object, before);
    (asJson(first).spec as JsonObject).strategy = null;
    ((asJson(first).spec as JsonObject).template as { spec: JsonObject }).spec.securityContext = {
      evil: true,
    };
    const second = defaulted(deployments, {}).spec as { template: { spec: { securityContext: unknown } } };
    assert.deepEqual(second.template.spec.securityContext, {});
  });
});
