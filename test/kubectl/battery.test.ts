import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { JsonObject } from '../../src/base/json.ts';
import { runProgram } from '../../src/testing/test-cluster.ts';
import { kindSamples, NAMESPACE, serviceSamples, type Sample } from './battery-objects.ts';
import { kubectlCases, type Case, type Kubectl } from './kubectl-cases.ts';

const folder = mkdtempSync(join(tmpdir(), 'portico-battery-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const editor = join(folder, 'editor');
writeFileSync(editor, '#!/bin/sh\nsed -i "s/^    tier: front$/&\\n    edited: \'yes\'/" "$1"\n');
chmodSync(editor, 0o755);

interface Patient {
  readonly kubectl: Kubectl;
  readonly sample: Sample;
  readonly manifest: JsonObject;
  readonly name: string;
  /** `service it`. */
  readonly ref: string;
}

const applyOf = ({ manifest }: Patient, more: JsonObject = {}): JsonObject => ({ ...manifest, ...more });

/** `deployment.apps/it`, as answers call it. */
async function create(patient: Patient): Promise<string> {
  const { kubectl, manifest, ref } = patient;
  const said = await kubectl.ok('create -f - --dry-run=server', manifest);
  assert.match(said, / created \(server dry run\)$/);
  assert.match(await kubectl.refuses(`get ${ref}`), /^Error from server \(NotFound\)/);
  const full = said.split(' ')[0] ?? '';
  assert.equal(await kubectl.ok('apply -f -', manifest), `${full} created`);
  const again = patient.sample.isAlwaysSent === true ? 'configured' : 'unchanged';
  assert.equal(await kubectl.ok('apply -f -', manifest), `${full} ${again}`);
  assert.match(await kubectl.refuses('create -f -', manifest), /\(AlreadyExists\)/);
  return full;
}

async function read({ kubectl, ref, name, sample }: Patient, full: string): Promise<void> {
  assert.equal(await kubectl.ok(`get ${ref} -o name`), full);
  const [header = '', row = ''] = (await kubectl.ok(`get ${ref} -o wide --show-labels`)).split('\n');
  if (sample.resource !== 'event') assert.match(row, new RegExp(`^${name}\\s`));
  assert.ok(header.endsWith('LABELS') && /(<none>|=\S*)$/.test(row), `${header}\n${row}`);
  const yaml = await kubectl.ok(`get ${ref} -o yaml`);
  assert.ok(yaml.includes(`\n  name: ${name}\n`) && !yaml.includes('managedFields'), yaml);
  assert.match(await kubectl.ok(`get ${ref} -o 'jsonpath={.metadata.uid}'`), /^[0-9a-f-]{36}$/);
  const { plural, path } = await whereIs(kubectl, sample, name);
  const raw = JSON.parse(await kubectl.ok(`get --raw ${path}`)) as { metadata: { name: string } };
  assert.equal(raw.metadata.name, name);
  const watched = await kubectl.run(`get ${plural} -w --request-timeout=1s -o name`);
  assert.ok(watched.stdout.split('\n').includes(full), `the watch shows ${full}: ${watched.stdout}`);
  const described = await kubectl.ok(`describe ${ref}`);
  assert.match(described, new RegExp(`^Name:\\s+${name}\n`));
  assert.match(
    await kubectl.ok(`explain ${plural}`),
    /^(GROUP: .*\n)?KIND: .*\nVERSION: .*\n\nDESCRIPTION:\n/,
  );
}

interface ApiResource {
  readonly name: string;
  readonly namespaced: boolean;
  readonly singularName: string;
}

/** What discovery says of the kind. */
async function whereIs(
  kubectl: Kubectl,
  sample: Sample,
  name: string,
): Promise<{ readonly plural: string; readonly path: string }> {
  const version = sample.object.apiVersion;
  const root = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
  const { resources } = JSON.parse(await kubectl.ok(`get --raw ${root}`)) as {
    readonly resources: readonly ApiResource[];
  };
  const found = resources.find(({ singularName }) => singularName === sample.resource);
  assert.ok(found !== undefined, `${root} lists ${sample.resource}`);
  assert.equal(found.namespaced, sample.isClusterScoped !== true);
  const namespace = found.namespaced ? `/namespaces/${kubectl.namespace}` : '';
  return { plural: found.name, path: `${root}${namespace}/${found.name}/${name}` };
}

async function changeMetadata(patient: Patient, full: string): Promise<void> {
  const { kubectl, ref } = patient;
  assert.equal(await kubectl.ok(`label ${ref} tier=front`), `${full} labeled`);
  assert.match(await kubectl.refuses(`label ${ref} tier=back`), /already has a value/);
  assert.equal(await kubectl.ok(`annotate ${ref} note=one`), `${full} annotated`);
  const patches = {
    json: '[{"op":"add","path":"/metadata/annotations/json","value":"1"}]',
    merge: '{"metadata":{"annotations":{"merge":"1"}}}',
    strategic: '{"metadata":{"annotations":{"strategic":"1"}}}',
  };
  for (const [type, patch] of Object.entries(patches)) {
    assert.equal(await kubectl.ok(`patch ${ref} --type=${type} -p '${patch}'`), `${full} patched`);
  }
  assert.match(
    await kubectl.refuses(
      `patch ${ref} --type=json -p '[{"op":"test","path":"/metadata/name","value":"no"}]'`,
    ),
    /the server rejected our request|testing value|test failed/i,
  );
  const env = { KUBECONFIG: kubectl.cluster.kubeconfig, EDITOR: editor, TMPDIR: folder };
  const edited = await runProgram(['kubectl', '-n', kubectl.namespace, 'edit', ...ref.split(' ')], { env });
  assert.deepEqual([edited.code, edited.stdout.trimEnd()], [0, `${full} edited`], edited.stderr);
  const { metadata } = await kubectl.json<{ metadata: Record<string, Record<string, string>> }>(ref);
  const { note, json, merge, strategic } = metadata['annotations'] ?? {};
  assert.deepEqual([note, json, merge, strategic], ['one', '1', '1', '1']);
  assert.deepEqual([metadata['labels']?.['tier'], metadata['labels']?.['edited']], ['front', 'yes']);
}

async function changeByFile(patient: Patient, full: string): Promise<void> {
  const { kubectl, sample } = patient;
  assert.equal(await kubectl.ok('diff -f -', applyOf(patient)), '', 'nothing differs');
  if (sample.change !== undefined) {
    const changed = merged(patient.manifest, sample.change as JsonObject);
    const differing = await kubectl.run('diff -f -', changed);
    assert.equal(differing.code, 1, differing.stderr);
    assert.match(differing.stdout, /^[+-][ \w]/m);
    assert.equal(await kubectl.ok('apply -f -', changed), `${full} configured`);
    const byServer = await kubectl.ok('apply --server-side --force-conflicts -f -', changed);
    assert.equal(byServer, `${full} serverside-applied`);
    assert.equal(
      await kubectl.ok('apply --server-side --dry-run=server -f -', changed),
      `${full} serverside-applied (server dry run)`,
    );
  }
  const { ref } = patient;
  const now = await kubectl.json<JsonObject>(ref);
  assert.equal(await kubectl.ok('replace -f -', now), `${full} replaced`);
  await kubectl.ok(`wait ${ref} --for=jsonpath={.metadata.name}=${patient.name} --timeout=5s`);
}

function merged(base: JsonObject, change: JsonObject): JsonObject {
  const result: Record<string, JsonObject[string]> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const before = base[key];
    result[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return result;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function remove({ kubectl, ref, manifest }: Patient, full: string): Promise<void> {
  const short = full.replace('/', ' ').split(' ');
  assert.equal(
    await kubectl.ok(`delete ${ref} --dry-run=server`),
    `${short[0]} "${short[1]}" deleted (server dry run)`,
  );
  assert.equal(await kubectl.ok('delete -f - --timeout=20s', manifest), `${short[0]} "${short[1]}" deleted`);
  assert.match(await kubectl.refuses(`get ${ref}`), /^Error from server \(NotFound\)/);
}

function everyVerb(sample: Sample): Case {
  return async (kubectl) => {
    const name = sample.isClusterScoped === true ? kubectl.namespace.replace('case', 'own') : 'it';
    const object = JSON.parse(
      JSON.stringify(sample.object).replaceAll(NAMESPACE, kubectl.namespace),
    ) as Sample['object'];
    const manifest = { ...object, metadata: { ...object.metadata, name } } as JsonObject;
    const patient: Patient = { kubectl, sample, manifest, name, ref: `${sample.resource} ${name}` };
    const full = await create(patient);
    await read(patient, full);
    await changeMetadata(patient, full);
    await changeByFile(patient, full);
    await remove(patient, full);
  };
}

const cases = (samples: Readonly<Record<string, Sample>>): Readonly<Record<string, Case>> =>
  Object.fromEntries(Object.entries(samples).map(([sentence, sample]) => [sentence, everyVerb(sample)]));

kubectlCases('every verb of kubectl on every kind of Service', cases(serviceSamples));
kubectlCases('every verb of kubectl on every kind', cases(kindSamples));
