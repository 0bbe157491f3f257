import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import { json, refusalOf, scopeOf, startRegistry, type TestRegistry } from '../../fixtures/test-registry.ts';

const container = { name: 'main', image: 'portico/echo' };
const one = (changes: JsonObject): JsonObject => ({ containers: [{ ...container, ...changes }] });
const probe = (changes: JsonObject): JsonObject => ({ httpGet: { port: 80 }, ...changes });

/** spec -> what the refusal says, or 'accepted'. */
const pods: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'a container is enough': [one({}), 'accepted'],
  'containers are required': [{}, 'spec.containers: Required value'],
  'a container has a name': [{ containers: [{ image: 'i' }] }, 'spec.containers[0].name: Required value'],
  'a container has an image': [{ containers: [{ name: 'a' }] }, 'spec.containers[0].image: Required value'],
  'names of containers are unique, init containers included': [
    { containers: [container], initContainers: [container] },
    'spec.initContainers[0].name: Duplicate value: "main"',
  ],
  'a port is a port': [
    one({ ports: [{ containerPort: 70000 }] }),
    'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ],
  'a port has a number': [
    one({ ports: [{ name: 'a' }] }),
    'spec.containers[0].ports[0].containerPort: Required value',
  ],
  'names of ports are unique': [
    one({
      ports: [
        { containerPort: 80, name: 'a' },
        { containerPort: 81, name: 'a' },
      ],
    }),
    'spec.containers[0].ports[1].name: Duplicate value: "a"',
  ],
  'a port of the node is used once': [
    one({
      ports: [
        { containerPort: 80, hostPort: 80 },
        { containerPort: 81, hostPort: 80 },
      ],
    }),
    'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"',
  ],
  'in the network of the node, ports are those of the node': [
    { ...one({ ports: [{ containerPort: 80, hostPort: 81 }] }), hostNetwork: true },
    'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true',
  ],
  'what is asked for fits below the limit': [
    one({ resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1000m', memory: '1Gi' } } }),
    'accepted',
  ],
  'what is asked for is not above the limit': [
    one({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ],
  'nobody asks for less than nothing': [
    one({ resources: { requests: { cpu: '-1' } } }),
    'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
  ],
  'a variable has a name': [one({ env: [{ value: 'a' }] }), 'spec.containers[0].env[0].name: Required value'],
  'the name of a variable has no equals sign': [
    one({ env: [{ name: 'a=b' }] }),
    `spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='`,
  ],
  'a variable has one source': [
    one({ env: [{ name: 'a', value: 'b', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
    'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
  ],
  'a source names its key': [
    one({ env: [{ name: 'a', valueFrom: { configMapKeyRef: { name: 'm' } } }] }),
    'spec.containers[0].env[0].valueFrom.configMapKeyRef.key: Required value',
  ],
  'variables come from something': [
    one({ envFrom: [{ prefix: 'A_' }] }),
    'spec.containers[0].envFrom[0]: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
  ],
  'what is mounted is a volume': [
    one({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
    'spec.containers[0].volumeMounts[0].name: Not found: "data"',
  ],
  'nothing is mounted over something else': [
    {
      ...one({
        volumeMounts: [
          { name: 'a', mountPath: '/d' },
          { name: 'b', mountPath: '/d' },
        ],
      }),
      volumes: [
        { name: 'a', emptyDir: {} },
        { name: 'b', emptyDir: {} },
      ],
    },
    'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/d": must be unique',
  ],
  'a part of a volume lies inside': [
    {
      ...one({ volumeMounts: [{ name: 'a', mountPath: '/d', subPath: '../x' }] }),
      volumes: [{ name: 'a', emptyDir: {} }],
    },
    `spec.containers[0].volumeMounts[0].subPath: Invalid value: "../x": must not contain '..'`,
  ],
  'a volume has one source': [
    { ...one({}), volumes: [{ name: 'a', emptyDir: {}, configMap: { name: 'm' } }] },
    'spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type',
  ],
  'a volume of a map names it': [
    { ...one({}), volumes: [{ name: 'a', configMap: { items: [{ key: 'k', path: '/abs' }] } }] },
    '[spec.volumes[0].configMap.name: Required value, spec.volumes[0].configMap.items[0].path: Invalid value: "/abs": must be a relative path]',
  ],
  'names of volumes are unique': [
    {
      ...one({}),
      volumes: [
        { name: 'a', emptyDir: {} },
        { name: 'a', emptyDir: {} },
      ],
    },
    'spec.volumes[1].name: Duplicate value: "a"',
  ],
  'a probe does one thing': [
    one({ readinessProbe: probe({ tcpSocket: { port: 80 } }) }),
    'spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
  ],
  'a probe does something': [
    one({ readinessProbe: { periodSeconds: 3 } }),
    'spec.containers[0].readinessProbe: Required value: must specify a handler type',
  ],
  'only readiness needs more than one success': [
    one({ livenessProbe: probe({ successThreshold: 2 }) }),
    'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
  ],
  'times of a probe are not negative': [
    one({ livenessProbe: probe({ periodSeconds: -1 }) }),
    'spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0',
  ],
  'a command of a probe is not empty': [
    one({ livenessProbe: { exec: {} } }),
    'spec.containers[0].livenessProbe.exec.command: Required value',
  ],
  'the port of a probe may be a name, of the right form': [
    one({ livenessProbe: { httpGet: { port: 'Web' } } }),
    'spec.containers[0].livenessProbe.httpGet.port: Invalid value: "Web": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
  ],
  'an init container is not probed': [
    { containers: [container], initContainers: [{ ...container, name: 'init', readinessProbe: probe({}) }] },
    'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
  ],
  'the restart policy is known': [
    { ...one({}), restartPolicy: 'Sometimes' },
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
  ],
  'the DNS policy is known': [
    { ...one({}), dnsPolicy: 'Mine' },
    'spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
  ],
  'own DNS has a server': [
    { ...one({}), dnsPolicy: 'None', dnsConfig: {} },
    'spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None',
  ],
  'a deadline is positive': [
    { ...one({}), activeDeadlineSeconds: 0 },
    'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
  ],
  'a host name is a label': [{ ...one({}), hostname: 'a.b' }, 'spec.hostname: Invalid value: "a.b": '],
  'a toleration without key tolerates all': [
    { ...one({}), tolerations: [{ operator: 'Equal' }] },
    'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
  ],
  'a toleration of a time is of evictions': [
    {
      ...one({}),
      tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 1 }],
    },
    `spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when \`tolerationSeconds\` is set`,
  ],
  'a name for an address is a name': [
    { ...one({}), hostAliases: [{ ip: '1.2.3.4', hostnames: ['a_b'] }] },
    'spec.hostAliases[0].hostnames[0]: Invalid value: "a_b": ',
  ],
};

let registry: TestRegistry;
before(async () => (registry = await startRegistry()));
after(() => registry.stop());

const create = (name: string, spec: JsonObject): Promise<unknown> =>
  registry.resource('pods').write.create(scopeOf(), { metadata: { name }, spec });

describe('a new Pod', () => {
  let n = 0;
  for (const [sentence, [spec, expected]] of Object.entries(pods)) {
    it(sentence, async () => {
      const name = `pod-${n++}`;
      const answer = await refusalOf(create(name, spec));
      if (expected === 'accepted') assert.equal(answer, 'accepted');
      else assert.ok(answer.startsWith(`422 Invalid: Pod "${name}" is invalid: ${expected}`), answer);
    });
  }

  it('is pending, of a class by its resources, and has an account', async () => {
    const classOf = async (name: string, resources: JsonObject): Promise<JsonObject> =>
      json(await create(name, one({ resources })));
    const best = await classOf('best', {});
    assert.deepEqual(best.status, { phase: 'Pending', qosClass: 'BestEffort' });
    assert.equal((best.spec as JsonObject).serviceAccountName, 'default');
    const burst = await classOf('burst', { requests: { cpu: '100m' } });
    assert.equal((burst.status as JsonObject).qosClass, 'Burstable');
    const sure = await classOf('sure', { limits: { cpu: '1', memory: '1Gi' } });
    assert.equal((sure.status as JsonObject).qosClass, 'Guaranteed');
  });

  it('with a gate says why nobody schedules it', async () => {
    const pod = json(await create('gated', { ...one({}), schedulingGates: [{ name: 'a' }] }));
    const [condition] = (pod.status as { conditions: JsonObject[] }).conditions;
    assert.equal(condition?.reason, 'SchedulingGated');
  });
});

/** Changes of the spec of a standing Pod -> refusal, or 'accepted'. */
const changes: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'may get another image': [one({ image: 'other' }), 'accepted'],
  'may get a deadline': [{ ...one({}), activeDeadlineSeconds: 5 }, 'accepted'],
  'may tolerate more': [
    {
      ...one({}),
      tolerations: [
        { key: 'a', operator: 'Exists' },
        { key: 'b', operator: 'Exists' },
      ],
    },
    'accepted',
  ],
  'may not tolerate less': [
    { ...one({}), tolerations: [] },
    'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
  ],
  'gets no other container': [
    { containers: [container, { ...container, name: 'b' }] },
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ],
  'gets no other command': [
    one({ command: ['x'] }),
    'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`',
  ],
  'gets no gate': [
    { ...one({}), schedulingGates: [{ name: 'a' }] },
    'spec.schedulingGates: Forbidden: only deletion is allowed',
  ],
  'does not lose its image': [one({ image: '' }), 'spec.containers[0].image: Required value'],
  'does not move': [
    { ...one({}), nodeName: 'node-2' },
    'spec: Forbidden: pod updates may not change fields other than',
  ],
};

describe('a standing Pod', () => {
  let n = 0;
  for (const [sentence, [spec, expected]] of Object.entries(changes)) {
    it(sentence, async () => {
      const name = `standing-${n++}`;
      const tolerations = [{ key: 'a', operator: 'Exists' }];
      const pod = json(await create(name, { ...one({}), tolerations }));
      const body = { ...pod, spec: { ...(pod.spec as JsonObject), ...withContainers(pod, spec) } };
      const answer = await refusalOf(registry.resource('pods').write.update(scopeOf(), { name, body }));
      if (expected === 'accepted') assert.equal(answer, 'accepted');
      else assert.ok(answer.includes(expected), answer);
    });
  }
});

/** The containers of `spec` with the defaults that the standing Pod's have. */
function withContainers(pod: JsonObject, spec: JsonObject): JsonObject {
  const [standing] = (pod.spec as { containers: JsonObject[] }).containers;
  const containers = (spec.containers as JsonObject[]).map((each) => ({ ...standing, ...each }));
  return { ...spec, containers };
}
