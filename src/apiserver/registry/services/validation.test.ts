import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { services, type Service } from '../../../api/core/v1/service.ts';
import { formatFieldErrors } from '../../../api/errors/field-error.ts';
import { decodeObject } from '../../../api/schema/decode.ts';
import { applyDefaults } from '../../../api/schema/defaults.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { featureGates } from '../../feature-gates.ts';
import { serviceStatusStrategy, serviceStrategy } from './strategy.ts';

const nothing = { range: '', contains: () => false, findFree: () => undefined };
const strategyOn = (families: readonly IpFamily[]) =>
  serviceStrategy({
    families,
    allocation: { addresses: {}, addressHolder: () => undefined, nodePorts: nothing },
  });
const single = strategyOn(['IPv4']);

const web = { name: 'web', namespace: 'default' };
const port80 = { port: 80 };

function read(spec: JsonObject, extra: JsonObject = {}): Service {
  const { object } = decodeObject(services, { metadata: web, spec, ...extra }, { mode: 'Strict' });
  return applyDefaults(services, object);
}

function faultsOf(spec: JsonObject, strategy = single, extra: JsonObject = {}): string {
  const next = strategy.prepare({ next: read(spec, extra), prev: undefined });
  const errors = strategy.validate({ next, prev: undefined });
  return errors.length === 0 ? 'valid' : formatFieldErrors(errors);
}

