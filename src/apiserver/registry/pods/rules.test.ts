import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import { refusalOf, scopeOf, startRegistry, type TestRegistry } from '../../fixtures/test-registry.ts';

const one = (changes: JsonObject): JsonObject => ({
  containers: [{ name: 'main', image: 'portico/echo', ...changes }],
});
const MUST = 'requiredDuringSchedulingIgnoredDuringExecution';
const SHOULD = 'preferredDuringSchedulingIgnoredDuringExecution';
const affine = (affinity: JsonObject): JsonObject => ({ ...one({}), affinity });
const nodeLabel = (expression: JsonObject): JsonObject => ({
  nodeAffinity: { [MUST]: { nodeSelectorTerms: [{ matchExpressions: [expression] }] } },
});
const spread = (...changes: readonly JsonObject[]): JsonObject => ({
  ...one({}),
  topologySpreadConstraints: changes.map((each) => ({
    maxSkew: 1,
    topologyKey: 'zone',
    whenUnsatisfiable: 'DoNotSchedule',
    ...each,
  })),
});

/** spec -> what the refusal says, or 'accepted': placement, privileges, names, facts of the Pod. */
const pods: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'a toleration is of a kind of taint': [
    { ...one({}), tolerations: [{ key: 'a', operator: 'Exists', effect: 'Never' }] },
    'spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
  ],
  'the key of a toleration is that of a label': [
    { ...one({}), tolerations: [{ key: 'a b', operator: 'Exists' }] },
    'spec.tolerations[0].key: Invalid value: "a b": name part must consist of',
  ],
  'a wish for nodes has a term': [
    affine({ nodeAffinity: { [MUST]: { nodeSelectorTerms: [] } } }),
    `spec.affinity.nodeAffinity.${MUST}.nodeSelectorTerms: Required value: must have at least one node selector term`,
  ],
  'a wish for nodes compares in a way there is': [
    affine(nodeLabel({ key: 'a', operator: 'Is', values: ['b'] })),
    `spec.affinity.nodeAffinity.${MUST}.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator`,
  ],
  'a wish for one of several has some': [
    affine(nodeLabel({ key: 'a', operator: 'In' })),
    `spec.affinity.nodeAffinity.${MUST}.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
  ],
  'a wish for more than a number has one number': [
    affine(nodeLabel({ key: 'a', operator: 'Gt', values: ['1', '2'] })),
    `spec.affinity.nodeAffinity.${MUST}.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified single value when \`operator\` is 'Lt' or 'Gt'`,
  ],
  'nodes are chosen by one field': [
    affine({
      nodeAffinity: {
        [MUST]: { nodeSelectorTerms: [{ matchFields: [{ key: 'a', operator: 'In', values: ['b'] }] }] },
      },
    }),
    `spec.affinity.nodeAffinity.${MUST}.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "a": not a valid field selector key`,
  ],
  'a weight is a percentage': [
    affine({ nodeAffinity: { [SHOULD]: [{ weight: 0, preference: {} }] } }),
    `spec.affinity.nodeAffinity.${SHOULD}[0].weight: Invalid value: 0: must be in the range 1-100`,
  ],
  'nearness to Pods is of a place': [
    affine({ podAntiAffinity: { [MUST]: [{ labelSelector: {}, topologyKey: '' }] } }),
    `[spec.affinity.podAntiAffinity.${MUST}[0].topologyKey: Required value: can not be empty`,
  ],
  'Pods are spread by more than none': [
    spread({ maxSkew: 0 }),
    'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
  ],
  'what cannot be spread is refused or not': [
    spread({ whenUnsatisfiable: 'Cry' }),
    'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Cry": supported values: "DoNotSchedule", "ScheduleAnyway"',
  ],
  'a number of places is a condition': [
    spread({ minDomains: 2, whenUnsatisfiable: 'ScheduleAnyway' }),
    'spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
  ],
  'Pods are spread over places once': [
    spread({}, {}),
    'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"',
  ],
  'a user has a number': [
    { ...one({}), securityContext: { runAsUser: -1 } },
    'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
  ],
  'a kernel parameter has a name': [
    { ...one({}), securityContext: { sysctls: [{ name: 'a b', value: '1' }] } },
    'spec.securityContext.sysctls[0].name: Invalid value: "a b": must have at most 253 characters and match regex ^([a-z0-9]',
  ],
  'a profile of the node names its file': [
    one({ securityContext: { seccompProfile: { type: 'Localhost' } } }),
    'spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
  ],
  'who has every privilege may not be kept from more': [
    one({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    'spec.containers[0].securityContext: Invalid value: ',
  ],
  'a last message is found in one way or another': [
    one({ terminationMessagePolicy: 'Never' }),
    'spec.containers[0].terminationMessagePolicy: Unsupported value: "Never": supported values: "File", "FallbackToLogsOnError"',
  ],
  'a variable holds a field there is': [
    one({ env: [{ name: 'a', valueFrom: { fieldRef: { fieldPath: 'spec.image' } } }] }),
    'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.image": error converting fieldPath: field label not supported: spec.image',
  ],
  'a variable holds one label, not all': [
    one({ env: [{ name: 'a', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }] }),
    'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
  ],
  'a variable may hold one label': [
    one({ env: [{ name: 'a', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }] }),
    'accepted',
  ],
  'a variable holds an amount there is': [
    one({ env: [{ name: 'a', valueFrom: { resourceFieldRef: { resource: 'limits.gold' } } }] }),
    'spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gold": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
  ],
  'an amount is counted in a unit of its own': [
    one({
      env: [{ name: 'a', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1Ki' } } }],
    }),
    `spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
  ],
  'a file holds one thing': [
    { ...one({}), volumes: [{ name: 'a', downwardAPI: { items: [{ path: 'p' }] } }] },
    'spec.volumes[0].downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef is required',
  ],
  'a file may hold all labels, and no address': [
    {
      ...one({}),
      volumes: [
        { name: 'a', downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath: 'status.podIP' } }] } },
      ],
    },
    'spec.volumes[0].downwardAPI.items[0].fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
  ],
  'own DNS is said': [
    { ...one({}), dnsPolicy: 'None' },
    'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
  ],
  'a name server has an address': [
    { ...one({}), dnsConfig: { nameservers: ['dns'] } },
    'spec.dnsConfig.nameservers[0]: Invalid value: "dns": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  'there is room for three name servers': [
    { ...one({}), dnsConfig: { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] } },
    'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]: must not have more than 3 nameservers',
  ],
  'a search path may begin with an underscore': [
    { ...one({}), dnsConfig: { searches: ['_tcp.example.com', '.'] } },
    'accepted',
  ],
  'an option of DNS has a name': [
    { ...one({}), dnsConfig: { options: [{ value: '1' }] } },
    'spec.dnsConfig.options[0]: Required value: must not be empty',
  ],
  'a line of hosts has an address': [
    { ...one({}), hostAliases: [{ ip: 'x', hostnames: ['a'] }] },
    'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  'a condition of readiness has a name': [
    { ...one({}), readinessGates: [{ conditionType: 'a b' }] },
    'spec.readinessGates[0].conditionType: Invalid value: "a b": name part must consist of',
  ],
};

let registry: TestRegistry;
before(async () => (registry = await startRegistry()));
after(() => registry.stop());

describe('a new Pod', () => {
  for (const [n, [sentence, [spec, expected]]] of Object.entries(pods).entries()) {
    it(sentence, async () => {
      const name = `pod-${n}`;
      const creation = registry.resource('pods').write.create(scopeOf(), { metadata: { name }, spec });
      const answer = await refusalOf(creation);
      if (expected === 'accepted') assert.equal(answer, 'accepted');
      else assert.ok(answer.startsWith(`422 Invalid: Pod "${name}" is invalid: ${expected}`), answer);
    });
  }
});
