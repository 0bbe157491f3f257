import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl, withoutDeprecations } from './kubectl-cases.ts';
import { configMap, deployment, endpointSlice, pod, service } from './manifests.ts';

const KINDS = [
  ['configmaps', 'cm', 'v1', 'true', 'ConfigMap'],
  ['endpoints', 'ep', 'v1', 'true', 'Endpoints'],
  ['events', 'ev', 'v1', 'true', 'Event'],
  ['namespaces', 'ns', 'v1', 'false', 'Namespace'],
  ['nodes', 'no', 'v1', 'false', 'Node'],
  ['pods', 'po', 'v1', 'true', 'Pod'],
  ['secrets', 'v1', 'true', 'Secret'],
  ['serviceaccounts', 'sa', 'v1', 'true', 'ServiceAccount'],
  ['services', 'svc', 'v1', 'true', 'Service'],
  ['deployments', 'deploy', 'apps/v1', 'true', 'Deployment'],
  ['replicasets', 'rs', 'apps/v1', 'true', 'ReplicaSet'],
  ['leases', 'coordination.k8s.io/v1', 'true', 'Lease'],
  ['endpointslices', 'discovery.k8s.io/v1', 'true', 'EndpointSlice'],
  ['events', 'ev', 'events.k8s.io/v1', 'true', 'Event'],
];

/** Without the ConfigMap that every namespace gets from a controller. */
async function names(kubectl: Kubectl, what: string): Promise<string> {
  const found = await kubectl.ok(`get ${what} -o jsonpath={.items[*].metadata.name}`);
  return found
    .split(' ')
    .filter((name) => name !== 'kube-root-ca.crt')
    .join(' ');
}

const coloured = ['red', 'green', 'blue'].map((colour) =>
  configMap(
    colour,
    {},
    { labels: { colour, ...(colour === 'blue' ? {} : { warm: String(colour === 'red') }) } },
  ),
);

