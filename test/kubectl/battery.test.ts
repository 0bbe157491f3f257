import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../src/base/json.ts';
import { eventually, runProgram } from '../../src/testing/test-cluster.ts';
import type { Sample } from './battery-objects.ts';
import {
  changed,
  failing,
  fulls,
  groups,
  lines,
  type Listed,
  NAMESPACE_NAME,
  type Patient,
  patients,
  type Resources,
  slug,
  twoAtATime,
  watch,
  WATCHERS,
} from './battery-patients.ts';
import { kubectlIn, type Kubectl } from './kubectl-cases.ts';
import { type KubectlServer, startKubectlServer } from './kubectl-server.ts';

/** Events about what has no namespace live in the default one. */
const homeOfEvents = (sample: Sample): string =>
  sample.isClusterScoped === true ? 'default' : NAMESPACE_NAME;

/**
 * One kubectl does its verb to every sample, as it does for a user with a folder of manifests: that is as hard for the
 * server as one run for each, at a thirtieth of the processes. The API server stands alone, so that objects stay as written.
 */
describe('every verb of kubectl on every Service and every kind, in every version', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portico-battery-'));
  const file = (name: string, objects: readonly JsonObject[]): string => {
    const path = join(folder, `${name}.json`);
    writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    return path;
  };
  const all = file(
    'all',
    patients.map(({ manifest }) => manifest),
  );
  const changes = file('changes', patients.map(changed));
  let server: KubectlServer;
  let kubectl: Kubectl;

  before(async () => {
    server = await startKubectlServer({
      serviceCidrs: ['10.0.0.0/8', 'fd00:10:96::/112'],
      disabledAdmission: ['DenyServiceExternalIPs'],
    });
    kubectl = kubectlIn(server.cluster, NAMESPACE_NAME);
    await kubectl.ok(`create namespace ${NAMESPACE_NAME}`);
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const listed = async (): Promise<Listed['items']> =>
    (JSON.parse(await kubectl.ok(`get -f ${all} -o json`)) as Listed).items;

  /** No controller runs here that would do it. */
  const finalizeNamespaces = async (): Promise<void> => {
    for (const { manifest, name, sample } of patients) {
      if (sample.resource !== 'namespace') continue;
      await kubectl.ok(`replace --raw /api/v1/namespaces/${name}/finalize -f -`, { ...manifest, spec: {} });
    }
  };

  it('has a sample of everything that is served', async () => {
    const roots = ['/api/v1'];
    const { groups } = JSON.parse(await kubectl.ok('get --raw /apis')) as {
      groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
    };
    roots.push(
      ...groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`)),
    );
    const served: string[] = [];
    for (const root of roots) {
      const { groupVersion, resources } = JSON.parse(await kubectl.ok(`get --raw ${root}`)) as Resources;
      for (const { name, kind, verbs } of resources) {
        if (!name.includes('/') && verbs.includes('get')) served.push(`${groupVersion} ${kind}`);
      }
    }
    const tried = new Set(patients.map((m) => `${m.apiVersion} ${m.kind}`));
    assert.deepEqual([...tried].sort(), served.sort());
  });

  it('create, as a dry run and for good, and once only', async () => {
    const said = await kubectl.ok(`create -f ${all} --dry-run=server`);
    assert.deepEqual(lines(said), fulls(' created (server dry run)'));
    const missing = await kubectl.refuses(`get -f ${all}`);
    assert.equal(missing.split(' not found').length - 1, patients.length, missing);
    assert.deepEqual(lines(await kubectl.ok(`create -f ${all}`)), fulls(' created'));
    const again = lines(await kubectl.refuses(`create -f ${all}`));
    assert.equal(
      again.filter((line) => /\(AlreadyExists\)/.test(line)).length,
      patients.length,
      again.join('\n'),
    );
  });

  it('delete, without waiting, and wait for the end', async () => {
    await kubectl.ok(`delete -f ${all} --wait=false`);
    await finalizeNamespaces();
    const said = await kubectl.run(`wait -f ${all} --for=delete --timeout=20s`);
    assert.equal(said.code, 0, said.stderr);
    assert.equal(await kubectl.ok(`get -f ${all} --ignore-not-found -o name`), '');
  });

  it('apply, and nothing to do the second time', async () => {
    assert.deepEqual(lines(await kubectl.ok(`apply -f ${all}`)), fulls(' created'));
    const again = ({ sample }: Patient): string =>
      sample.isAlwaysSent === true ? ' configured' : ' unchanged';
    assert.deepEqual(lines(await kubectl.ok(`apply -f ${all}`)), fulls(again));
  });

  it('get: names, tables, YAML, JSON, jsonpath', async () => {
    assert.deepEqual(lines(await kubectl.ok(`get -f ${all} -o name`)), fulls(''));
    const table = await kubectl.ok(`get -f ${all} -o wide --show-labels`);
    const headers = lines(table).filter((line) => line.endsWith(' LABELS'));
    assert.ok(headers.length >= groups.length, table);
    assert.deepEqual(
      failing(({ full, sample }) => {
        const row = lines(table).find((line) => line.split(/\s+/).includes(full));
        return sample.resource === 'event' || (row !== undefined && /\s(<none>|\S+=\S*)$/.test(row));
      }),
      [],
      table,
    );
    const items = await listed();
    assert.deepEqual(
      failing(({ name, kind }) => items.some((item) => item.kind === kind && item.metadata.name === name)),
      [],
    );
    const yaml = await kubectl.ok(`get -f ${all} -o yaml`);
    assert.deepEqual(
      failing(({ name }) => yaml.includes(`\n    name: ${name}\n`)),
      [],
    );
    assert.ok(!yaml.includes('managedFields'));
    const uids = await kubectl.ok(`get -f ${all} -o 'jsonpath={.items[*].metadata.uid}'`);
    assert.equal(new Set(uids.split(' ').filter((uid) => /^[0-9a-f-]{36}$/.test(uid))).size, patients.length);
  });

  it('get --raw', async () => {
    await twoAtATime(groups, async (version) => {
      const root = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
      const { resources } = JSON.parse(await kubectl.ok(`get --raw ${root}`)) as Resources;
      for (const { apiVersion, kind, name, sample } of patients) {
        if (apiVersion !== version) continue;
        const found = resources.find((r) => !r.name.includes('/') && r.kind === kind);
        assert.ok(found !== undefined, `${root} lists ${sample.resource}`);
        assert.deepEqual(
          [found.singularName, found.namespaced],
          [sample.resource, sample.isClusterScoped !== true],
        );
        const inside = found.namespaced ? `/namespaces/${NAMESPACE_NAME}` : '';
        const raw = JSON.parse(
          await kubectl.ok(`get --raw ${root}${inside}/${found.name}/${name}`),
        ) as Listed['items'][number];
        assert.deepEqual([raw['apiVersion'], raw.kind, raw.metadata.name], [version, kind, name]);
      }
    });
  });

  it('describe', async () => {
    const described = await kubectl.ok(`describe -f ${all}`);
    assert.deepEqual(
      failing(({ name }) => new RegExp(`^Name:\\s+${name}$`, 'm').test(described)),
      [],
      described,
    );
  });

  it('explain', async () => {
    const types = new Map(patients.map((p) => [`${p.full.split('/')[0]} ${p.apiVersion}`, p]));
    await twoAtATime([...types.keys()], async (key) => {
      const [fullType = '', version = ''] = key.split(' ');
      // A dot after the type would be the way to a field.
      const [type = ''] = fullType.split('.');
      const said = await kubectl.ok(`explain ${type} --api-version=${version}`);
      assert.match(said, /^(GROUP: .*\n)?KIND: .*\nVERSION: .*\n\nDESCRIPTION:\n +\S/);
    });
  });

  it('label and annotate', async () => {
    assert.deepEqual(lines(await kubectl.ok(`label -f ${all} tier=front`)), fulls(' labeled'));
    assert.match(await kubectl.refuses(`label -f ${all} tier=back`), /already has a value/);
    assert.deepEqual(lines(await kubectl.ok(`annotate -f ${all} note=one`)), fulls(' annotated'));
  });

  it('patch, in three ways', async () => {
    const patches = {
      json: '[{"op":"add","path":"/metadata/annotations/json","value":"1"}]',
      merge: '{"metadata":{"annotations":{"merge":"1"}}}',
      strategic: '{"metadata":{"annotations":{"strategic":"1"}}}',
    };
    for (const [type, patch] of Object.entries(patches)) {
      const said = await kubectl.ok(`patch -f ${all} --type=${type} -p '${patch}'`);
      assert.deepEqual(lines(said), fulls(' patched'), type);
    }
    const wrong = '[{"op":"test","path":"/metadata/name","value":"no"}]';
    const refused = lines(await kubectl.refuses(`patch -f ${all} --type=json -p '${wrong}'`));
    assert.equal(
      refused.filter((line) => /test failed/.test(line)).length,
      patients.length,
      refused.join('\n'),
    );
  });

  it('edit', async () => {
    const editor = join(folder, 'editor');
    writeFileSync(editor, `#!/bin/sh\nsed -i "s/^\\( *\\)tier: front$/&\\n\\1edited: 'yes'/" "$1"\n`);
    chmodSync(editor, 0o755);
    const env = { KUBECONFIG: kubectl.cluster.kubeconfig, EDITOR: editor, TMPDIR: folder };
    const said = await runProgram(['kubectl', '-n', NAMESPACE_NAME, 'edit', '-f', all], { env });
    assert.deepEqual([said.code, lines(said.stdout)], [0, fulls(' edited')], said.stderr);
    for (const { kind, metadata } of await listed()) {
      assert.deepEqual([metadata.labels?.['tier'], metadata.labels?.['edited']], ['front', 'yes'], kind);
      const { note, json, merge, strategic } = metadata.annotations ?? {};
      assert.deepEqual([note, json, merge, strategic], ['one', '1', '1', '1'], kind);
    }
  });

  it('watch: what is there, and a change', async () => {
    const types = [...new Map(patients.map((p) => [p.full.split('/')[0] ?? '', p])).entries()];
    for (let at = 0; at < types.length; at += WATCHERS) {
      const some = types.slice(at, at + WATCHERS);
      const targets = file(
        'watched',
        some.map(([, { manifest }]) => manifest),
      );
      const watching = some.map(([type, { full }]) => watch(kubectl, type, full));
      try {
        await eventually('what is there', async () => watching.every(({ seen }) => seen() >= 1) || undefined);
        await kubectl.ok(`annotate -f ${targets} watched=yes`);
        await eventually('the change', async () => watching.every(({ seen }) => seen() >= 2) || undefined);
      } catch (cause) {
        const saw = watching.map(({ type, seen }) => `${type} ${seen()}`).join(', ');
        throw new Error(`watchers saw: ${saw}`, { cause });
      } finally {
        await Promise.all(watching.map(({ stop }) => stop()));
      }
    }
  });

  it('diff and apply, on the client’s side and on the server’s', async () => {
    assert.equal(await kubectl.ok(`diff -f ${all}`), '', 'nothing differs');
    const differing = await kubectl.run(`diff -f ${changes}`);
    assert.equal(differing.code, 1, differing.stderr);
    assert.deepEqual(
      failing(
        ({ sample, name }) => differing.stdout.includes(`.${name}\n`) === (sample.change !== undefined),
      ),
      [],
      differing.stdout,
    );
    const byClient = ({ sample }: Patient): string =>
      sample.change !== undefined || sample.isAlwaysSent === true ? ' configured' : ' unchanged';
    assert.deepEqual(lines(await kubectl.ok(`apply -f ${changes}`)), fulls(byClient));
    const byServer = `apply --server-side --force-conflicts -f ${changes}`;
    assert.deepEqual(
      lines(await kubectl.ok(`${byServer} --dry-run=server`)),
      fulls(' serverside-applied (server dry run)'),
    );
    assert.deepEqual(lines(await kubectl.ok(byServer)), fulls(' serverside-applied'));
    assert.equal(await kubectl.ok(`diff --server-side --force-conflicts -f ${changes}`), '');
  });

  it('replace with what get said', async () => {
    const path = file('now', await listed());
    assert.deepEqual(lines(await kubectl.ok(`replace -f ${path}`)), fulls(' replaced'));
  });

  it('wait for a value', async () => {
    // It waits for one after the other, with five requests a second after the first ten.
    const parts = Array.from({ length: Math.ceil(patients.length / 8) }, (_, n) =>
      patients.slice(n * 8, n * 8 + 8),
    );
    await twoAtATime(parts, async (part) => {
      const path = file(
        `waited-${part[0]?.name}`,
        part.map(({ manifest }) => manifest),
      );
      const said = await kubectl.ok(
        `wait -f ${path} --for=jsonpath={.metadata.labels.tier}=front --timeout=20s`,
      );
      assert.deepEqual(
        lines(said),
        part.map(({ full }) => `${full} condition met`),
      );
    });
  });

  it('events for each', async () => {
    const events = patients.map(({ apiVersion, kind, name, sample }, index) => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `of-${index}`, namespace: homeOfEvents(sample) },
      involvedObject: {
        // kubectl asks for those of the version it prefers.
        apiVersion: apiVersion.replace('v1beta1', 'v1').replace('autoscaling/v1', 'autoscaling/v2'),
        kind,
        name,
        ...(sample.isClusterScoped === true ? {} : { namespace: NAMESPACE_NAME }),
      },
      type: 'Normal',
      reason: 'Looked',
      message: `looked at ${index}`,
      firstTimestamp: '2026-01-02T03:04:05Z',
      lastTimestamp: '2026-01-02T03:04:05Z',
      count: 1,
    }));
    const path = file('events', events);
    // Not `-n`, which the namespace in a manifest would contradict.
    const created = await kubectl.cluster.kubectl(['create', '-f', path]);
    assert.equal(created.code, 0, created.stderr);
    await twoAtATime([...patients.entries()], async ([index, { full, sample }]) => {
      const said = await kubectl.ok(`events -n ${homeOfEvents(sample)} --for ${full} --no-headers`);
      assert.match(said, new RegExp(` Looked +\\S+ +looked at ${index}$`), full);
    });
  });

  it('expose whatever has a selector', async () => {
    const exposable = ['service', 'pod', 'replicationcontroller', 'deployment', 'replicaset'];
    await twoAtATime(patients, async ({ sample, full, name, manifest }) => {
      const spec = (manifest['spec'] ?? {}) as JsonObject;
      const line = `expose ${full} --name=x-${slug(name)} --port=8080 --dry-run=server -o name`;
      if (!exposable.includes(sample.resource)) return;
      if (sample.resource === 'service' && spec['selector'] === undefined) {
        assert.match(await kubectl.refuses(line), /the service has no pod selector set/);
      } else assert.equal(await kubectl.ok(line), `service/x-${slug(name)}`);
    });
  });

  it('delete, as a dry run and for good', async () => {
    const dry = lines(await kubectl.ok(`delete -f ${all} --dry-run=server`));
    assert.deepEqual(
      failing(({ name }) =>
        dry.some((line) => line.includes(`"${name}"`) && line.endsWith(' (server dry run)')),
      ),
      [],
    );
    assert.equal((await listed()).length, patients.length);
    const gone = kubectl.ok(`delete -f ${all} --timeout=20s`);
    await eventually(
      'the end of the namespace to begin',
      async () => (await kubectl.ok('get namespaces')).includes('Terminating') || undefined,
    );
    await finalizeNamespaces();
    assert.equal(lines(await gone).length, patients.length);
    assert.equal(await kubectl.ok(`get -f ${all} --ignore-not-found -o name`), '');
  });
});
