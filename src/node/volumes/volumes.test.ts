import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Volume } from '../../api/core/v1/volume.ts';
import { ConfigError, type References } from '../environment/container-environment.ts';
import { prepareVolumes, volumeMounts } from './volumes.ts';

const directory = mkdtempSync(join(tmpdir(), 'portico-volumes-'));
after(() => rmSync(directory, { recursive: true }));
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const references: References = {
  configMap: async (_, name) =>
    name === 'map'
      ? { metadata: { name }, data: { a: 'A', b: 'B' }, binaryData: { raw: base64('R') } }
      : undefined,
  secret: async (_, name) =>
    name === 'key' ? { metadata: { name }, data: { token: base64('T') } } : undefined,
};
const podWith = (...volumes: Volume[]): Pod => ({
  metadata: { name: 'p', namespace: 'default', labels: { app: 'x' } },
  spec: { containers: [{ name: 'c', resources: { limits: { cpu: '2' } } }], volumes },
});
const prepare = (...volumes: Volume[]): Promise<ReadonlyMap<string, string>> =>
  prepareVolumes({
    pod: podWith(...volumes),
    directory,
    facts: { podIP: '10.0.0.1', hostIP: '10.0.0.2' },
    references,
  });

/** The files of a folder with their content. */
const filesIn = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(path, name)).isFile())
      .map((name) => [name, readFileSync(join(path, name), 'utf8')]),
  );

