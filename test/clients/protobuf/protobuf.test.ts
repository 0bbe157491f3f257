import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { createTestPki, overHttp1, startServer } from '../../../src/apiserver/fixtures/running-server.ts';
import type { Answer, Running, TestPki } from '../../../src/apiserver/fixtures/running-server.ts';
import { eventually } from '../../../src/testing/test-cluster.ts';
import { kindSamples, NAMESPACE, type Sample } from '../../kubectl/battery-objects.ts';
import { serviceSamples } from '../../kubectl/battery-services.ts';
import {
  asJson,
  decode,
  encode,
  events,
  type Fields,
  type Opened,
  TYPE,
  withoutEmpty,
} from './foreign-codec.ts';

const JSON_TYPE = 'application/json';

interface Meta {
  readonly name: string;
  readonly resourceVersion: string;
  readonly labels?: Readonly<Record<string, string>>;
}
const metaOf = ({ fields }: Opened): Meta => fields['metadata'] as Meta;

/** Without what the server writes into each object by itself; into a Job, a selector made of its uid. */
function withoutServers(object: unknown, kind: string): Fields {
  const { metadata, ...rest } = structuredClone(object) as { metadata: Fields; spec?: Fields };
  if (kind === 'Job') {
    delete rest.spec?.['selector'];
    delete (rest.spec?.['template'] as Fields)['metadata'];
  }
  const { uid: _, resourceVersion: __, creationTimestamp: ___, managedFields: ____, ...own } = metadata;
  return { ...rest, metadata: own };
}

