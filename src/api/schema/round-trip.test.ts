import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../base/json.ts';
import { arbitraryObject, completeValue } from '../../testing/arbitrary-object.ts';
import { asJson } from '../kind.ts';
import { allKinds, kindOf } from '../kinds.ts';
import { decodeObject } from './decode.ts';
import { applyDefaults } from './defaults.ts';
import { strictYamlParseAll } from './strict-yaml.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

/** Every member of `part` stands in `whole` with the same value. */
function assertContains(whole: unknown, part: unknown, path = ''): void {
  if (Array.isArray(part)) {
    assert.ok(Array.isArray(whole) && whole.length === part.length, path);
    part.forEach((item, i) => assertContains(whole[i], item, `${path}[${i}]`));
  } else if (typeof part === 'object' && part !== null) {
    assert.ok(typeof whole === 'object' && whole !== null, path);
    for (const [name, value] of Object.entries(part)) {
      assertContains((whole as Record<string, unknown>)[name], value, `${path}.${name}`);
    }
  } else assert.deepEqual(whole, part, path);
}

/** The members of `whole` whose names `part` has not. */
const without = (whole: unknown, part: unknown): object =>
  Object.fromEntries(
    Object.entries(whole as object).filter(([name]) => !Object.hasOwn(part as object, name)),
  );

describe('every kind survives a round trip', () => {
  for (const kind of allKinds) {
    it(`any ${kind.kind}, strictly`, () => {
      fc.assert(
        fc.property(arbitraryObject(kind), (object) => {
          const { object: decoded } = decodeObject(kind, JSON.parse(JSON.stringify(object)), {
            mode: 'Strict',
          });
          assert.deepEqual(decoded, object);
        }),
        { numRuns: 60 },
      );
    });

    it(`any ${kind.kind} keeps what it has when defaults are added, once and for all`, () => {
      fc.assert(
        fc.property(arbitraryObject(kind), (object) => {
          const { object: decoded } = decodeObject(kind, object, { mode: 'Strict' });
          const full = applyDefaults(kind, decoded);
          const { stringData = {}, ...kept } = asJson(decoded);
          const { sessionAffinityConfig: _, ...spec } = (kept.spec ?? {}) as JsonObject;
          assertContains(full, {
            ...kept,
            ...(kept.spec === undefined ? {} : { spec }),
            // What is written as text wins over what is there.
            ...(kept.data === undefined ? {} : { data: without(kept.data, stringData) }),
          });
          assert.equal(applyDefaults(kind, full), full);
        }),
        { numRuns: 40 },
      );
    });

    it(`a ${kind.kind} with every field set`, () => {
      const object = { apiVersion: '', kind: '', ...(completeValue(kind.schema) as JsonObject) };
      const { apiVersion: _a, kind: _k, ...decoded } = decodeObject(kind, object, { mode: 'Strict' }).object;
      assert.deepEqual(decoded, completeValue(kind.schema));
    });
  }
});

const manifests = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: nginx
  labels: {app: nginx}
spec:
  replicas: 3
  selector: {matchLabels: {app: nginx}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: nginx}, annotations: {prometheus.io/scrape: "true"}}
    spec:
      containers:
        - name: nginx
          image: nginx:1.14.2
          ports: [{name: http, containerPort: 80}]
          resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
          readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 5}
---
apiVersion: v1
kind: Pod
metadata: {name: everything, namespace: default}
spec:
  restartPolicy: OnFailure
  serviceAccountName: web
  hostname: web-0
  subdomain: web
  terminationGracePeriodSeconds: 5
  nodeSelector: {disktype: ssd}
  securityContext: {runAsUser: 1000, fsGroup: 2000, sysctls: [{name: net.core.somaxconn, value: "1024"}]}
  imagePullSecrets: [{name: registry}]
  dnsPolicy: None
  dnsConfig: {nameservers: [10.96.0.10], searches: [cluster.local], options: [{name: ndots, value: "5"}]}
  hostAliases: [{ip: 127.0.0.1, hostnames: [foo.local]}]
  readinessGates: [{conditionType: example.com/lb}]
  tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]
  topologySpreadConstraints:
    - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms: [{matchExpressions: [{key: os, operator: In, values: [linux]}]}]
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - {weight: 100, podAffinityTerm: {topologyKey: host, labelSelector: {matchLabels: {app: web}}}}
  initContainers:
    - {name: init, image: busybox, command: [sh, -c, "until nslookup db; do sleep 1; done"]}
    - {name: sidecar, image: proxy, restartPolicy: Always}
  containers:
    - name: main
      image: web@sha256:0000000000000000000000000000000000000000000000000000000000000000
      command: [/bin/web]
      args: ["--name", "$(NAME)"]
      workingDir: /srv
      envFrom: [{prefix: C_, configMapRef: {name: conf, optional: true}}, {secretRef: {name: sec}}]
      env:
        - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: MEM, valueFrom: {resourceFieldRef: {resource: limits.memory}}}
        - {name: KEY, valueFrom: {secretKeyRef: {name: sec, key: k}}}
        - {name: CONF, valueFrom: {configMapKeyRef: {name: conf, key: c, optional: true}}}
        - {name: PLAIN, value: x}
      ports: [{containerPort: 8080, hostPort: 80, hostIP: 127.0.0.1, protocol: UDP}]
      livenessProbe: {exec: {command: [cat, /ok]}, initialDelaySeconds: 3, failureThreshold: 1}
      readinessProbe: {grpc: {port: 9000, service: web}}
      startupProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
      lifecycle: {preStop: {sleep: {seconds: 2}}, postStart: {exec: {command: ["true"]}}}
      securityContext: {capabilities: {add: [NET_ADMIN], drop: [ALL]}, readOnlyRootFilesystem: true}
      volumeMounts: [{name: data, mountPath: /data, subPath: a}, {name: tmp, mountPath: /tmp, readOnly: true}]
  volumes:
    - {name: data, persistentVolumeClaim: {claimName: data}}
    - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 1Gi}}
    - {name: host, hostPath: {path: /var/log, type: Directory}}
    - {name: conf, configMap: {name: conf, items: [{key: a, path: b, mode: 0600}]}}
    - name: all
      projected:
        sources:
          - serviceAccountToken: {path: token, expirationSeconds: 7200, audience: vault}
          - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
          - secret: {name: sec}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: db}
spec:
  replicas: 0
  selector: {matchExpressions: [{key: app, operator: In, values: [db]}]}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: "db:1", volumeMounts: [{name: www, mountPath: /www}]}]
      volumes:
        - name: www
          ephemeral:
            volumeClaimTemplate:
              metadata: {labels: {a: b}}
              spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, storageClassName: fast}
`;

describe('ordinary manifests lose nothing', () => {
  for (const { value, duplicates } of strictYamlParseAll(manifests)) {
    const body = value as JsonObject & { readonly apiVersion: string; readonly kind: string };
    it(`${body.kind} ${JSON.stringify(body.metadata)}`, () => {
      const kind = kindOf(body.apiVersion, body.kind);
      assert.ok(kind !== undefined);
      const { object } = decodeObject(kind, body, { mode: 'Strict', duplicates });
      assert.deepEqual(object, body);
      assertContains(applyDefaults(kind, object), body);
    });
  }
});
