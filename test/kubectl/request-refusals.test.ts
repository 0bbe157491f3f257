import { configMap, deployment, service } from './manifests.ts';
import { refusalCases } from './refusals.ts';

const notFound = (what: string): string => `Error from server (NotFound): ${what} not found`;
const conflict = (what: string, name: string): string =>
  `Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on ${what} "${name}": the object has been modified; please apply your changes to the latest version and try again`;

refusalCases('kubectl and wrong requests', {
  'a field that does not exist': {
    run: 'create --validate=strict -f -',
    input: service('a', { portz: [] }),
    says: 'Error from server (BadRequest): error when creating "STDIN": Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.portz"',
  },
  'several fields that do not exist': {
    input: service('a', { ports: [{ port: 80, prot: 'TCP' }], sel: {} }),
    says: /strict decoding error: unknown field "spec\.ports\[0\]\.prot", unknown field "spec\.sel"$/,
  },
  'a field twice': {
    run: 'create --raw /api/v1/namespaces/{ns}/services?fieldValidation=Strict -f -',
    input:
      '{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":80,"port":81}]}}',
    says: /strict decoding error: duplicate field "spec\.ports\[0\]\.port"$/,
  },
  'text where a number belongs': {
    input: service('a', { ports: [{ port: 'http' }] }),
    says: /^Error from server \(BadRequest\): error when creating "STDIN": Service in version "v1" cannot be handled as a Service: json: cannot unmarshal string into Go struct field ServicePort\.spec\.ports\.port of type int32$/,
  },
  'a list where an object belongs': {
    input: { ...service('a'), spec: [] },
    says: /^Error from server \(BadRequest\): .*json: cannot unmarshal array into Go struct field Service\.spec of type v1\.ServiceSpec$/,
  },
  'a number where text belongs': {
    input: configMap('a', { a: 1 }),
    says: /^Error from server \(BadRequest\): .*json: cannot unmarshal number into Go struct field ConfigMap\.data of type string$/,
  },
  'a kind that does not exist': {
    input: { apiVersion: 'v1', kind: 'Sevice', metadata: { name: 'a' } },
    says: 'error: resource mapping not found for name: "a" namespace: "" from "STDIN": no matches for kind "Sevice" in version "v1"\nensure CRDs are installed first',
  },
  'a group that does not exist': {
    input: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a' } },
    says: 'error: resource mapping not found for name: "a" namespace: "" from "STDIN": no matches for kind "Thing" in version "example.com/v1"\nensure CRDs are installed first',
  },
  'a resource type that does not exist': {
    run: 'get things',
    says: `error: the server doesn't have a resource type "things"`,
  },
  'a manifest without its kind': {
    input: { apiVersion: 'v1', metadata: { name: 'a' } },
    says: /error validating data: kind not set/,
  },
  'a manifest without a name': {
    input: { apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 80 }] } },
    says: /^(error: error when creating "STDIN": )?(error: )?resource name may not be empty$|metadata\.name: Required value: name or generateName is required/,
  },
  'a body that is no object': {
    run: 'create --raw /api/v1/namespaces/{ns}/services -f -',
    input: '[1, 2',
    says: /^Error from server \(BadRequest\): /,
  },
  'a namespace that does not exist': {
    run: 'create -n nowhere -f -',
    input: service('a'),
    says: 'Error from server (NotFound): error when creating "STDIN": namespaces "nowhere" not found',
  },
  'two namespaces at once': {
    run: 'create --raw /api/v1/namespaces/{ns}/services -f -',
    input: service('a', {}, { namespace: 'default' }),
    says: 'Error from server (BadRequest): the namespace of the provided object does not match the namespace sent on the request',
  },
  'a name that is taken': {
    given: service('a'),
    input: service('a'),
    says: 'Error from server (AlreadyExists): error when creating "STDIN": services "a" already exists',
  },
  'a replacement of an old revision': {
    given: configMap('a'),
    run: 'replace -f -',
    input: configMap('a', { a: '2' }, { resourceVersion: '1' }),
    says: conflict('configmaps', 'a'),
  },
  'a replacement of nothing': {
    run: 'replace -f -',
    input: configMap('a'),
    says: 'Error from server (NotFound): error when replacing "STDIN": configmaps "a" not found',
  },
  'a patch of an old revision': {
    given: configMap('a'),
    run: 'patch configmap a --type=merge -p {"metadata":{"resourceVersion":"1"},"data":{"a":"2"}}',
    says: 'Error from server (Conflict): Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  },
  'a patch for another object of that name': {
    given: configMap('a'),
    run: 'patch configmap a --type=merge -p {"metadata":{"uid":"11111111-1111-1111-1111-111111111111"}}',
    says: /^Error from server \(Conflict\): Operation cannot be fulfilled on configmaps "a": Precondition failed: UID in precondition: 11111111-1111-1111-1111-111111111111, UID in object meta: /,
  },
  'a patch of the name': {
    given: configMap('a'),
    run: 'patch configmap a --type=merge -p {"metadata":{"name":"b"}}',
    says: 'Error from server (BadRequest): the name of the object (b) does not match the name on the URL (a)',
  },
  'a patch that makes the object wrong': {
    given: service('a'),
    run: 'patch service a -p {"spec":{"type":"Virtual"}}',
    says: 'The Service "a" is invalid: spec.type: Unsupported value: "Virtual": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  },
  'a JSON patch whose test fails': {
    given: configMap('a'),
    run: 'patch configmap a --type=json -p [{"op":"test","path":"/data/a","value":"2"},{"op":"remove","path":"/data/a"}]',
    says: /^The request is invalid: (the server rejected our request due to an error in our request|.*test.*)/,
  },
  'a JSON patch of a place that is not there': {
    given: configMap('a'),
    run: 'patch configmap a --type=json -p [{"op":"remove","path":"/data/b"}]',
    says: /^The request is invalid: (the server rejected our request due to an error in our request|.*\/data\/b.*)/,
  },
  'a patch that is no JSON': {
    given: configMap('a'),
    run: "patch configmap a -p '{'",
    says: /^Error from server \(BadRequest\): .*JSON/,
  },
  'get of nothing': { run: 'get service a', says: notFound('services "a"') },
  'get of nothing in a group': { run: 'get deployment a', says: notFound('deployments.apps "a"') },
  'describe of nothing': { run: 'describe service a', says: notFound('services "a"') },
  'delete of nothing': { run: 'delete service a', says: notFound('services "a"') },
  'label of nothing': { run: 'label service a x=y', says: notFound('services "a"') },
  'patch of nothing': { run: 'patch service a -p {"spec":{}}', says: notFound('services "a"') },
  'scale of nothing': {
    run: 'scale deployment a --replicas=2',
    says: 'error: no objects passed to scale deployments.apps "a" not found',
  },
  'scale of what cannot be scaled': {
    given: service('a'),
    run: 'scale service a --replicas=2',
    says: /^error: |^Error from server \(NotFound\): the server could not find the requested resource/,
  },
  'scale from a number that is not so': {
    given: deployment('a', { replicas: 0 }),
    run: 'scale deployment a --current-replicas=5 --replicas=1',
    says: /^error: Expected replicas to be 5, was 0$/,
  },
  'logs of nothing': {
    run: 'logs a',
    says: 'error: error from server (NotFound): pods "a" not found in namespace "{ns}"',
  },
  'a label that has another value': {
    given: service('a', {}, { labels: { x: 'y' } }),
    run: 'label service a x=z',
    says: "error: 'x' already has a value (y), and --overwrite is false",
  },
  'a label with a bad value': {
    given: service('a'),
    run: "label service a 'x=not this'",
    says: /^error: invalid label value: "x=not this": a valid label must be an empty string or consist of/,
  },
  'a label selector that does not parse': {
    run: "get services -l 'a in ('",
    says: /^Error from server \(BadRequest\): (Unable to find "\/v1, Resource=services" that match label selector "a in \(", field selector "": )?unable to parse requirement: /,
  },
  'a field selector on a field that is none': {
    run: 'get services --field-selector=spec.colour=red',
    says: /^Error from server \(BadRequest\): (Unable to find "\/v1, Resource=services" that match label selector "", field selector "spec\.colour=red": )?(field label not supported: spec\.colour|"spec\.colour" is not a known field selector.*)$/,
  },
  'a page token that is none': {
    run: 'get --raw /api/v1/services?limit=1&continue=nonsense',
    says: /^Error from server \(BadRequest\): .*continue/,
  },
  'a method that a resource does not have': {
    run: 'replace --raw /api/v1/namespaces/{ns}/services -f -',
    input: service('a'),
    says: /^Error from server \(MethodNotAllowed\): the server does not allow this method on the requested resource$/,
  },
  'deleting a namespace that must stay': {
    run: 'delete namespace default',
    says: /Error from server \(Forbidden\): namespaces "default" is forbidden: this namespace may not be deleted$/,
  },
  'a caller that nobody knows': {
    run: 'get services --kubeconfig=/dev/null --server={server} --insecure-skip-tls-verify --token=wrong',
    says: 'error: You must be logged in to the server (Unauthorized)',
  },
  'exposing what has no selector': {
    given: configMap('a'),
    run: 'expose configmap a --port=80',
    says: /^error: cannot expose a /,
  },
});
