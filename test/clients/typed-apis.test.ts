import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as library from '@kubernetes/client-node';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kindSamples, NAMESPACE, type Sample } from '../kubectl/battery-objects.ts';
import { serviceSamples } from '../kubectl/battery-services.ts';
import { servedConfig } from './served-config.ts';

const { makeInformer, PatchStrategy, setHeaderOptions } = library;

/** An object or a list, as far as this test looks. */
interface Seen {
  readonly metadata?: library.V1ObjectMeta & library.V1ListMeta;
  readonly items?: readonly Seen[];
  readonly resources?: readonly library.V1APIResource[];
}
type Method = (parameters: object, options?: object) => Promise<Seen>;

/** The generated class for a group's version, such as RbacAuthorizationV1Api; undefined when this release has none. */
function classFor(apiVersion: string): unknown {
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  const [group, version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const words = (group ?? '').replace(/\.k8s\.io$/, '').split('.');
  const name = `${words.map(capital).join('')}${capital(version)}Api`;
  return (library as unknown as Readonly<Record<string, unknown>>)[name];
}

describe('the generated classes of @kubernetes/client-node', { concurrency: 4 }, () => {
  const config = servedConfig();

  const everyMethod = async (sample: Sample, name: string): Promise<void> => {
    const { apiVersion } = sample.object;
    const kind = sample.object['kind'] as string;
    const api = config.makeApiClient(classFor(apiVersion) as typeof library.CoreV1Api) as unknown as Readonly<
      Record<string, unknown>
    >;
    const inside = sample.isClusterScoped === true ? {} : { namespace: 'default' };
    const scope = sample.isClusterScoped === true ? '' : 'Namespaced';
    const has = (method: string): boolean => typeof api[method] === 'function';
    const call = (method: string, parameters: object, options?: object): Promise<Seen> => {
      const found = api[method];
      assert.ok(typeof found === 'function', `the library has ${method}`);
      return (found as Method).call(api, parameters, options);
    };
    const at = { name, ...inside };
    const labelSelector = `own=${name}`;
    const object = JSON.parse(JSON.stringify(sample.object).replaceAll(NAMESPACE, 'default')) as object;
    const metadata = { name, ...inside, labels: { own: name } };
    const body = { ...object, metadata };

    const { resources = [] } = await call('getAPIResources', {});
    const resource = resources.find((r) => r.kind === kind && !r.name.includes('/'));
    assert.ok(resource !== undefined);
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const path = `${root}${scope === '' ? '' : '/namespaces/default'}/${resource.name}`;
    const list = (): Promise<Seen> => call(`list${scope}${kind}`, { ...inside, labelSelector });
    const informer = makeInformer<library.KubernetesObject>(
      config,
      path,
      list as unknown as () => Promise<library.KubernetesListObject<library.KubernetesObject>>,
      labelSelector,
    );
    const told: string[] = [];
    for (const verb of ['add', 'update', 'delete'] as const) informer.on(verb, () => void told.push(verb));
    informer.on('error', (error: unknown) => void told.push(String(error)));
    await informer.start();

    await call(`create${scope}${kind}`, { ...inside, body, dryRun: 'All', fieldValidation: 'Strict' });
    const created = await call(`create${scope}${kind}`, { ...inside, body });
    const found = await call(`read${scope}${kind}`, at);
    assert.equal(found.metadata?.uid, created.metadata?.uid);
    assert.deepEqual(
      (await list()).items?.map((item) => item.metadata?.name),
      [name],
    );
    if (scope !== '') {
      const everywhere = await call(`list${kind}ForAllNamespaces`, { labelSelector });
      assert.equal(everywhere.items?.length, 1);
    }

    const patch = (how: library.PatchStrategy, body: unknown, more: object = {}): Promise<Seen> =>
      call(`patch${scope}${kind}`, { ...at, body, ...more }, setHeaderOptions('Content-Type', how));
    const note = (text: string): object => ({ metadata: { annotations: { [text]: '1' } } });
    await patch(PatchStrategy.JsonPatch, [
      { op: 'test', path: '/metadata/name', value: name },
      { op: 'add', path: '/metadata/annotations', value: { json: '1' } },
    ]);
    await patch(PatchStrategy.MergePatch, note('merge'));
    await patch(PatchStrategy.StrategicMergePatch, note('strategic'));
    const applied = { apiVersion, kind, metadata: { name, ...inside, annotations: { applied: '1' } } };
    const patched = await patch(PatchStrategy.ServerSideApply, applied, {
      fieldManager: 'typed',
      force: true,
    });
    assert.partialDeepStrictEqual(patched.metadata?.annotations, {
      json: '1',
      merge: '1',
      strategic: '1',
      applied: '1',
    });
    const changed = { ...patched, metadata: { ...patched.metadata, labels: { own: name, replaced: 'yes' } } };
    const replaced = await call(`replace${scope}${kind}`, { ...at, body: changed });
    assert.equal(replaced.metadata?.labels?.['replaced'], 'yes');
    if (has(`read${scope}${kind}Status`)) {
      const status = await call(`read${scope}${kind}Status`, at);
      assert.equal(status.metadata?.uid, created.metadata?.uid);
      await call(`replace${scope}${kind}Status`, { ...at, body: status });
      const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
      await call(`patch${scope}${kind}Status`, { ...at, body: {} }, merge);
    }

    // Jobs and ReplicationControllers would wait for their Pods to be let go.
    const end = { propagationPolicy: 'Background', gracePeriodSeconds: 0 };
    if (has(`deleteCollection${scope}${kind}`)) {
      await call(`deleteCollection${scope}${kind}`, { ...inside, labelSelector, ...end });
    } else await call(`delete${scope}${kind}`, { ...at, ...end });
    if (kind === 'Namespace') await call('replaceNamespaceFinalize', { name, body: { metadata, spec: {} } });
    await eventually('an empty list', async () => (await list()).items?.length === 0 || undefined);
    await eventually('the informer to see the end', async () => told.includes('delete') || undefined);
    assert.equal(told[0], 'add');
    assert.ok(
      told.filter((verb) => verb === 'update').length >= 3 && told.at(-1) === 'delete',
      told.join(' '),
    );
    await informer.stop();

    // And once more, by its name.
    if (!has(`deleteCollection${scope}${kind}`)) return;
    await call(`create${scope}${kind}`, { ...inside, body });
    await call(`delete${scope}${kind}`, { ...at, ...end, dryRun: 'All' });
    assert.equal((await list()).items?.length, 1);
    await call(`delete${scope}${kind}`, { ...at, ...end });
    await eventually('its end', async () => (await list()).items?.length === 0 || undefined);
  };

  for (const [index, [sentence, sample]] of Object.entries({ ...serviceSamples, ...kindSamples }).entries()) {
    // The library follows one release of Kubernetes, which has left some older versions behind.
    const isKnown = classFor(sample.object.apiVersion) !== undefined;
    const forgotten = ['batch/v1beta1', 'discovery.k8s.io/v1beta1', 'policy/v1beta1'];
    it(`${isKnown ? 'have every method for' : 'do not have'} ${sentence}`, async () => {
      if (isKnown) await everyMethod(sample, sample.name ?? `typed-${index}`);
      else assert.ok(forgotten.includes(sample.object.apiVersion));
    });
  }
});
