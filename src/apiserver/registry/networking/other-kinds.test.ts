import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import {
  type ChangeRow,
  kindTrials,
  type Row,
  testChanges,
  testNewObjects,
} from '../../fixtures/kind-trials.ts';

const selector = { matchLabels: { app: 'a' } };
const path = (changes: JsonObject): JsonObject => ({
  spec: {
    rules: [
      {
        http: {
          paths: [
            {
              path: '/',
              pathType: 'Prefix',
              backend: { service: { name: 'a', port: { number: 80 } } },
              ...changes,
            },
          ],
        },
      },
    ],
  },
});
const policy = (rule: JsonObject): JsonObject => ({ spec: { podSelector: {}, ingress: [rule] } });
const claim = (changes: JsonObject): JsonObject => ({
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...changes },
});

const rows: Readonly<Record<string, Row>> = {
  'an Ingress': ['ingresses', path({}), 'accepted'],
  'an Ingress to nowhere': [
    'ingresses',
    { spec: {} },
    'spec: Invalid value: null: either `defaultBackend` or `rules` must be specified',
  ],
  'an Ingress without path type': [
    'ingresses',
    path({ pathType: null }),
    'spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified',
  ],
  'an Ingress with a relative path': [
    'ingresses',
    path({ path: 'a//b' }),
    '[spec.rules[0].http.paths[0].path: Invalid value: "a//b": must be an absolute path, spec.rules[0].http.paths[0].path: Invalid value: "a//b": must not contain \'//\']',
  ],
  'an Ingress to a Service without port': [
    'ingresses',
    path({ backend: { service: { name: 'a' } } }),
    'spec.rules[0].http.paths[0].backend: Required value: port name or number is required',
  ],
  'an Ingress to two things': [
    'ingresses',
    path({ backend: { service: { name: 'a' }, resource: { kind: 'A', name: 'a' } } }),
    'spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both resource and service backends',
  ],
  'an Ingress for an address': [
    'ingresses',
    { spec: { rules: [{ host: '1.2.3.4' }] } },
    'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
  ],
  'an Ingress for every host of a domain': [
    'ingresses',
    { spec: { rules: [{ host: '*.a.b' }] } },
    'accepted',
  ],
  'an Ingress for a star in the middle': [
    'ingresses',
    { spec: { rules: [{ host: 'a.*.b' }] } },
    `spec.rules[0].host: Invalid value: "a.*.b": a wildcard DNS-1123 subdomain must start with '*.'`,
  ],
  'an Ingress of two classes': [
    'ingresses',
    {
      metadata: { name: 'it', annotations: { 'kubernetes.io/ingress.class': 'a' } },
      spec: { ingressClassName: 'b', defaultBackend: { resource: { kind: 'A', name: 'a' } } },
    },
    'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
  ],
  'an IngressClass': ['ingressclasses', { spec: { controller: 'example.com/a' } }, 'accepted'],
  'an IngressClass of nobody': ['ingressclasses', { spec: {} }, 'spec.controller: Required value'],
  'an IngressClass with settings in a namespace': [
    'ingressclasses',
    { spec: { controller: 'a.b/c', parameters: { kind: 'A', name: 'a', namespace: 'b' } } },
    "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
  ],
  'a NetworkPolicy': [
    'networkpolicies',
    policy({ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80 }] }),
    'accepted',
  ],
  'a NetworkPolicy of nobody': [
    'networkpolicies',
    policy({ from: [{}] }),
    'spec.ingress[0].from[0]: Required value: must specify a peer',
  ],
  'a NetworkPolicy with an exception outside': [
    'networkpolicies',
    policy({ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }),
    'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
  ],
  'a NetworkPolicy with a block and Pods': [
    'networkpolicies',
    policy({ from: [{ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }] }),
    'spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer',
  ],
  'a NetworkPolicy with a range that goes backwards': [
    'networkpolicies',
    policy({ ports: [{ port: 80, endPort: 79 }] }),
    'spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`',
  ],
  'a NetworkPolicy with a range of names': [
    'networkpolicies',
    policy({ ports: [{ port: 'http', endPort: 79 }] }),
    'spec.ingress[0].ports[0].endPort: Invalid value: 79: may not be specified when `port` is non-numeric',
  ],
  'a NetworkPolicy in an unknown direction': [
    'networkpolicies',
    { spec: { podSelector: {}, policyTypes: ['Up'] } },
    'spec.policyTypes[0]: Unsupported value: "Up": supported values: "Ingress", "Egress"',
  ],
  'a PersistentVolumeClaim': ['persistentvolumeclaims', claim({}), 'accepted'],
  'a PersistentVolumeClaim of nothing': [
    'persistentvolumeclaims',
    { spec: {} },
    '[spec.accessModes: Required value: at least 1 access mode is required, spec.resources[storage]: Required value]',
  ],
  'a PersistentVolumeClaim of zero, in an unknown mode': [
    'persistentvolumeclaims',
    claim({ accessModes: ['Any'], resources: { requests: { storage: '0' } } }),
    '[spec.accessModes: Unsupported value: "Any": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod", spec.resources[storage]: Invalid value: "0": must be greater than zero]',
  ],
  'a PodDisruptionBudget': ['poddisruptionbudgets', { spec: { minAvailable: 1, selector } }, 'accepted'],
  'a PodDisruptionBudget with two bounds': [
    'poddisruptionbudgets',
    { spec: { minAvailable: 1, maxUnavailable: 1 } },
    'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
  ],
  'a PodDisruptionBudget of more than all': [
    'poddisruptionbudgets',
    { spec: { minAvailable: '101%' } },
    'spec.minAvailable: Invalid value: "101%": must not be greater than 100%',
  ],
  'a PriorityClass': ['priorityclasses', { value: 5 }, 'accepted'],
  'a PriorityClass of more than may be': [
    'priorityclasses',
    { value: 1_000_000_001 },
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ],
  'a PriorityClass in the name of the system': [
    'priorityclasses',
    { metadata: { name: 'system-mine' }, value: 1 },
    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
  ],
  'a ResourceQuota': ['resourcequotas', { spec: { hard: { pods: '5', 'requests.cpu': '1' } } }, 'accepted'],
  'a ResourceQuota of less than nothing': [
    'resourcequotas',
    { spec: { hard: { pods: '-1' } } },
    'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
  ],
  'a ResourceQuota of an unknown scope': [
    'resourcequotas',
    { spec: { scopes: ['All'] } },
    'spec.scopes: Invalid value: ["All"]: unsupported scope',
  ],
  'a LimitRange': [
    'limitranges',
    { spec: { limits: [{ type: 'Container', default: { cpu: '1' }, max: { cpu: '2' } }] } },
    'accepted',
  ],
  'a LimitRange with one sort twice': [
    'limitranges',
    { spec: { limits: [{ type: 'Pod' }, { type: 'Pod' }] } },
    'spec.limits[1].type: Duplicate value: "Pod"',
  ],
  'a LimitRange with more at least than at most': [
    'limitranges',
    { spec: { limits: [{ type: 'Pod', min: { cpu: '2' }, max: { cpu: '1500m' } }] } },
    'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1500m',
  ],
  'a LimitRange with defaults for Pods': [
    'limitranges',
    { spec: { limits: [{ type: 'Pod', default: { cpu: '2' } }] } },
    "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
  ],
};