describe('volumes', () => {
  const cases: Readonly<Record<string, readonly [Volume, Readonly<Record<string, string>>]>> = {
    'an empty folder': [{ name: 'v1', emptyDir: {} }, {}],
    'a ConfigMap, text and bytes': [
      { name: 'v2', configMap: { name: 'map' } },
      { a: 'A', b: 'B', raw: 'R' },
    ],
    'chosen keys at chosen paths, never above the volume': [
      { name: 'v3', configMap: { name: 'map', items: [{ key: 'a', path: 'deep/../../x/a.txt' }] } },
      { 'x/a.txt': 'A' },
    ],
    'a Secret': [{ name: 'v4', secret: { secretName: 'key', defaultMode: 0o400 } }, { token: 'T' }],
    'what may be missing': [{ name: 'v5', secret: { secretName: 'none', optional: true } }, {}],
    'a key that may be missing': [
      { name: 'v6', configMap: { name: 'map', optional: true, items: [{ key: 'none', path: 'n' }] } },
      {},
    ],
    'the downward API': [
      {
        name: 'v7',
        downwardAPI: {
          items: [
            { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
            { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu' } },
          ],
        },
      },
      { labels: 'app="x"', cpu: '2' },
    ],
    'several sources in one': [
      {
        name: 'v8',
        projected: {
          sources: [
            { configMap: { name: 'map', items: [{ key: 'b', path: 'b' }] } },
            { secret: { name: 'key' } },
            { downwardAPI: { items: [{ path: 'ip', fieldRef: { fieldPath: 'status.podIP' } }] } },
          ],
        },
      },
      { b: 'B', token: 'T', ip: '10.0.0.1' },
    ],
  };
  for (const [name, [volume, expected]] of Object.entries(cases)) {
    it(`hold ${name}`, async () => {
      const path = (await prepare(volume)).get(volume.name) ?? '';
      assert.deepEqual(filesIn(path), expected);
    });
  }

  it('have the modes that were asked for', async () => {
    const path =
      (await prepare({ name: 'm', secret: { secretName: 'key', defaultMode: 0o400 } })).get('m') ?? '';
    assert.equal(statSync(join(path, 'token')).mode & 0o777, 0o400);
  });

  it('are replaced, not written over, when the container starts again', async () => {
    const volume: Volume = { name: 'again', secret: { secretName: 'key', defaultMode: 0o466 } };
    const file = join((await prepare(volume)).get('again') ?? '', 'token');
    const former = openSync(file, 'r');
    await prepare(volume);
    const { nlink, mode } = fstatSync(former);
    closeSync(former);
    assert.deepEqual([nlink, mode & 0o777], [0, 0o466]);
  });

  it('of the API cannot be written by the container', () => {
    const sources: readonly Volume[] = [
      { name: 'a', configMap: { name: 'map' } },
      { name: 'b', secret: { secretName: 'key' } },
      { name: 'c', downwardAPI: {} },
      { name: 'd', projected: { sources: [] } },
      { name: 'e', emptyDir: {} },
    ];
    const mounts = volumeMounts(
      { name: 'c', volumeMounts: sources.map(({ name }) => ({ name, mountPath: `/${name}` })) },
      { volumes: sources, paths: new Map(sources.map(({ name }) => [name, directory])), env: {} },
    );
    assert.deepEqual(
      mounts.filter(({ isReadOnly }) => isReadOnly).map(({ target }) => target),
      ['/a', '/b', '/c', '/d'],
    );
  });

  it('of the machine are used as they are, and made where the type says so', async () => {
    const made = join(directory, 'host', 'folder');
    const file = join(directory, 'host', 'file');
    assert.equal(
      (await prepare({ name: 'h', hostPath: { path: made, type: 'DirectoryOrCreate' } })).get('h'),
      made,
    );
    assert.equal(
      (await prepare({ name: 'f', hostPath: { path: file, type: 'FileOrCreate' } })).get('f'),
      file,
    );
    assert.ok(statSync(made).isDirectory() && statSync(file).isFile());
  });

  const refused: Readonly<Record<string, readonly [Volume, string]>> = {
    'a missing ConfigMap': [{ name: 'v', configMap: { name: 'none' } }, 'configmap "none" not found'],
    'a missing Secret': [{ name: 'v', secret: { secretName: 'none' } }, 'secret "none" not found'],
    'a missing key': [
      { name: 'v', configMap: { name: 'map', items: [{ key: 'none', path: 'n' }] } },
      'references non-existent key: none',
    ],
    'a missing path': [
      { name: 'v', hostPath: { path: '/nowhere/at/all' } },
      'MountVolume.SetUp failed for volume "v": /nowhere/at/all does not exist',
    ],
    'a field nobody has': [
      { name: 'v', downwardAPI: { items: [{ path: 'x', fieldRef: { fieldPath: 'spec.none' } }] } },
      'downward API file x: no such field',
    ],
    'a kind this node has not': [
      { name: 'v', persistentVolumeClaim: { claimName: 'c' } },
      'volume "v": this node has emptyDir, hostPath, configMap, secret, downwardAPI and projected volumes only',
    ],
  };
  for (const [name, [volume, message]] of Object.entries(refused)) {
    it(`are refused for ${name}`, () => assert.rejects(prepare(volume), new ConfigError(message)));
  }

  it('are mounted where the container wants them, below a path of theirs too', async () => {
    const paths = await prepare({ name: 'v', emptyDir: {} });
    const own = paths.get('v') ?? '';
    const volumeMountsOf = (mount: object) =>
      volumeMounts(
        { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/x', ...mount }] },
        { volumes: [{ name: 'v', emptyDir: {} }], paths, env: { POD: 'p-1' } },
      );
    assert.deepEqual(volumeMountsOf({ readOnly: true }), [
      { source: `${own}/`, target: '/x', isReadOnly: true },
    ]);
    assert.deepEqual(volumeMountsOf({ subPathExpr: 'logs/$(POD)' }), [
      { source: join(own, 'logs/p-1'), target: '/x', isReadOnly: false },
    ]);
    assert.ok(existsSync(join(own, 'logs/p-1')));
    assert.deepEqual(volumeMountsOf({ subPath: '../../..' })[0]?.source, `${own}/`);
    assert.throws(() => volumeMountsOf({ name: 'none' }), /volume "none" of container c is not in the Pod/);
  });
});
