import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import { json, refusalOf, scopeOf, startRegistry, type TestRegistry } from '../../fixtures/test-registry.ts';

const volume = (spec: JsonObject): JsonObject => ({
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...spec },
});
const onPath = { hostPath: { path: '/data' } };

/** A new object of a kind -> how the refusal goes on after `is invalid: `, or 'accepted'. */
const rows: Readonly<Record<string, readonly [plural: string, body: JsonObject, expected: string]>> = {
  'a volume': ['persistentvolumes', volume(onPath), 'accepted'],
  'a volume without a source': [
    'persistentvolumes',
    volume({}),
    'spec: Required value: must specify a volume type',
  ],
  'a volume of two sources': [
    'persistentvolumes',
    volume({ ...onPath, nfs: { server: 's', path: '/' } }),
    'spec.nfs: Forbidden: may not specify more than 1 volume type',
  ],
  'a volume of another resource than storage': [
    'persistentvolumes',
    volume({ ...onPath, capacity: { cpu: '1' } }),
    'spec.capacity: Unsupported value: {"cpu":"1"}: supported values: "storage"',
  ],
  'a local volume that is everywhere': [
    'persistentvolumes',
    volume({ local: { path: '/mnt' } }),
    'spec.nodeAffinity: Required value: Local volume requires node affinity',
  ],
  'a volume of a driver without a handle': [
    'persistentvolumes',
    volume({ csi: { driver: 'd.example.com' } }),
    'spec.csi.volumeHandle: Required value',
  ],
  'a class': ['storageclasses', { provisioner: 'example.com/disk' }, 'accepted'],
  'a class without provisioner': ['storageclasses', {}, 'provisioner: Required value'],
  'a class that binds some day': [
    'storageclasses',
    { provisioner: 'p', volumeBindingMode: 'Later' },
    'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
  ],
  'a driver': ['csidrivers', { spec: {} }, 'accepted'],
  'the drivers of a node': ['csinodes', { spec: { drivers: [{ name: 'd', nodeID: '1' }] } }, 'accepted'],
  'a driver that does not know its node': [
    'csinodes',
    { spec: { drivers: [{ name: 'd' }] } },
    'spec.drivers[0].nodeID: Required value',
  ],
  'an attachment': [
    'volumeattachments',
    { spec: { attacher: 'd', nodeName: 'n', source: { persistentVolumeName: 'v' } } },
    'accepted',
  ],
  'a way to run containers': ['runtimeclasses', { handler: 'fast' }, 'accepted'],
  'a way to run containers without a handler': ['runtimeclasses', {}, 'handler: Required value'],
  'an attachment of nothing': [
    'volumeattachments',
    { spec: { attacher: 'd', nodeName: 'n', source: {} } },
    'spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
  ],
};

describe('kinds of storage, and ways to run containers', () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
  });
  after(() => registry.stop());
  const scope = scopeOf('');

  Object.entries(rows).forEach(([sentence, [plural, body, expected]], i) => {
    it(`${sentence}: ${expected}`, async () => {
      const made = { ...body, metadata: { name: `n${i}` } };
      const write = registry.resource(plural).write.create(scope, made);
      if (expected === 'accepted') return void (await write);
      const message = await refusalOf(write);
      assert.ok(message.includes(` is invalid: ${expected}`), message);
    });
  });

  it('a volume and a class have upstream’s defaults', async () => {
    const made = { ...volume(onPath), metadata: { name: 'plain' } };
    const stored = json(await registry.resource('persistentvolumes').write.create(scope, made));
    assert.deepEqual(stored.spec, {
      capacity: { storage: '1Gi' },
      hostPath: { path: '/data', type: '' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
    });
    assert.deepEqual(stored.status, { phase: 'Pending' });
    const body = { metadata: { name: 'plain' }, provisioner: 'p' };
    const kept = json(await registry.resource('storageclasses').write.create(scope, body));
    assert.deepEqual([kept.reclaimPolicy, kept.volumeBindingMode], ['Delete', 'Immediate']);
  });

  it('what a volume is made of cannot change', async () => {
    const made = { ...volume(onPath), metadata: { name: 'fixed' } };
    const { write } = registry.resource('persistentvolumes');
    await write.create(scope, made);
    const body = { spec: { hostPath: { path: '/elsewhere' } } };
    const patch = { name: 'fixed', type: 'application/merge-patch+json', body } as const;
    const message = await refusalOf(write.patch(scope, patch));
    assert.ok(message.includes('spec.persistentvolumesource is immutable after creation'), message);
  });
});

describe('versions that only older controllers ask for', () => {
  it('a budget for no Pod and one for every Pod keep their meaning in both versions', async () => {
    const registry = await startRegistry();
    const of = (version: string) =>
      registry.registry.list.find(
        ({ kind }) => kind.plural === 'poddisruptionbudgets' && kind.version === version,
      );
    const [v1, v1beta1] = [of('v1'), of('v1beta1')];
    assert.ok(v1 !== undefined && v1beta1 !== undefined);
    const scope = scopeOf('default');
    const budget = (name: string) => ({ metadata: { name }, spec: { minAvailable: 1, selector: {} } });
    const selector = (object: JsonObject): unknown => (object.spec as JsonObject).selector;
    const key = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match';
    await v1beta1.write.create(scope, budget('none'));
    await v1.write.create(scope, budget('every'));
    assert.deepEqual(selector(json(await v1beta1.read.get(scope, 'none'))), {});
    assert.deepEqual(selector(json(await v1.read.get(scope, 'none'))), {
      matchExpressions: [{ key, operator: 'Exists' }],
    });
    assert.deepEqual(selector(json(await v1.read.get(scope, 'every'))), {});
    assert.deepEqual(selector(json(await v1beta1.read.get(scope, 'every'))), {
      matchExpressions: [{ key, operator: 'DoesNotExist' }],
    });
    await registry.stop();
  });
});