/** spec -> the errors' text, or 'valid'. */
const creates: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'one port is enough': [{ ports: [port80] }, 'valid'],
  'ports are required': [{}, 'spec.ports: Required value'],
  'a headless Service needs no ports': [{ clusterIP: 'None' }, 'valid'],
  'several ports need names': [
    { ports: [port80, { port: 81, name: 'b' }] },
    'spec.ports[0].name: Required value',
  ],
  'port names are unique': [
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'a' },
      ],
    },
    'spec.ports[1].name: Duplicate value: "a"',
  ],
  'a port name may begin with a digit': [{ ports: [{ port: 80, name: '123-abc' }] }, 'valid'],
  'a port name has no underscore': [
    { ports: [{ port: 80, name: '123_abc' }] },
    `spec.ports[0].name: Invalid value: "123_abc": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
  ],
  'a port name does not begin with a hyphen': [
    { ports: [{ port: 80, name: '-web' }] },
    `spec.ports[0].name: Invalid value: "-web": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
  ],
  'port 0 is wrong as port and as the target it defaults to': [
    { ports: [{ port: 0 }] },
    '[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive]',
  ],
  'a port is at most 65535': [
    { ports: [{ port: 65536, targetPort: 80 }] },
    'spec.ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive',
  ],
  'a target port may be a name': [{ ports: [{ port: 80, targetPort: 'http-web-svc' }] }, 'valid'],
  'a target port name has at most 15 characters': [
    { ports: [{ port: 80, targetPort: 'sixteen-letters1' }] },
    'spec.ports[0].targetPort: Invalid value: "sixteen-letters1": must be no more than 15 bytes',
  ],
  'a target port name has no capitals': [
    { ports: [{ port: 80, targetPort: 'Http' }] },
    'spec.ports[0].targetPort: Invalid value: "Http": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
  ],
  'the protocol is known': [
    { ports: [{ port: 80, protocol: 'ICMP' }] },
    'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
  ],
  'one port number may serve two protocols': [
    {
      ports: [
        { port: 53, name: 'a' },
        { port: 53, name: 'b', protocol: 'UDP' },
      ],
    },
    'valid',
  ],
  'port and protocol together are unique': [
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 80, name: 'b' },
      ],
    },
    'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
  ],
  'node port and protocol together are unique': [
    {
      type: 'NodePort',
      ports: [
        { port: 80, name: 'a', nodePort: 30001 },
        { port: 81, name: 'b', nodePort: 30001 },
      ],
    },
    'spec.ports[1].nodePort: Duplicate value: 30001',
  ],
  'an application protocol is a qualified name': [
    { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] },
    'valid',
  ],
  'an application protocol has no blanks': [
    { ports: [{ port: 80, appProtocol: 'a b' }] },
    `spec.ports[0].appProtocol: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ],
  'the type is known': [
    { type: 'Loadbalancer', ports: [port80] },
    'spec.type: Unsupported value: "Loadbalancer": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  ],
  'the affinity is known': [
    { sessionAffinity: 'Cookie', ports: [port80] },
    'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
  ],
  'an affinity of a day is accepted': [
    {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 86400 } },
      ports: [port80],
    },
    'valid',
  ],
  'an affinity of more than a day is not': [
    {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } },
      ports: [port80],
    },
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
  ],
  'an affinity of no time is not': [
    {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } },
      ports: [port80],
    },
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400',
  ],
  'an empty affinity configuration is completed': [
    { sessionAffinity: 'ClientIP', sessionAffinityConfig: {}, ports: [port80] },
    'valid',
  ],
  'a node port needs a type that has one': [
    { ports: [{ port: 80, nodePort: 30001 }] },
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  ],
  'a node port Service is not headless': [
    { type: 'NodePort', clusterIP: 'None', ports: [port80] },
    `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
  ],
  'a load balancer is not headless': [
    { type: 'LoadBalancer', clusterIP: 'None', ports: [port80] },
    `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for LoadBalancer services`,
  ],
  'a load balancer may have the port of node agents, which older versions refused': [
    { type: 'LoadBalancer', ports: [{ port: 10250 }] },
    'valid',
  ],
  'a load balancer may mix protocols': [
    {
      type: 'LoadBalancer',
      ports: [
        { port: 53, name: 'a' },
        { port: 53, name: 'b', protocol: 'UDP' },
        { port: 54, name: 'c', protocol: 'SCTP' },
      ],
    },
    'valid',
  ],
  'a selector may be empty': [{ selector: {}, ports: [port80] }, 'valid'],
  'an affinity configuration without affinity is dropped': [
    { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } }, ports: [port80] },
    'valid',
  ],
  'an external policy is fine with external IPs': [
    { externalIPs: ['1.2.3.4'], externalTrafficPolicy: 'Local', ports: [port80] },
    'valid',
  ],
  'the class of a load balancer is a qualified name': [
    { type: 'LoadBalancer', loadBalancerClass: 'a b', ports: [port80] },
    `spec.loadBalancerClass: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ],
  'each distribution is fine': [{ trafficDistribution: 'PreferSameNode', ports: [port80] }, 'valid'],
  'an external IP is no IPv4 dressed as IPv6': [
    { externalIPs: ['::ffff:1.2.3.4'], ports: [port80] },
    'spec.externalIPs[0]: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address',
  ],
  'a source range has no bits beyond its prefix': [
    { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.1/8'], ports: [port80] },
    'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
  ],
  'a source range has no leading zeros': [
    { type: 'LoadBalancer', loadBalancerSourceRanges: ['010.0.0.0/8'], ports: [port80] },
    'spec.LoadBalancerSourceRanges[0]: Invalid value: "010.0.0.0/8": must not have leading 0s in IP or prefix length',
  ],
  'an external name is required': [{ type: 'ExternalName' }, 'spec.externalName: Required value'],
  'an external name may end with a dot': [
    { type: 'ExternalName', externalName: 'my.database.example.com.' },
    'valid',
  ],
  'an external name of digits is a name': [{ type: 'ExternalName', externalName: '10.1.2.3' }, 'valid'],
  'an external name is a DNS name': [
    { type: 'ExternalName', externalName: '-a' },
    `spec.externalName: Invalid value: "-a": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  ],
  'an external name has no cluster IP, families or policy': [
    {
      type: 'ExternalName',
      externalName: 'a.b',
      clusterIP: '10.96.0.5',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    },
    '[spec.clusterIPs: Forbidden: may not be set for ExternalName services, spec.ipFamilies: Forbidden: may not be set for ExternalName services, spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services]',
  ],
  'an external name left over on another type is harmless': [
    { externalName: 'a.b', ports: [port80] },
    'valid',
  ],
  'a selector is made of labels': [
    { selector: { 'a b': 'c' }, ports: [port80] },
    `spec.selector: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ],
  'an external IP is not loopback': [
    { externalIPs: ['127.0.0.1'], ports: [port80] },
    'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  'an external IP is not unspecified': [
    { externalIPs: ['0.0.0.0'], ports: [port80] },
    'spec.externalIPs[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
  ],
  'an external IP is not link-local': [
    { externalIPs: ['169.254.1.1'], ports: [port80] },
    'spec.externalIPs[0]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  'an external IP is not link-local multicast': [
    { externalIPs: ['224.0.0.5'], ports: [port80] },
    'spec.externalIPs[0]: Invalid value: "224.0.0.5": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
  'an external IP is an address': [
    { externalIPs: ['myhost'], ports: [port80] },
    'spec.externalIPs[0]: Invalid value: "myhost": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  'an external policy needs traffic from outside': [
    { externalTrafficPolicy: 'Local', ports: [port80] },
    'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
  ],
  'an external policy is known': [
    { type: 'NodePort', externalTrafficPolicy: 'Nearby', ports: [port80] },
    'spec.externalTrafficPolicy: Unsupported value: "Nearby": supported values: "Cluster", "Local"',
  ],
  'an internal policy is known': [
    { internalTrafficPolicy: 'Nearby', ports: [port80] },
    'spec.internalTrafficPolicy: Unsupported value: "Nearby": supported values: "Cluster", "Local"',
  ],
  'a distribution is known': [
    { trafficDistribution: 'PreferFar', ports: [port80] },
    'spec.trafficDistribution: Unsupported value: "PreferFar": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
  ],
  'a health check port needs a local load balancer': [
    { type: 'NodePort', healthCheckNodePort: 30001, ports: [port80] },
    "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
  ],
  'a health check port is a port': [
    { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: -1, ports: [port80] },
    'spec.healthCheckNodePort: Invalid value: -1: must be between 1 and 65535, inclusive',
  ],
  'source ranges need a load balancer': [
    { loadBalancerSourceRanges: ['10.0.0.0/8'], ports: [port80] },
    "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
  ],
  'an external IP is not loopback of IPv6': [
    { externalIPs: ['::1'], ports: [port80] },
    'spec.externalIPs[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  'an external IP is not link-local of IPv6': [
    { externalIPs: ['fe80::1'], ports: [port80] },
    'spec.externalIPs[0]: Invalid value: "fe80::1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  'source ranges may have blanks around them': [
    { type: 'LoadBalancer', loadBalancerSourceRanges: [' 10.0.0.0/8 '], ports: [port80] },
    'valid',
  ],
  'source ranges are CIDRs': [
    { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0'], ports: [port80] },
    'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ],
  'the class of a load balancer needs one': [
    { loadBalancerClass: 'a.b/c', ports: [port80] },
    "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
  ],
  'allocating node ports needs a load balancer': [
    { allocateLoadBalancerNodePorts: true, ports: [port80] },
    "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
  ],
};

describe('a new Service', () => {
  for (const [sentence, [spec, expected]] of Object.entries(creates)) {
    it(sentence, () => assert.equal(faultsOf(spec), expected));
  }

  it('checks source ranges in the annotation that came before the field', () => {
    const annotations = { 'service.beta.kubernetes.io/load-balancer-source-ranges': '10.0.0.0/8, 10.0' };
    const text = faultsOf({ type: 'LoadBalancer', ports: [port80] }, single, {
      metadata: { ...web, annotations },
    });
    assert.match(
      text,
      /^metadata\.annotations\[service\.beta.*\]: Invalid value: "10\.0": must be a valid CIDR value/,
    );
  });

  it('wants the two topology annotations to agree', () => {
    const annotations = {
      'service.kubernetes.io/topology-mode': 'Auto',
      'service.kubernetes.io/topology-aware-hints': 'Disabled',
    };
    const text = faultsOf({ ports: [port80] }, single, { metadata: { ...web, annotations } });
    assert.match(text, /must match annotations\[service\.kubernetes\.io\/topology-aware-hints\] when both/);
  });
});

const ingressFaults: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'an address is fine': [{ ip: '1.2.3.4' }, 'valid'],
  'a host name is fine': [{ hostname: 'lb.example.com' }, 'valid'],
  'an address is an address': [
    { ip: 'lb' },
    'status.loadBalancer.ingress[0].ip: Invalid value: "lb": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  'a host name is no address': [
    { hostname: '1.2.3.4' },
    'status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
  ],
  'a mode is of an address': [
    { hostname: 'lb.example.com', ipMode: 'VIP' },
    'status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set',
  ],
  'a mode is known': [
    { ip: '1.2.3.4', ipMode: 'NAT' },
    'status.loadBalancer.ingress[0].ipMode: Unsupported value: "NAT": supported values: "Proxy", "VIP"',
  ],
};

const lb = { type: 'LoadBalancer', ports: [port80] };

describe('the status of a Service', () => {
  const prev = single.prepare({ next: read({ ports: [port80] }), prev: undefined });
  for (const [sentence, [ingress, expected]] of Object.entries(ingressFaults)) {
    it(sentence, () => {
      const next = read(lb, { status: { loadBalancer: { ingress: [ingress] } } });
      const errors = serviceStatusStrategy().validate({ next, prev });
      assert.equal(errors.length === 0 ? 'valid' : formatFieldErrors(errors), expected);
    });
  }

  it('has a load balancer only where there is one, which older versions did not mind', () => {
    const status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } };
    const next = read({ ports: [port80] }, { status });
    assert.equal(
      formatFieldErrors(serviceStatusStrategy().validate({ next, prev })),
      "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
    );
    const gates = featureGates({ AllowServiceLBStatusOnNonLB: true });
    assert.deepEqual(serviceStatusStrategy(gates).validate({ next, prev }), []);
  });

  it('changes nothing but the status', () => {
    const written = read(
      { ports: [{ port: 99 }] },
      { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } },
    );
    const next = serviceStatusStrategy().prepare({ next: written, prev });
    assert.deepEqual(next.spec, prev.spec);
    assert.deepEqual(next.status?.loadBalancer?.ingress, [{ ip: '1.2.3.4', ipMode: 'VIP' }]);
  });
});
