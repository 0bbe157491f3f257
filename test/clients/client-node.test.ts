import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AppsV1Api,
  AuthorizationV1Api,
  CoreV1Api,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  VersionApi,
  Watch,
  type KubernetesObject,
  type V1Service,
} from '@kubernetes/client-node';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kindSamples, NAMESPACE, type Sample } from '../kubectl/battery-objects.ts';
import { serviceSamples } from '../kubectl/battery-services.ts';
import { servedConfig } from './served-config.ts';

const serviceOf = (name: string, more: object = {}): V1Service => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], selector: { app: name }, ...more },
});

/** What the client throws for an answer that is no success. */
interface Refusal {
  readonly code: number;
  readonly body: string;
}

const refusalOf = async (attempt: Promise<unknown>): Promise<Refusal> => {
  try {
    await attempt;
  } catch (error) {
    return error as Refusal;
  }
  return assert.fail('the server should have refused');
};

// The official JavaScript client is a program that knows nothing of this server.
describe('@kubernetes/client-node', { concurrency: 4 }, () => {
  const config = servedConfig();
  const core = (): CoreV1Api => config.makeApiClient(CoreV1Api);

  const everyVerb = (sentence: string, sample: Sample, name: string): void => {
    it(`creates, reads, lists, patches, replaces and deletes ${sentence}`, async () => {
      const api = KubernetesObjectApi.makeApiClient(config);
      const object = JSON.parse(
        JSON.stringify(sample.object).replaceAll(NAMESPACE, 'default').replace('"it"', JSON.stringify(name)),
      ) as KubernetesObject;
      const metadata = { name, ...(sample.isClusterScoped === true ? {} : { namespace: 'default' }) };
      const header = { apiVersion: object.apiVersion ?? '', kind: object.kind ?? '', metadata };
      const wanted = { ...object, metadata };

      await api.create(wanted, undefined, 'All');
      assert.equal((await refusalOf(api.read(header))).code, 404, 'a dry run creates nothing');
      const created = await api.create<KubernetesObject>(wanted);
      assert.match(created.metadata?.uid ?? '', /^[0-9a-f-]{36}$/);
      assert.equal((await refusalOf(api.create(wanted))).code, 409);

      const annotate = (text: string): KubernetesObject => {
        const annotations = { [text]: '1' };
        return { ...header, metadata: { ...metadata, annotations } };
      };
      const patch = (body: KubernetesObject, strategy: PatchStrategy, manager?: string): Promise<unknown> =>
        api.patch(body, undefined, undefined, manager, undefined, strategy);
      await patch(annotate('merge'), PatchStrategy.MergePatch);
      await patch(annotate('strategic'), PatchStrategy.StrategicMergePatch);
      await patch(annotate('applied'), PatchStrategy.ServerSideApply, 'client-node');
      const read = await api.read(header);
      assert.partialDeepStrictEqual(read.metadata?.annotations, { applied: '1', merge: '1', strategic: '1' });

      const replaced = await api.replace({
        ...read,
        metadata: { ...read.metadata, labels: { tier: 'front' } },
      });
      assert.deepEqual(replaced.metadata?.labels?.['tier'], 'front');
      assert.equal((await refusalOf(api.replace(read))).code, 409, 'an older version is refused');
      const { items } = await api.list(header.apiVersion, header.kind, metadata.namespace);
      assert.ok(items.some((item) => item.metadata?.name === name));
      // Without a wish, Jobs and ReplicationControllers wait for their Pods to be let go.
      await api.delete(header, undefined, undefined, 0, undefined, 'Background');
      // No controller runs beside this server.
      if (header.kind === 'Namespace')
        await core().replaceNamespaceFinalize({ name, body: { metadata, spec: {} } });
      await eventually('the end of it', async () =>
        api.read(header).then(
          () => undefined,
          (error: unknown) => (error as Refusal).code === 404 || undefined,
        ),
      );
    });
  };
  Object.entries({ ...serviceSamples, ...kindSamples }).forEach(([sentence, sample], index) =>
    everyVerb(sentence, sample, sample.name ?? `own-${index}`),
  );

  it('reads the version, and what it may do', async () => {
    assert.match((await config.makeApiClient(VersionApi).getCode()).gitVersion, /^v1\.\d+\.\d+/);
    const review = await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({
      body: { spec: { resourceAttributes: { verb: 'get', resource: 'services', namespace: 'default' } } },
    });
    assert.equal(review.status?.allowed, true);
  });

  it('pages through a list', async () => {
    await core().createNamespace({ body: { metadata: { name: 'pages' } } });
    for (let n = 0; n < 7; n++) {
      await core().createNamespacedService({ namespace: 'pages', body: serviceOf(`page-${n}`) });
    }
    const names: (string | undefined)[] = [];
    let token: string | undefined;
    do {
      const page = await core().listNamespacedService({
        namespace: 'pages',
        limit: 3,
        ...(token === undefined ? {} : { _continue: token }),
      });
      names.push(...page.items.map((item) => item.metadata?.name));
      token = page.metadata?._continue;
    } while (token !== undefined && token !== '');
    assert.deepEqual(
      names,
      [...names.keys()].map((n) => `page-${n}`),
    );
    assert.equal(names.length, 7);
    const deleted = await core().deleteCollectionNamespacedService({ namespace: 'pages' });
    assert.equal(deleted.status, undefined);
    assert.deepEqual((await core().listNamespacedService({ namespace: 'pages' })).items, []);
  });

  it('scales a Deployment, and reads and writes its status', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const selector = { matchLabels: { app: 'scaled' } };
    const template = {
      metadata: { labels: selector.matchLabels },
      spec: { containers: [{ name: 'main', image: 'host' }] },
    };
    const place = { name: 'scaled', namespace: 'default' };
    const body = { metadata: place, spec: { replicas: 2, selector, template } };
    await apps.createNamespacedDeployment({ namespace: 'default', body });
    const scale = await apps.readNamespacedDeploymentScale(place);
    assert.equal(scale.spec?.replicas, 2);
    await apps.replaceNamespacedDeploymentScale({ ...place, body: { ...scale, spec: { replicas: 5 } } });
    const now = await apps.readNamespacedDeployment(place);
    assert.equal(now.spec?.replicas, 5);
    const status = { ...now, status: { observedGeneration: now.metadata?.generation ?? 0, replicas: 5 } };
    const written = await apps.replaceNamespacedDeploymentStatus({ ...place, body: status });
    assert.equal(written.status?.replicas, 5);
  });

  it('sends a JSON patch', async () => {
    await core().createNamespacedService({ namespace: 'default', body: serviceOf('patched') });
    const body = [
      { op: 'test', path: '/spec/ports/0/port', value: 80 },
      { op: 'replace', path: '/spec/ports/0/port', value: 81 },
    ];
    const patched = await core().patchNamespacedService(
      { name: 'patched', namespace: 'default', body },
      setHeaderOptions('Content-Type', PatchStrategy.JsonPatch),
    );
    assert.equal(patched.spec?.ports?.[0]?.port, 81);
  });

  it('is told in words it understands what is wrong', async () => {
    const body = serviceOf('Wrong_Name', { ports: [{ port: 0 }] });
    const refusal = await refusalOf(core().createNamespacedService({ namespace: 'default', body }));
    const status = JSON.parse(refusal.body) as { reason: string; details: { causes: { field: string }[] } };
    assert.deepEqual([refusal.code, status.reason], [422, 'Invalid']);
    assert.deepEqual(
      status.details.causes.map(({ field }) => field),
      ['metadata.name', 'spec.ports[0].port', 'spec.ports[0].targetPort'],
    );
    const nowhere = core().createNamespacedService({ namespace: 'nowhere', body: serviceOf('a') });
    assert.equal((await refusalOf(nowhere)).code, 404);
  });

  it('watches, and its informer follows', async () => {
    await core().createNamespace({ body: { metadata: { name: 'watched' } } });
    const path = '/api/v1/namespaces/watched/services';
    const informer = makeInformer(config, path, () => core().listNamespacedService({ namespace: 'watched' }));
    const seen: string[] = [];
    for (const verb of ['add', 'update', 'delete'] as const) {
      informer.on(verb, (object) => void seen.push(`${verb} ${object.metadata?.name}`));
    }
    await informer.start();
    const phases: string[] = [];
    const watching = await new Watch(config).watch(
      path,
      { allowWatchBookmarks: true },
      (phase) => void phases.push(phase),
      () => undefined,
    );
    const place = { name: 'a', namespace: 'watched' };
    await core().createNamespacedService({ namespace: 'watched', body: serviceOf('a') });
    const now = await core().readNamespacedService(place);
    const body = { ...now, metadata: { ...now.metadata, labels: { changed: 'yes' } } };
    await core().replaceNamespacedService({ ...place, body });
    await core().deleteNamespacedService(place);
    await eventually('all three changes', () => Promise.resolve(seen.length >= 3 || undefined));
    assert.deepEqual(seen, ['add a', 'update a', 'delete a']);
    assert.deepEqual(phases, ['ADDED', 'MODIFIED', 'DELETED']);
    await informer.stop();
    watching.abort();
  });
});
