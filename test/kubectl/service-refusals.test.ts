import { service } from './manifests.ts';
import { refusalCases } from './refusals.ts';

const invalid = (name: string, ...errors: readonly string[]): string =>
  errors.length === 1
    ? `The Service "${name}" is invalid: ${errors[0]}`
    : `The Service "${name}" is invalid: \n${errors.map((e) => `* ${e}`).join('\n')}`;
const ports = (...list: readonly object[]) => ({ ports: list });
const dnsLabel =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const portName =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const portRange = 'must be between 1 and 65535, inclusive';

refusalCases('kubectl and wrong Services', {
  'a name in capitals': {
    input: service('Upper'),
    says: invalid('Upper', `metadata.name: Invalid value: "Upper": ${dnsLabel}`),
  },
  'a name that starts with a digit': {
    input: service('1st'),
    says: invalid('1st', `metadata.name: Invalid value: "1st": ${dnsLabel}`),
  },
  'a name of 64 characters': {
    input: service('a'.repeat(64)),
    says: 'The Service "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" is invalid: metadata.name: Invalid value: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": must be no more than 63 bytes',
  },
  'no ports': { input: service('a', ports()), says: invalid('a', 'spec.ports: Required value') },
  'port 0': {
    input: service('a', ports({ port: 0 })),
    says: invalid(
      'a',
      `spec.ports[0].port: Invalid value: 0: ${portRange}`,
      `spec.ports[0].targetPort: Invalid value: 0: ${portRange}`,
    ),
  },
  'port 70000': {
    input: service('a', ports({ port: 70000 })),
    says: invalid(
      'a',
      `spec.ports[0].port: Invalid value: 70000: ${portRange}`,
      `spec.ports[0].targetPort: Invalid value: 70000: ${portRange}`,
    ),
  },
  'a port without a number': {
    input: service('a', ports({ name: 'http' })),
    says: invalid(
      'a',
      `spec.ports[0].port: Invalid value: 0: ${portRange}`,
      `spec.ports[0].targetPort: Invalid value: 0: ${portRange}`,
    ),
  },
  'targetPort 65536': {
    input: service('a', ports({ port: 80, targetPort: 65536 })),
    says: invalid('a', `spec.ports[0].targetPort: Invalid value: 65536: ${portRange}`),
  },
  'a targetPort that is no port name': {
    input: service('a', ports({ port: 80, targetPort: 'a_b' })),
    says: 'The Service "a" is invalid: spec.ports[0].targetPort: Invalid value: "a_b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
  },
  'two ports without names': {
    input: service('a', ports({ port: 80 }, { port: 81 })),
    says: invalid('a', 'spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'),
  },
  'two ports of one name': {
    input: service('a', ports({ name: 'http', port: 80 }, { name: 'http', port: 81 })),
    says: invalid('a', 'spec.ports[1].name: Duplicate value: "http"'),
  },
  'one port twice': {
    input: service('a', ports({ name: 'x', port: 80 }, { name: 'y', port: 80 })),
    says: 'The Service "a" is invalid: spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
  },
  'a port name with an underscore': {
    input: service('a', ports({ name: '123_abc', port: 80 })),
    says: invalid('a', `spec.ports[0].name: Invalid value: "123_abc": ${portName}`),
  },
  'a port name that starts with a dash': {
    input: service('a', ports({ name: '-web', port: 80 })),
    says: invalid('a', `spec.ports[0].name: Invalid value: "-web": ${portName}`),
  },
  'a protocol nobody knows': {
    input: service('a', ports({ port: 80, protocol: 'HTTP' })),
    says: invalid(
      'a',
      'spec.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
    ),
  },
  'a type nobody knows': {
    input: service('a', { type: 'Virtual' }),
    says: invalid(
      'a',
      'spec.type: Unsupported value: "Virtual": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ),
  },
  'a node port without a type that has them': {
    input: service('a', ports({ port: 80, nodePort: 30008 })),
    says: invalid('a', "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"),
  },
  'a node port out of range': {
    input: service('a', { type: 'NodePort', ...ports({ port: 80, nodePort: 80 }) }),
    says: invalid(
      'a',
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ),
  },
  'a node port that another Service has': {
    given: service('first', { type: 'NodePort', ...ports({ port: 80, nodePort: 30009 }) }),
    input: service('a', { type: 'NodePort', ...ports({ port: 80, nodePort: 30009 }) }),
    says: invalid('a', 'spec.ports[0].nodePort: Invalid value: 30009: provided port is already allocated'),
  },
  'a cluster IP that another Service has': {
    input: service('a', { clusterIP: '10.96.0.1' }),
    says: invalid(
      'a',
      'spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated',
    ),
  },
  'a cluster IP outside the range': {
    input: service('a', { clusterIP: '192.0.2.1' }),
    says: 'The Service "a" is invalid: spec.clusterIPs: Invalid value: ["192.0.2.1"]: failed to allocate IP 192.0.2.1: the provided IP (192.0.2.1) is not in the valid range. The range of valid IPs is 10.96.0.0/12',
  },
  'a cluster IP that is no address': {
    input: service('a', { clusterIP: 'ten' }),
    says: 'The Service "a" is invalid: spec.clusterIPs[0]: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  },
  'another cluster IP for a Service that has one': {
    given: service('a', { clusterIP: '10.96.9.1' }),
    run: 'patch service a --type=merge -p {"spec":{"clusterIP":"10.96.9.2","clusterIPs":["10.96.9.2"]}}',
    says: invalid('a', 'spec.clusterIPs[0]: Invalid value: ["10.96.9.2"]: may not change once set'),
  },
  'a headless Service with node ports': {
    input: service('a', { type: 'NodePort', clusterIP: 'None' }),
    says: invalid(
      'a',
      'spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services',
    ),
  },
  'an external name Service without the name': {
    input: service('a', { type: 'ExternalName' }),
    says: invalid('a', 'spec.externalName: Required value'),
  },
  'an external name that is no name': {
    input: service('a', { type: 'ExternalName', externalName: 'not a name' }),
    says: "The Service \"a\" is invalid: spec.externalName: Invalid value: \"not a name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  },
  'an external name Service with a cluster IP': {
    input: service('a', { type: 'ExternalName', externalName: 'a.example.com', clusterIP: '10.96.9.3' }),
    says: invalid('a', 'spec.clusterIPs: Forbidden: may not be set for ExternalName services'),
  },
  'an affinity nobody knows': {
    input: service('a', { sessionAffinity: 'Cookie' }),
    says: invalid(
      'a',
      'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
    ),
  },
  'an affinity of more than a day': {
    input: service('a', {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } },
    }),
    says: invalid(
      'a',
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
    ),
  },
  'a selector that no label can match': {
    input: service('a', { selector: { app: 'not a value' } }),
    says: "The Service \"a\" is invalid: spec.selector: Invalid value: \"not a value\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
  },
  'a label with a bad key': {
    input: service('a', {}, { labels: { '-x': 'y' } }),
    says: "The Service \"a\" is invalid: metadata.labels: Invalid value: \"-x\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  },
  'an annotation with a bad key': {
    input: service('a', {}, { annotations: { 'a b': 'y' } }),
    says: "The Service \"a\" is invalid: metadata.annotations: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  },
  'both families on a cluster of one': {
    input: service('a', { ipFamilyPolicy: 'RequireDualStack' }),
    says: 'The Service "a" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  },
  'a family the cluster does not have': {
    input: service('a', { ipFamilies: ['IPv6'] }),
    says: invalid('a', 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
  },
  'a policy for outside traffic that cannot come': {
    input: service('a', { externalTrafficPolicy: 'Local' }),
    says: invalid(
      'a',
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ),
  },
  'external IPs, which anyone could claim': {
    input: service('a', { externalIPs: ['192.0.2.1'] }),
    says: 'Error from server (Forbidden): error when creating "STDIN": services "a" is forbidden: Use of external IPs is denied by admission control',
  },
  'from external name to cluster IP without ports': {
    given: service('a', { type: 'ExternalName', externalName: 'a.example.com', ports: [] }),
    run: 'patch service a -p {"spec":{"type":"ClusterIP","externalName":null}}',
    says: invalid('a', 'spec.ports: Required value'),
  },
  'several faults at once are all named': {
    input: service('a', { type: 'NodePort', sessionAffinity: 'Cookie', ...ports({ port: 0 }) }),
    says: invalid(
      'a',
      `spec.ports[0].port: Invalid value: 0: ${portRange}`,
      `spec.ports[0].targetPort: Invalid value: 0: ${portRange}`,
      'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
    ),
  },
});