kubectlCases('kubectl get, describe, explain and what they ask the server', {
  'the kinds, their short names and versions': async (kubectl) => {
    const table = (await kubectl.ok('api-resources --no-headers')).split('\n');
    const rows = table.map((line) => line.trim().split(/\s+/));
    const found = new Set(rows.map(String));
    for (const kind of KINDS) assert.ok(found.has(String(kind)), `${kind.join(' ')} in\n${table.join('\n')}`);
    const versions = (await kubectl.ok('api-versions')).split('\n');
    for (const version of [
      'v1',
      'apps/v1',
      'discovery.k8s.io/v1',
      'discovery.k8s.io/v1beta1',
      'events.k8s.io/v1',
    ]) {
      assert.ok(versions.includes(version), version);
    }
    assert.match(
      await kubectl.ok('api-resources --api-group=apps -o wide --no-headers'),
      /deployments .* create,delete,deletecollection,get,list,patch,update,watch +all/,
    );
  },
  'version, cluster-info and health': async (kubectl) => {
    assert.match(await kubectl.ok('version'), /^Server Version: v1\.\d+\.\d+\+portico$/m);
    assert.match(
      await kubectl.ok('cluster-info'),
      /control plane.* is running at .*https:\/\/127\.0\.0\.1:\d+/,
    );
    for (const path of ['/healthz', '/livez', '/readyz']) {
      assert.equal(await kubectl.ok(`get --raw ${path}`), 'ok');
    }
    assert.match(await kubectl.ok('get --raw /readyz?verbose'), /^readyz check passed$/m);
  },
  'objects in protobuf, which is how kubectl creates and describes': async (kubectl) => {
    const said = await kubectl.run('create configmap wire --from-literal=a=b -v=8');
    assert.equal(said.code, 0, said.stderr);
    assert.match(said.stderr, /Request Headers[^]*Content-Type: application\/vnd\.kubernetes\.protobuf/);
    assert.match(said.stderr, /Response Headers[^]*Content-Type: application\/vnd\.kubernetes\.protobuf/);
    assert.match(await kubectl.ok('describe configmap wire'), /a:\n----\nb\n/);
  },

  'one slice in two versions': async (kubectl) => {
    const zone = 'topology.kubernetes.io/zone';
    await kubectl.ok('create -f -', {
      apiVersion: 'discovery.k8s.io/v1beta1',
      kind: 'EndpointSlice',
      metadata: { name: 'both' },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.3.3.3'], topology: { [zone]: 'z' } }],
    });
    const zoneIn = (version: string, path: string): Promise<string> =>
      kubectl.ok(`get endpointslices.${version}.discovery.k8s.io both -o jsonpath={.endpoints[0].${path}}`);
    assert.equal(await zoneIn('v1', 'zone'), 'z');
    assert.equal(await zoneIn('v1beta1', `topology.${zone.replaceAll('.', '\\.')}`), 'z');
    assert.match(
      await kubectl.ok('explain endpointslice.endpoints.topology --api-version=discovery.k8s.io/v1beta1'),
      /FIELD: topology/,
    );
  },

  'explain a kind, a field, a tree and a group': async (kubectl) => {
    assert.match(await kubectl.ok('explain service'), /^KIND: +Service\nVERSION: +v1\n/);
    const ports = await kubectl.ok('explain service.spec.ports');
    assert.match(ports, /^FIELD: ports <\[\]ServicePort>$/m);
    assert.match(ports, /^ {2}port\t<integer> -required-$/m);
    assert.match(ports, /^ {2}protocol\t<string>\n {2}enum: TCP, UDP, SCTP$/m);
    const tree = await kubectl.ok('explain deployment.spec --recursive');
    assert.match(
      tree,
      /^ {2}template\t<PodTemplateSpec> -required-\n(.*\n)*? {6}containers\t<\[\]Container>/m,
    );
    assert.match(await kubectl.ok('explain endpointslice.endpoints.conditions'), /^ {2}serving\t<boolean>$/m);
    assert.match(
      await kubectl.ok('explain service.spec --output=plaintext-openapiv2'),
      /clusterIP\t<string>/,
    );
    assert.match(await kubectl.refuses('explain service.spec.colour'), /field "colour" does not exist/);
  },
  'get, in every form': async (kubectl) => {
    await kubectl.ok('create -f -', [
      service('b', { clusterIP: '10.96.30.2' }, { labels: { app: 'x' } }),
      service('a', { clusterIP: '10.96.30.1' }),
    ]);
    assert.match(
      await kubectl.ok('get services'),
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\na +ClusterIP +10\.96\.30\.1 +<none> +80\/TCP +\d+s\nb /,
    );
    assert.match(await kubectl.ok('get service a -o wide'), /AGE +SELECTOR\n.* <none>$/);
    assert.equal(await kubectl.ok('get services -o name'), 'service/a\nservice/b');
    assert.match(await kubectl.ok('get service a -o yaml'), /^apiVersion: v1\nkind: Service\nmetadata:\n/);
    assert.equal((await kubectl.json<{ kind: string }>('service a')).kind, 'Service');
    assert.equal(
      await kubectl.ok(
        "get services -o 'jsonpath={range .items[*]}{.metadata.name}@{.spec.clusterIP} {end}'",
      ),
      'a@10.96.30.1 b@10.96.30.2',
    );
    const columns = 'NAME:.metadata.name,APP:.metadata.labels.app';
    assert.equal(
      await kubectl.ok(`get services -o custom-columns=${columns} --no-headers`),
      'a     <none>\nb     x',
    );
    assert.equal(
      await kubectl.ok("get services -o 'go-template={{range .items}}{{.metadata.name}} {{end}}'"),
      'a b',
    );
    assert.match(await kubectl.ok('get services --sort-by=.spec.clusterIP --no-headers'), /^a .*\nb /);
    assert.equal(await kubectl.ok('get svc/a service/b -o name'), 'service/a\nservice/b');
    assert.match(
      await kubectl.ok('get services -A --no-headers'),
      /^default +kubernetes +ClusterIP +10\.96\.0\.1 /m,
    );
    assert.match(await kubectl.ok('get all'), /^service\/a .*\nservice\/b /m);
  },
  'the tables of every kind have their columns': async (kubectl) => {
    const heads: Readonly<Record<string, string>> = {
      configmaps: 'NAME DATA AGE',
      deployments: 'NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR',
      endpoints: 'NAME ENDPOINTS AGE',
      endpointslices: 'NAME ADDRESSTYPE PORTS ENDPOINTS AGE',
      leases: 'NAME HOLDER AGE',
      namespaces: 'NAME STATUS AGE',
      pods: 'NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES',
      replicasets: 'NAME DESIRED CURRENT READY AGE CONTAINERS IMAGES SELECTOR',
      secrets: 'NAME TYPE DATA AGE',
      serviceaccounts: 'NAME SECRETS AGE',
    };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'x' }, spec: {} };
    const selected = service('x', { selector: { app: 'x' } });
    await kubectl.ok('create -f -', [configMap('x'), deployment('x'), selected, secret, lease]);
    await eventually(
      'endpoints',
      async () => (await names(kubectl, 'endpoints,endpointslices')) || undefined,
    );
    await eventually('a Pod', async () => (await names(kubectl, 'pods')) || undefined);
    for (const [kind, head] of Object.entries(heads)) {
      const [first = ''] = (await kubectl.ok(`get ${kind} -o wide`)).split('\n');
      assert.equal(first.replaceAll(/\s+/g, ' ').trim(), head, kind);
    }
  },
  'a slice that was written by hand': async (kubectl) => {
    const endpoint = (n: number) => ({ addresses: [`192.0.2.${n}`], conditions: { ready: n !== 2 } });
    const fields = { ports: [{ name: 'http', port: 80 }], endpoints: [1, 2, 3, 4].map(endpoint) };
    await kubectl.ok('create -f -', endpointSlice('s', fields, { 'kubernetes.io/service-name': 's' }));
    const [, row = ''] = (await kubectl.ok('get endpointslices s')).split('\n');
    assert.match(row, /^s +IPv4 +80 +192\.0\.2\.1,192\.0\.2\.2,192\.0\.2\.3 \+ 1 more\.\.\. /);
    const text = await kubectl.ok('describe endpointslice s');
    assert.match(text, /Addresses: +192\.0\.2\.2\n +Conditions:\n +Ready: +false/);
    assert.match(text, /http +80 +TCP/);
  },
  'describe every kind, without an error': async (kubectl) => {
    await kubectl.ok('create -f -', [
      configMap('x'),
      deployment('x'),
      service('x', { selector: { app: 'x' } }),
    ]);
    await eventually('events', async () => (await names(kubectl, 'events')) || undefined);
    for (const [plural = ''] of KINDS) {
      const { code, stderr } = await kubectl.run(`describe ${plural}`);
      assert.equal(code, 0, `${plural}: ${stderr}`);
      assert.match(withoutDeprecations(stderr), /^$|^No resources found/, plural);
      assert.equal(stderr.includes('v1 Endpoints is deprecated'), plural === 'endpoints', plural);
    }
    assert.match(
      await kubectl.ok('describe deployment x'),
      /Normal +ScalingReplicaSet .*Scaled up replica set x-\S+ from 0 to 2/,
    );
    assert.match(await kubectl.ok('describe namespace default'), /^Status: +Active$/m);
  },
  events: async (kubectl) => {
    await kubectl.ok('create -f -', deployment('x'));
    await eventually('both Pods told', async () => {
      const table = await kubectl.ok('events --for=deployment/x');
      return /Normal +ScalingReplicaSet +Deployment\/x +Scaled up replica set/.test(table) ? true : undefined;
    });
    const fields = 'reason=SuccessfulCreate,involvedObject.kind=ReplicaSet';
    await eventually('the events of the ReplicaSet', async () =>
      (await names(kubectl, `events --field-selector=${fields}`)).split(' ').length === 2 ? true : undefined,
    );
  },
  'label selectors, equal and by set': async (kubectl) => {
    await kubectl.ok('create -f -', coloured);
    const cases: Readonly<Record<string, string>> = {
      'colour=red': 'red',
      'colour==red': 'red',
      'colour!=red': 'blue green',
      "'colour in (red,blue)'": 'blue red',
      "'colour notin (red,blue)'": 'green',
      warm: 'green red',
      "'!warm'": 'blue',
      'warm,colour!=red': 'green',
      'colour=none': '',
    };
    for (const [selector, found] of Object.entries(cases)) {
      assert.equal(await names(kubectl, `configmaps -l ${selector}`), found, selector);
    }
  },
  'field selectors': async (kubectl) => {
    await kubectl.ok('create -f -', [...coloured, pod('p'), pod('q', { nodeName: 'nowhere' }), service('s')]);
    const cases: Readonly<Record<string, string>> = {
      'configmaps --field-selector=metadata.name=red': 'red',
      'configmaps --field-selector=metadata.name!=red': 'blue green',
      'pods --field-selector=spec.nodeName=nowhere': 'q',
      'pods --field-selector=spec.nodeName=': 'p',
      'pods --field-selector=status.phase=Pending': 'p q',
      'pods --field-selector=status.phase=Running': '',
      'services --field-selector=spec.type=ClusterIP': 's',
      'configmaps -l warm --field-selector=metadata.name!=red': 'green',
    };
    for (const [line, found] of Object.entries(cases)) assert.equal(await names(kubectl, line), found, line);
  },
  'a long list comes in pieces': async (kubectl) => {
    // The twelfth is what every namespace gets.
    await kubectl.ok('wait configmap/kube-root-ca.crt --for=create --timeout=30s');
    const many = Array.from({ length: 11 }, (_, i) => configMap(`m-${String(i).padStart(2, '0')}`));
    await kubectl.ok('create -f -', many);
    const { stdout, stderr } = await kubectl.run('get configmaps --chunk-size=5 -o name -v=6');
    assert.equal(stdout.trim().split('\n').length, 12);
    assert.equal(stderr.match(/GET .*limit=5.* 200 OK/g)?.length, 3, stderr);
    const path = `/api/v1/namespaces/${kubectl.namespace}/configmaps`;
    interface Piece {
      readonly metadata: {
        readonly continue?: string;
        readonly remainingItemCount?: number;
        readonly resourceVersion: string;
      };
      readonly items: readonly unknown[];
    }
    const piece = async (query: string) =>
      JSON.parse(await kubectl.ok(`get --raw ${path}?${query}`)) as Piece;
    const first = await piece('limit=5');
    assert.deepEqual([first.items.length, first.metadata.remainingItemCount], [5, 7]);
    await kubectl.ok('delete configmap m-07');
    const rest = await piece(`limit=50&continue=${encodeURIComponent(first.metadata.continue ?? '')}`);
    assert.equal(rest.items.length, 7, 'the pieces of one list are of one revision');
    assert.equal(rest.metadata.resourceVersion, first.metadata.resourceVersion);
    assert.equal(rest.metadata.continue, undefined);
  },
});
