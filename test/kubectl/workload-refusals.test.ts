import { configMap, deployment, endpoints, endpointSlice, pod } from './manifests.ts';
import { refusalCases } from './refusals.ts';

const container = (fields: object = {}): object => ({ name: 'main', image: 'host', ...fields });
const containers = (...list: readonly object[]) => ({ containers: list });
const invalid = (what: string, ...errors: readonly string[]): string =>
  errors.length === 1
    ? `The ${what} is invalid: ${errors[0]}`
    : `The ${what} is invalid: \n${errors.map((e) => `* ${e}`).join('\n')}`;
const address = (ip: string) => [{ addresses: [{ ip }], ports: [{ port: 80 }] }];

refusalCases('kubectl and wrong Deployments, Pods and endpoints', {
  'a Deployment without a selector': {
    input: deployment('a', { selector: undefined }),
    says: invalid(
      'Deployment "a"',
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ),
  },
  'a Deployment with an empty selector': {
    input: deployment('a', { selector: {} }),
    says: invalid(
      'Deployment "a"',
      'spec.selector: Invalid value: {}: empty selector is invalid for deployment',
    ),
  },
  'a selector that its own Pods do not match': {
    input: deployment('a', { selector: { matchLabels: { app: 'b' } } }),
    says: invalid(
      'Deployment "a"',
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ),
  },
  'another selector for a Deployment': {
    given: deployment('a', { replicas: 0 }),
    run: 'patch deployment a --type=merge -p {"spec":{"selector":{"matchLabels":{"app":"b"}},"template":{"metadata":{"labels":{"app":"b"}}}}}',
    says: 'The Deployment "a" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
  },
  'fewer than no replicas': {
    input: deployment('a', { replicas: -1 }),
    says: invalid('Deployment "a"', 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'),
  },
  'a rolling update that cannot move': {
    input: deployment('a', { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    says: invalid(
      'Deployment "a"',
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    ),
  },
  'a strategy with the settings of another': {
    input: deployment('a', { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } }),
    says: invalid(
      'Deployment "a"',
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ),
  },
  'a Deployment of Pods that end': {
    input: deployment('a', {}, { restartPolicy: 'Never' }),
    says: invalid(
      'Deployment "a"',
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ),
  },
  'a Pod without containers': {
    input: pod('a', containers()),
    says: invalid('Pod "a"', 'spec.containers: Required value'),
  },
  'two containers of one name': {
    input: pod('a', containers(container(), container())),
    says: invalid('Pod "a"', 'spec.containers[1].name: Duplicate value: "main"'),
  },
  'a container without an image': {
    input: pod('a', containers({ name: 'main' })),
    says: invalid('Pod "a"', 'spec.containers[0].image: Required value'),
  },
  'a restart policy nobody knows': {
    input: pod('a', { restartPolicy: 'Sometimes' }),
    says: invalid(
      'Pod "a"',
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ),
  },
  'a probe of two kinds': {
    input: pod(
      'a',
      containers(container({ readinessProbe: { tcpSocket: { port: 1 }, exec: { command: ['true'] } } })),
    ),
    says: 'The Pod "a" is invalid: spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
  },
  'a probe of no kind': {
    input: pod('a', containers(container({ livenessProbe: { periodSeconds: 1 } }))),
    says: invalid('Pod "a"', 'spec.containers[0].livenessProbe: Required value: must specify a handler type'),
  },
  'a liveness probe that must succeed twice': {
    input: pod(
      'a',
      containers(container({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } })),
    ),
    says: invalid(
      'Pod "a"',
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ),
  },
  'a volume that is not there': {
    input: pod('a', containers(container({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }))),
    says: invalid('Pod "a"', 'spec.containers[0].volumeMounts[0].name: Not found: "data"'),
  },
  'a container port out of range': {
    input: pod('a', containers(container({ ports: [{ containerPort: 0 }] }))),
    says: 'The Pod "a" is invalid: spec.containers[0].ports[0].containerPort: Required value',
  },
  'a quantity that is none': {
    input: pod('a', containers(container({ resources: { limits: { memory: 'much' } } }))),
    says: 'Error from server (BadRequest): error when creating "STDIN": Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\'',
  },
  'requests above limits': {
    input: pod('a', containers(container({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }))),
    says: invalid(
      'Pod "a"',
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ),
  },
  'a change of what a Pod is made of': {
    given: pod('a'),
    run: 'patch pod a -p {"spec":{"containers":[{"name":"main","command":["true"]}]}}',
    says: /^The Pod "a" is invalid: spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`/,
  },
  'a host name with capitals': {
    input: pod('a', { hostname: 'A' }),
    says: "The Pod \"a\" is invalid: spec.hostname: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  },
  'endpoints on the loopback': {
    input: endpoints('a', address('127.0.0.1')),
    says: invalid(
      'Endpoints "a"',
      'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ),
  },
  'endpoints that are link-local': {
    input: endpoints('a', address('169.254.1.1')),
    says: invalid(
      'Endpoints "a"',
      'subsets[0].addresses[0].ip: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ),
  },
  'endpoints that are link-local multicast': {
    input: endpoints('a', address('224.0.0.1')),
    says: invalid(
      'Endpoints "a"',
      'subsets[0].addresses[0].ip: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
    ),
  },
  'endpoints that are no address': {
    input: endpoints('a', address('1.2.3')),
    says: 'The Endpoints "a" is invalid: \n* subsets[0].addresses[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)\n* subsets[0].addresses[0].ip: Invalid value: "1.2.3": must be a valid IP address',
  },
  'endpoints without addresses': {
    input: endpoints('a', [{ ports: [{ port: 80 }] }]),
    says: invalid(
      'Endpoints "a"',
      'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
    ),
  },
  'a slice of a family nobody knows': {
    input: endpointSlice('a', { addressType: 'IPX' }),
    says: invalid(
      'EndpointSlice "a"',
      'addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6"',
    ),
  },
  'a slice with an address of the other family': {
    input: endpointSlice('a', { endpoints: [{ addresses: ['2001:db8::1'] }] }),
    says: invalid(
      'EndpointSlice "a"',
      'endpoints[0].addresses[0]: Invalid value: "2001:db8::1": must be a valid IPv4 address',
    ),
  },
  'a slice with an endpoint without addresses': {
    input: endpointSlice('a', { endpoints: [{ addresses: [] }] }),
    says: invalid(
      'EndpointSlice "a"',
      'endpoints[0].addresses: Required value: must contain at least 1 address',
    ),
  },
  'a slice with one port name twice': {
    input: endpointSlice('a', {
      ports: [
        { name: 'x', port: 1 },
        { name: 'x', port: 2 },
      ],
    }),
    says: invalid('EndpointSlice "a"', 'ports[1].name: Duplicate value: "x"'),
  },
  'a ConfigMap with a key that is no file name': {
    input: configMap('a', { 'a b': '1' }),
    says: "The ConfigMap \"a\" is invalid: data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
  },
  'a change of a ConfigMap that must not change': {
    given: { ...configMap('a'), immutable: true },
    run: 'patch configmap a --type=merge -p {"data":{"a":"2"}}',
    says: invalid('ConfigMap "a"', 'data: Forbidden: field is immutable when `immutable` is set'),
  },
  'a Secret that is not base64': {
    input: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data: { a: '!' } },
    says: 'Error from server (BadRequest): error when creating "STDIN": Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
  },
  'another type for a Secret': {
    given: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } },
    run: 'patch secret a --type=merge -p {"type":"example.com/other"}',
    says: 'The Secret "a" is invalid: type: Invalid value: "example.com/other": field is immutable',
  },
});
