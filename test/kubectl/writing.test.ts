import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../src/testing/test-cluster.ts';
import { kubectlCases, withoutRootCertificate, type Kubectl } from './kubectl-cases.ts';
import { configMap, pod, service } from './manifests.ts';

const at = (kubectl: Kubectl, what: string, path: string): Promise<string> =>
  kubectl.ok(`get ${what} -o 'jsonpath={${path}}'`);

kubectlCases('kubectl create, patch, replace, edit and their like', {
  'create makes each kind of Service': async (kubectl) => {
    await kubectl.ok('create service clusterip plain --tcp=80:8080 --tcp=443:8443');
    await kubectl.ok('create service clusterip headless --clusterip=None');
    await kubectl.ok('create service nodeport outside --tcp=80:8080 --node-port=30210');
    await kubectl.ok('create service externalname elsewhere --external-name=a.example.com');
    await kubectl.ok('create service loadbalancer balanced --tcp=80');
    const rows = (await kubectl.ok('get services --no-headers')).split('\n').map((r) => r.split(/\s{2,}/));
    const cells = Object.fromEntries(rows.map(([name = '', ...rest]) => [name, rest]));
    assert.deepEqual(cells.plain?.[3], '80/TCP,443/TCP');
    assert.deepEqual(cells.headless?.slice(0, 4), ['ClusterIP', 'None', '<none>', '<none>']);
    assert.deepEqual(cells.outside?.[3], '80:30210/TCP');
    assert.deepEqual(cells.elsewhere?.slice(0, 4), ['ExternalName', '<none>', 'a.example.com', '<none>']);
    assert.deepEqual(cells.balanced?.slice(0, 1).concat(cells.balanced[2] ?? ''), [
      'LoadBalancer',
      '<pending>',
    ]);
    assert.match(cells.balanced?.[3] ?? '', /^80:3\d{4}\/TCP$/);
  },
  'create makes ConfigMaps, Secrets, ServiceAccounts and Namespaces': async (kubectl) => {
    await kubectl.ok('create configmap settings --from-literal=a=b --from-literal=c=d');
    await kubectl.ok('create secret generic token --from-literal=key=secret');
    await kubectl.ok('create serviceaccount robot');
    await kubectl.ok(`create namespace ${kubectl.namespace}-more`);
    assert.equal(await at(kubectl, 'configmap settings', '.data'), '{"a":"b","c":"d"}');
    assert.equal(await at(kubectl, 'secret token', '.data.key'), Buffer.from('secret').toString('base64'));
    assert.equal(await at(kubectl, 'secret token', '.type'), 'Opaque');
    assert.match(await kubectl.ok('describe secret token'), /key: {2}6 bytes/);
    assert.match(await kubectl.ok('describe configmap settings'), /^a:\n----\nb$/m);
    assert.equal(await at(kubectl, `namespace ${kubectl.namespace}-more`, '.status.phase'), 'Active');
  },
  'create takes a name from the server': async (kubectl) => {
    const manifest = { ...configMap('x'), metadata: { generateName: 'made-' } };
    const said = await kubectl.ok('create -f - -o name', manifest);
    assert.match(said, /^configmap\/made-[a-z0-9]{5}$/);
    await kubectl.ok(`get ${said}`);
  },
  'a dry run is answered and not done': async (kubectl) => {
    const made = await kubectl.ok('create -f - --dry-run=server -o jsonpath={.spec.clusterIP}', service('a'));
    assert.match(made, /^10\./);
    assert.equal(await kubectl.ok('create -f - --dry-run=client -o name', service('a')), 'service/a');
    await kubectl.ok('create -f -', configMap('kept'));
    assert.match(await kubectl.ok('delete configmap kept --dry-run=server'), /deleted \(server dry run\)/);
    assert.match(await kubectl.ok('label configmap kept a=b --dry-run=server'), /labeled/);
    const left = await kubectl.ok('get services,configmaps -o name');
    assert.equal(withoutRootCertificate(left), 'configmap/kept');
    assert.equal(await at(kubectl, 'configmap kept', '.metadata.labels'), '');
  },
  'unknown fields are warned about or passed over when asked so': async (kubectl) => {
    const wrong = service('a', { portz: 1 });
    const warned = await kubectl.run('create --validate=warn -f -', wrong);
    assert.equal(warned.code, 0);
    assert.equal(warned.stderr.trim(), 'Warning: unknown field "spec.portz"');
    const passed = await kubectl.run('create --validate=ignore -f -', { ...wrong, metadata: { name: 'b' } });
    assert.deepEqual([passed.code, passed.stderr], [0, '']);
    assert.equal(await at(kubectl, 'service a', '.spec.portz'), '');
  },
  'patch, three ways': async (kubectl) => {
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ];
    await kubectl.ok('create -f -', service('s', { ports, selector: { x: '1', y: '2' } }));
    const names = () => at(kubectl, 'service s', '.spec.ports[*].name');
    await kubectl.ok('patch service s -p {"spec":{"ports":[{"port":82,"name":"c"}],"selector":{"x":null}}}');
    assert.deepEqual((await names()).split(' ').sort(), ['a', 'b', 'c'], 'strategic: merged by port');
    assert.equal(await at(kubectl, 'service s', '.spec.selector'), '{"y":"2"}');
    await kubectl.ok('patch service s -p {"spec":{"ports":[{"$patch":"delete","port":80}]}}');
    assert.deepEqual((await names()).split(' ').sort(), ['b', 'c']);
    await kubectl.ok('patch service s --type=merge -p {"spec":{"ports":[{"port":90,"name":"d"}]}}');
    assert.equal(await names(), 'd', 'merge: the list as it is given');
    const operations = [
      { op: 'test', path: '/spec/ports/0/name', value: 'd' },
      { op: 'replace', path: '/spec/ports/0/name', value: 'e' },
      { op: 'add', path: '/metadata/labels', value: { from: 'json' } },
    ];
    await kubectl.ok(`patch service s --type=json -p ${JSON.stringify(operations)}`);
    assert.equal(await names(), 'e');
    assert.equal(await at(kubectl, 'service s', '.metadata.labels.from'), 'json');
    assert.equal(await kubectl.ok('patch service s -p {}'), 'service/s patched (no change)');
  },
  'status is written by its subresource alone': async (kubectl) => {
    await kubectl.ok('create service loadbalancer s --tcp=80');
    const status = '{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.9"}]}},"spec":{"type":"ClusterIP"}}';
    await kubectl.ok(`patch service s --subresource=status --type=merge -p ${status}`);
    const [, row = ''] = (await kubectl.ok('get service s')).split('\n');
    assert.deepEqual(
      row
        .split(/\s{2,}/)
        .slice(1, 2)
        .concat(row.split(/\s{2,}/)[3] ?? ''),
      ['LoadBalancer', '192.0.2.9'],
    );
    assert.match(await kubectl.ok('describe service s'), /LoadBalancer Ingress: +192\.0\.2\.9/);
    await kubectl.ok('patch service s --type=merge -p {"status":{"loadBalancer":{"ingress":null}}}');
    assert.equal(await at(kubectl, 'service s', '.status.loadBalancer.ingress[0].ip'), '192.0.2.9');
    assert.match(await kubectl.ok('get service s --subresource=status'), /^NAME/);
  },
  'replace writes the whole object, if it is the newest': async (kubectl) => {
    await kubectl.ok('create -f -', configMap('a', { x: '1', y: '2' }, { labels: { l: 'v' } }));
    const read = await kubectl.ok('get configmap a -o json');
    await kubectl.ok('replace -f -', configMap('a', { x: '3' }));
    assert.equal(await at(kubectl, 'configmap a', '.data'), '{"x":"3"}');
    assert.equal(await at(kubectl, 'configmap a', '.metadata.labels'), '');
    assert.match(await kubectl.refuses('replace -f -', read), /Conflict.*the object has been modified/);
    const uid = await at(kubectl, 'configmap a', '.metadata.uid');
    await kubectl.ok('replace --force -f -', configMap('a', { x: '4' }));
    assert.notEqual(await at(kubectl, 'configmap a', '.metadata.uid'), uid);
  },
  'replacing a Service keeps the address it has': async (kubectl) => {
    await kubectl.ok('create -f -', service('a'));
    const ip = await at(kubectl, 'service a', '.spec.clusterIP');
    await kubectl.ok('replace -f -', service('a', { ports: [{ port: 81 }] }));
    assert.equal(await at(kubectl, 'service a', '.spec.clusterIP'), ip);
    assert.equal(await at(kubectl, 'service a', '.spec.ports[0].port'), '81');
  },
  'edit opens an editor and sends what it leaves': async (kubectl) => {
    const folder = mkdtempSync(join(tmpdir(), 'portico-edit-'));
    const edit = (script: string) => {
      const editor = join(folder, 'editor');
      writeFileSync(editor, `#!/bin/sh\n${script}\n`);
      chmodSync(editor, 0o755);
      const argv = ['kubectl', '-n', kubectl.namespace, 'edit', 'service', 'a'] as const;
      const env = { KUBECONFIG: kubectl.cluster.kubeconfig, EDITOR: editor, TMPDIR: folder };
      return runProgram(argv, { env });
    };
    try {
      await kubectl.ok('create -f -', service('a'));
      const changed = await edit('sed -i "s/port: 80$/port: 8080/" "$1"');
      assert.equal(changed.stdout.trim(), 'service/a edited', changed.stderr);
      assert.equal(await at(kubectl, 'service a', '.spec.ports[0].port'), '8080');
      const same = await edit('true');
      assert.equal(same.stderr.trim(), 'Edit cancelled, no changes made.');
      // A refused edit is opened again with the reason above it; leaving it as it is ends the attempt.
      const refused = await edit(`sed -i "s/port: 8080$/port: 0/" "$1"`);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /services "a" is invalid/);
      const [, copy = ''] = /stored to "(.*)"/.exec(refused.stderr) ?? [];
      assert.match(
        readFileSync(copy, 'utf8'),
        /spec\.ports\[0\]\.port: Invalid value: 0: must be between 1 and 65535/,
      );
      assert.equal(await at(kubectl, 'service a', '.spec.ports[0].port'), '8080');
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  'label and annotate, one object and many': async (kubectl) => {
    await kubectl.ok('create -f -', [configMap('a'), configMap('b'), service('s')]);
    const labelled = await kubectl.ok('label configmap --all team=net');
    assert.equal(withoutRootCertificate(labelled), 'configmap/a labeled\nconfigmap/b labeled');
    await kubectl.ok('label service/s configmap/a tier=front');
    assert.equal(await kubectl.ok('get configmap,service -l tier=front -o name'), 'configmap/a\nservice/s');
    await kubectl.ok('label configmap a tier=back --overwrite');
    assert.equal(await kubectl.ok('label configmap a tier-'), 'configmap/a unlabeled');
    assert.equal(await at(kubectl, 'configmap a', '.metadata.labels'), '{"team":"net"}');
    await kubectl.ok("annotate service s 'example.com/note=hello there'");
    assert.match(await kubectl.ok('describe service s'), /Annotations: +example\.com\/note: hello there/);
    await kubectl.ok('annotate service s example.com/note-');
    assert.equal(await at(kubectl, 'service s', '.metadata.annotations'), '');
    assert.match(await kubectl.ok('get configmap --show-labels -L team'), /^b +1 +\S+ +net +team=net$/m);
  },
  'expose makes a Service of what it finds': async (kubectl) => {
    await kubectl.ok('create -f -', [
      pod(
        'p',
        { containers: [{ name: 'main', image: 'host', ports: [{ containerPort: 8080 }] }] },
        { labels: { app: 'p' } },
      ),
      service('s', { selector: { app: 'p' } }),
    ]);
    await kubectl.ok('expose pod p --name=from-pod');
    await kubectl.ok('expose service s --name=from-service --port=81 --target-port=web --type=NodePort');
    const spec = '{.spec.selector.app} {.spec.ports[0].port} {.spec.ports[0].targetPort} {.spec.type}';
    assert.equal(await kubectl.ok(`get service from-pod -o 'jsonpath=${spec}'`), 'p 8080 8080 ClusterIP');
    assert.equal(await kubectl.ok(`get service from-service -o 'jsonpath=${spec}'`), 'p 81 web NodePort');
  },
  'set changes images, variables and selectors': async (kubectl) => {
    await kubectl.ok('create deployment web --image=host --replicas=0');
    await kubectl.ok('create -f -', service('s'));
    await kubectl.ok('set image deployment/web host=portico/echo');
    await kubectl.ok('set env deployment/web MODE=fast');
    await kubectl.ok('set selector service s app=web');
    await kubectl.ok('set serviceaccount deployment web default');
    const container = '.spec.template.spec.containers[0]';
    assert.equal(await at(kubectl, 'deployment web', `${container}.image`), 'portico/echo');
    assert.equal(await at(kubectl, 'deployment web', `${container}.env`), '[{"name":"MODE","value":"fast"}]');
    assert.equal(await at(kubectl, 'service s', '.spec.selector'), '{"app":"web"}');
  },
});
