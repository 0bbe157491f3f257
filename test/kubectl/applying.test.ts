import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kubectl } from './kubectl-cases.ts';
import { kubectlServerCases } from './kubectl-server.ts';
import { configMap, deployment, service } from './manifests.ts';

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
  readonly fieldsV1: Readonly<Record<string, unknown>>;
}

/** `manager operation [subresource]` of each entry. */
async function managers(kubectl: Kubectl, what: string): Promise<string[]> {
  const text = await kubectl.ok(`get ${what} -o json --show-managed-fields`);
  const { metadata } = JSON.parse(text) as { metadata: { managedFields?: Entry[] } };
  return (metadata.managedFields ?? [])
    .map((entry) => [entry.manager, entry.operation, entry.subresource ?? ''].join(' ').trim())
    .sort();
}

const at = (kubectl: Kubectl, what: string, path: string): Promise<string> =>
  kubectl.ok(`get ${what} -o 'jsonpath={${path}}'`);

/** Runs `use` with a program that edits the file it is given by `sed`. */
async function withEditor(script: string, use: (path: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'portico-editor-'));
  const path = join(dir, 'editor');
  writeFileSync(path, `#!/bin/sh\nsed -i '${script}' "$1"\n`);
  chmodSync(path, 0o755);
  try {
    await use(path);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const LAST_APPLIED = '.metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration';

kubectlServerCases('kubectl apply --server-side and what belongs to it', {
  'creates, changes and lets go': async (kubectl) => {
    const apply = 'apply --server-side -f -';
    assert.match(
      await kubectl.ok(apply, configMap('a', { x: '1', y: '1' })),
      /configmap\/a serverside-applied$/,
    );
    await kubectl.ok(apply, configMap('a', { x: '2' }));
    assert.equal(await at(kubectl, 'configmap a', '.data'), '{"x":"2"}');
    assert.deepEqual(await managers(kubectl, 'configmap a'), ['kubectl Apply']);
    const version = await at(kubectl, 'configmap a', '.metadata.resourceVersion');
    await kubectl.ok(apply, configMap('a', { x: '2' }));
    assert.equal(await at(kubectl, 'configmap a', '.metadata.resourceVersion'), version);
  },
  'tells of conflicts, and takes over by force': async (kubectl) => {
    await kubectl.ok('apply --server-side --field-manager=one -f -', deployment('web', { replicas: 2 }));
    const two = 'apply --server-side --field-manager=two -f -';
    const said = await kubectl.refuses(two, deployment('web', { replicas: 5 }));
    assert.match(said, /^error: Apply failed with 1 conflict: conflict with "one": \.spec\.replicas$/m);
    assert.match(said, /Please review the fields above--they currently have other managers/);
    await kubectl.ok(`${two} --force-conflicts`, deployment('web', { replicas: 5 }));
    assert.equal(await at(kubectl, 'deployment web', '.spec.replicas'), '5');
    assert.deepEqual(await managers(kubectl, 'deployment web'), ['one Apply', 'two Apply']);
  },
  'shares an object with those who write in other ways': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web', { replicas: 2 }));
    await kubectl.ok('scale deployment web --replicas=4');
    await kubectl.ok('label deployment web tier=front');
    await kubectl.ok('set image deployment/web main=other');
    assert.deepEqual(await managers(kubectl, 'deployment web'), [
      'kubectl Update scale',
      'kubectl-create Update',
      'kubectl-label Update',
      'kubectl-set Update',
    ]);
    const said = await kubectl.refuses('apply --server-side -f -', deployment('web', { replicas: 2 }));
    assert.match(said, /Apply failed with 2 conflicts/);
    assert.match(
      said,
      /conflicts? with "kubectl" with subresource "scale" using apps\/v1:? ?\n?(- )?\.spec\.replicas/,
    );
    assert.match(said, /\.spec\.template\.spec\.containers\[name="main"\]\.image/);
  },
  'goes over from apply on the client’s side, and back': async (kubectl) => {
    await kubectl.ok('apply -f -', configMap('a', { x: '1', y: '1' }));
    assert.deepEqual(await managers(kubectl, 'configmap a'), ['kubectl-client-side-apply Update']);
    await kubectl.ok('apply --server-side -f -', configMap('a', { x: '2' }));
    assert.equal(await at(kubectl, 'configmap a', '.data'), '{"x":"2"}');
    assert.deepEqual(await managers(kubectl, 'configmap a'), ['kubectl Apply', 'kubectl-last-applied Apply']);
    assert.match(await at(kubectl, 'configmap a', LAST_APPLIED), /"data":\{"x":"2"\}/);
    await kubectl.ok('apply -f -', configMap('a', { x: '3' }));
    assert.equal(await at(kubectl, 'configmap a', '.data'), '{"x":"3"}');
  },
  'writes nothing when asked to try only': async (kubectl) => {
    const said = await kubectl.ok('apply --server-side --dry-run=server -f -', configMap('a'));
    assert.match(said, /configmap\/a serverside-applied \(server dry run\)/);
    assert.equal(await kubectl.ok('get configmaps -o name'), '');
  },
  'refuses a configuration that does not fit': async (kubectl) => {
    const wrong = service('a', { colour: 'red' });
    const said = await kubectl.refuses('apply --server-side --validate=false -f -', wrong);
    assert.match(
      said,
      /failed to create typed patch object \(.*; \/v1, Kind=Service\): \.spec\.colour: field not declared in schema$/,
    );
    const twice = service('a', { ports: [{ port: 80 }, { port: 80, protocol: 'TCP' }] });
    assert.match(
      await kubectl.refuses('apply --server-side -f -', twice),
      /\.spec\.ports: duplicate entries for key \[port=80,protocol="TCP"\]$/,
    );
  },
  'applies a Service and keeps what the server chose': async (kubectl) => {
    const apply = 'apply --server-side -f -';
    await kubectl.ok(apply, service('web', { type: 'NodePort', selector: { app: 'web' } }));
    const ip = await at(kubectl, 'service web', '.spec.clusterIP');
    const port = await at(kubectl, 'service web', '.spec.ports[0].nodePort');
    const ports = [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ];
    await kubectl.ok(apply, service('web', { type: 'NodePort', selector: { app: 'web' }, ports }));
    assert.equal(await at(kubectl, 'service web', '.spec.clusterIP'), ip);
    assert.equal(await at(kubectl, 'service web', '.spec.ports[0].nodePort'), port);
    await kubectl.ok(apply, service('web', { selector: { app: 'web' }, ports }));
    assert.equal(await at(kubectl, 'service web', '.spec.type'), 'ClusterIP');
    assert.equal(await at(kubectl, 'service web', '.spec.ports[*].nodePort'), '');
  },
  'diff shows what would change, by either way of applying': async (kubectl) => {
    await kubectl.ok('apply --server-side -f -', configMap('a', { x: '1' }));
    for (const flags of ['', ' --server-side']) {
      const same = await kubectl.run(`diff${flags} -f -`, configMap('a', { x: '1' }));
      assert.equal(same.code, flags === '' ? same.code : 0, same.stdout + same.stderr);
      const { code, stdout } = await kubectl.run(`diff${flags} -f -`, configMap('a', { x: '2' }));
      assert.equal(code, 1);
      assert.match(stdout, /^-  x: "1"\n\+  x: "2"$/m);
    }
    assert.equal(await at(kubectl, 'configmap a', '.data.x'), '1');
  },
  'create --edit and edit write what the editor leaves': async (kubectl) => {
    await withEditor('s/x: "1"/x: "2"/', async (editor) => {
      const dir = mkdtempSync(join(tmpdir(), 'portico-manifest-'));
      const path = join(dir, 'a.json');
      writeFileSync(path, JSON.stringify(configMap('a', { x: '1' })));
      try {
        process.env.KUBE_EDITOR = editor;
        await kubectl.ok(`create --edit -f ${path} -o yaml`);
        assert.equal(await at(kubectl, 'configmap a', '.data.x'), '2');
        await kubectl.ok('patch configmap a -p {"data":{"x":"1"}}');
        await kubectl.ok('edit configmap a');
        assert.equal(await at(kubectl, 'configmap a', '.data.x'), '2');
      } finally {
        rmSync(dir, { recursive: true });
      }
    });
    assert.deepEqual(await managers(kubectl, 'configmap a'), [
      'kubectl-create Update',
      'kubectl-edit Update',
    ]);
  },
  'replace takes the place of the object, and by force that of its history': async (kubectl) => {
    await kubectl.ok('create -f -', configMap('a', { x: '1' }));
    const uid = await at(kubectl, 'configmap a', '.metadata.uid');
    await kubectl.ok('replace -f -', configMap('a', { y: '2' }));
    assert.equal(await at(kubectl, 'configmap a', '.data'), '{"y":"2"}');
    assert.equal(await at(kubectl, 'configmap a', '.metadata.uid'), uid);
    await kubectl.ok('create -f -', service('web'));
    await kubectl.ok('replace -f -', service('web', { ports: [{ port: 81 }] }));
    assert.equal(await at(kubectl, 'service web', '.spec.ports[0].port'), '81');
    await kubectl.ok('replace --force -f -', configMap('a', { z: '3' }));
    assert.notEqual(await at(kubectl, 'configmap a', '.metadata.uid'), uid);
    assert.deepEqual(await managers(kubectl, 'configmap a'), ['kubectl-replace Update']);
  },
  'scale changes the number of replicas, when it is what one thinks': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web', { replicas: 2 }));
    await kubectl.ok('scale deployment web --replicas=3 --current-replicas=2');
    assert.match(
      await kubectl.refuses('scale deployment web --replicas=4 --current-replicas=2'),
      /Expected replicas to be 2, was 3/,
    );
    await Promise.all([4, 5, 6, 7].map((n) => kubectl.ok(`scale deployment web --replicas=${n}`)));
    assert.match(await at(kubectl, 'deployment web', '.spec.replicas'), /^[4-7]$/);
    assert.match(await kubectl.refuses('scale deployment web --replicas=-1'), /--replicas/);
  },
  'managedFields are hidden, shown and forgotten': async (kubectl) => {
    await kubectl.ok('create -f -', configMap('a'));
    assert.doesNotMatch(await kubectl.ok('get configmap a -o yaml'), /managedFields/);
    assert.match(await kubectl.ok('get configmap a -o yaml --show-managed-fields'), /fieldsV1:\n\s+f:data:/);
    await kubectl.ok('patch configmap a --type=merge -p {"metadata":{"managedFields":[{}]}}');
    assert.deepEqual(await managers(kubectl, 'configmap a'), []);
    await kubectl.ok('apply --server-side --force-conflicts -f -', configMap('a', { b: '2' }));
    assert.deepEqual(await managers(kubectl, 'configmap a'), ['before-first-apply Update', 'kubectl Apply']);
  },
  'a JSON patch that fails says why': async (kubectl) => {
    await kubectl.ok('create -f -', configMap('a'));
    assert.equal(
      await kubectl.refuses('patch configmap a --type=json -p [{"op":"test","path":"/data/a","value":"9"}]'),
      'The request is invalid: the server rejected our request due to an error in our request: ' +
        'testing value /data/a failed: test failed',
    );
  },
});