describe('a client of upstream’s own declarations, in protobuf', { concurrency: 4 }, () => {
  let pki: TestPki;
  let server: Running;
  const paths = new Map<string, string>();
  before(async () => {
    pki = await createTestPki();
    server = await startServer(pki.pki, {
      config: {
        serviceCidrs: ['10.0.0.0/8', 'fd00:10:96::/112'],
        disabledAdmission: ['DenyServiceExternalIPs'],
      },
    });
  });
  after(async () => {
    await server.stop();
    await pki.remove();
  });

  const headers = (accept: string, type: string): Record<string, string> => ({
    authorization: `Bearer ${pki.pki.adminToken}`,
    accept,
    'content-type': type,
  });
  interface Ask {
    readonly accept?: string;
    readonly type?: string;
    readonly body?: string | Buffer;
  }
  const send = (
    method: string,
    path: string,
    { accept = TYPE, type = TYPE, body }: Ask = {},
  ): Promise<Answer> =>
    overHttp1(server.url + path, {
      method,
      ca: pki.pki.caCert,
      headers: {
        ...headers(accept, type),
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      },
      ...(body === undefined ? {} : { body }),
    });
  /** `POST /path`, and the code it must be answered with. */
  const ask = async (code: number, line: string, asked?: Ask): Promise<Opened> => {
    const [method = '', path = ''] = line.split(' ');
    const answer = await send(method, path, asked);
    const opened = decode(answer.bytes);
    assert.equal(answer.status, code, JSON.stringify(opened));
    return opened;
  };

  const pathOf = async (apiVersion: string, kind: string): Promise<string> => {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const known = paths.get(root + kind);
    if (known !== undefined) return known;
    const { bytes } = await send('GET', root, { accept: JSON_TYPE });
    const { resources } = JSON.parse(bytes.toString()) as {
      resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
    };
    for (const { name, namespaced, kind: each } of resources) {
      if (!name.includes('/'))
        paths.set(root + each, `${root}${namespaced ? '/namespaces/default' : ''}/${name}`);
    }
    return paths.get(root + kind) ?? assert.fail(`${root} has no ${kind}`);
  };

  /** Follows the objects of one name, in frames; `seen` gives what has come. */
  const watch = (
    path: string,
    query: string,
  ): { seen: () => ReturnType<typeof events>; stop: () => void } => {
    let bytes = Buffer.alloc(0);
    const asked = request(
      `${server.url}${path}?watch=1&${query}`,
      { headers: headers(`${TYPE};stream=watch`, TYPE), ca: pki.pki.caCert, agent: false },
      (response) =>
        response
          .on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])))
          .on('error', () => undefined),
    );
    asked.on('error', () => undefined).end();
    return { seen: () => events(bytes), stop: () => void asked.destroy() };
  };

  const everyVerb = async (sample: Sample, name: string): Promise<void> => {
    const { apiVersion } = sample.object;
    const kind = sample.object['kind'] as string;
    const all = await pathOf(apiVersion, kind);
    const path = `${all}/${name}`;
    const own = `fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`;
    const written = JSON.parse(JSON.stringify(sample.object).replaceAll(NAMESPACE, 'default')) as Fields;
    const body = JSON.stringify({ ...written, metadata: { ...(written['metadata'] as Fields), name } });

    // What the server makes of the manifest, taken apart by upstream's numbers, is sent again by them.
    const draft = await ask(201, `POST ${all}?dryRun=All`, { type: JSON_TYPE, body });
    assert.deepEqual([draft.apiVersion, draft.kind], [apiVersion, kind]);
    const { bytes: listing } = await send('GET', `${all}?${own}`);
    const list = decode(listing);
    assert.equal(list.kind, `${kind}List`);
    assert.deepEqual(list.fields['items'] ?? [], []);
    const { resourceVersion } = list.fields['metadata'] as Meta;
    const watching = watch(all, `${own}&resourceVersion=${resourceVersion}`);
    const sent = withoutServers(draft.fields, kind);
    const created = await ask(201, `POST ${all}`, { body: encode(apiVersion, kind, sent) });
    const conflict = await ask(409, `POST ${all}`, { body: encode(apiVersion, kind, sent) });
    assert.deepEqual([conflict.kind, conflict.fields['reason']], ['Status', 'AlreadyExists']);

    // Both languages say the same of one object.
    const found = await ask(200, `GET ${path}`);
    const { bytes } = await send('GET', path, { accept: JSON_TYPE });
    const inJson = JSON.parse(bytes.toString()) as unknown;
    assert.deepEqual(withoutEmpty(asJson(apiVersion, kind, found.fields)), withoutEmpty(inJson));
    assert.deepEqual(withoutEmpty(withoutServers(created.fields, kind)), withoutEmpty(sent));
    const listed = await ask(200, `GET ${all}?${own}`);
    assert.deepEqual(listed.fields['items'], [found.fields]);

    // Updates, and what an old one is told.
    const labels = { ...metaOf(found).labels, tier: 'front' };
    const changed = { ...found.fields, metadata: { ...metaOf(found), labels } };
    const updated = await ask(200, `PUT ${path}`, { body: encode(apiVersion, kind, changed) });
    assert.deepEqual(metaOf(updated).labels, labels);
    const old = { ...found.fields, metadata: { ...metaOf(found), labels: { tier: 'back' } } };
    const stale = await ask(409, `PUT ${path}`, { body: encode(apiVersion, kind, old) });
    assert.equal(stale.fields['reason'], 'Conflict');
    const patch = '{"metadata":{"labels":{"patched":"yes"}}}';
    const patched = await ask(200, `PATCH ${path}`, { type: 'application/merge-patch+json', body: patch });
    assert.equal(metaOf(patched).labels?.['patched'], 'yes');
    const partial = await ask(200, `GET ${path}`, {
      accept: `${TYPE};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`,
    });
    assert.deepEqual(partial.fields, { metadata: patched.fields['metadata'] });

    // The end, with options in protobuf.
    const end = (options: Fields): Buffer => encode('v1', 'DeleteOptions', options);
    const other = end({ preconditions: { uid: 'other' } });
    assert.equal((await ask(409, `DELETE ${path}`, { body: other })).fields['reason'], 'Conflict');
    await send('DELETE', path, { body: end({ gracePeriodSeconds: 0, propagationPolicy: 'Background' }) });
    if (kind === 'Namespace')
      await send('PUT', `${path}/finalize`, {
        type: JSON_TYPE,
        body: JSON.stringify({ metadata: { name } }),
      });
    await eventually('its end', async () => (await send('GET', path)).status === 404 || undefined);
    const gone = await ask(404, `GET ${path}`);
    assert.deepEqual([gone.kind, gone.fields['reason']], ['Status', 'NotFound']);

    await eventually(
      'the end in the watch',
      async () => watching.seen().some(({ type }) => type === 'DELETED') || undefined,
    );
    watching.stop();
    const seen = watching.seen();
    assert.deepEqual([seen[0]?.type, seen.at(-1)?.type], ['ADDED', 'DELETED']);
    assert.deepEqual(seen[0]?.object, created);
    assert.ok(
      seen.some(({ type, object }) => type === 'MODIFIED' && metaOf(object).labels?.['patched'] === 'yes'),
    );
  };

  Object.entries({ ...serviceSamples, ...kindSamples }).forEach(([sentence, sample], index) => {
    it(`does every verb to ${sentence}`, () => everyVerb(sample, sample.name ?? `wire-${index}`));
  });
});