const changes: Readonly<Record<string, ChangeRow>> = {
  'a PriorityClass keeps its value': [
    'priorityclasses',
    { value: 5 },
    'value: Forbidden: may not be changed in an update.',
    { value: 6 },
  ],
  'an IngressClass keeps its controller': [
    'ingressclasses',
    { spec: { controller: 'a.b/c' } },
    'spec.controller: Invalid value: "a.b/d": field is immutable',
    { spec: { controller: 'a.b/d' } },
  ],
  'an Ingress is not found at nonsense': [
    'ingresses',
    path({}),
    'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address',
    { status: { loadBalancer: { ingress: [{ ip: 'x' }] } } },
    'status',
  ],
  'a claim keeps its size while it waits': [
    'persistentvolumeclaims',
    claim({}),
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    { spec: { resources: { requests: { storage: '2Gi' } } } },
  ],
  'a claim gets its volume': ['persistentvolumeclaims', claim({}), 'accepted', { spec: { volumeName: 'v' } }],
  'a budget counts no less than nothing': [
    'poddisruptionbudgets',
    { spec: { minAvailable: 1 } },
    'status.currentHealthy: Invalid value: -1: must be greater than or equal to 0',
    { status: { currentHealthy: -1 } },
    'status',
  ],
};

const bench = kindTrials();
testNewObjects(bench, rows);
testChanges(bench, changes);

it('the directions of a NetworkPolicy, by the rules it has', async () => {
  const made = async (spec: JsonObject): Promise<JsonObject> => {
    const object = await bench.create('networkpolicies', { spec });
    await bench.remove('networkpolicies');
    return object;
  };
  const typesOf = async (spec: JsonObject): Promise<unknown> =>
    ((await made(spec)).spec as JsonObject).policyTypes;
  assert.deepEqual(await typesOf({ podSelector: {} }), ['Ingress']);
  assert.deepEqual(await typesOf({ podSelector: {}, egress: [{}] }), ['Ingress', 'Egress']);
});
