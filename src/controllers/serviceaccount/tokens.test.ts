import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { configMaps } from '../../api/core/v1/config-map.ts';
import { namespaces } from '../../api/core/v1/namespace.ts';
import { secrets } from '../../api/core/v1/secret.ts';
import { serviceAccounts } from '../../api/core/v1/service-account.ts';
import { clusterRoles } from '../../api/rbac/v1/cluster-role.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { startControlPlane, type ControlPlane } from '../../testing/control-plane.ts';
import { createRootCertificatePublisher } from './root-certificate.ts';
import { createTokenSecretsController } from './token-secrets.ts';

const certificate = 'the authority';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function until<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it did not come to that');
}

describe('what service accounts need', () => {
  let plane: ControlPlane;
  const stop = new AbortController();
  let running: Promise<unknown>;
  before(async () => {
    plane = await startControlPlane();
    const deps = { client: plane.client, informers: plane.informers, clock: realClock, logger: silentLogger };
    const sign = async ({ account }: { readonly account: { readonly name: string } }) =>
      `token of ${account.name}`;
    const parts = [
      createRootCertificatePublisher(deps, certificate),
      createTokenSecretsController(deps, { certificate, sign }),
    ];
    running = Promise.all(parts.map((part) => part.run(stop.signal)));
  });
  after(async () => {
    stop.abort();
    await running;
    await plane.stop();
  });
  const rootOf = (namespace: string) =>
    plane.client.get(configMaps, { namespace, name: 'kube-root-ca.crt' }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });

  it('is in every namespace, and comes back', async () => {
    await plane.client.create(namespaces, { metadata: { name: 'fresh' }, spec: {}, status: {} });
    const made = await until(() => rootOf('fresh'));
    assert.deepEqual(made.data, { 'ca.crt': certificate });
    await plane.client.update(configMaps, { ...made, data: { 'ca.crt': 'another', more: 'x' } });
    await until(async () => ((await rootOf('fresh'))?.data?.['ca.crt'] === certificate ? true : undefined));
    await plane.client.delete(configMaps, made.metadata);
    await until(() => rootOf('fresh'));
  });

  it('is put into Secrets that name an account, and taken away with it', async () => {
    const account = await plane.client.create(serviceAccounts, {
      metadata: { name: 'robot', namespace: 'default' },
    });
    const named = (name: string, of: string) => ({
      metadata: { name, namespace: 'default', annotations: { 'kubernetes.io/service-account.name': of } },
      type: 'kubernetes.io/service-account-token',
    });
    await plane.client.create(secrets, named('robot', 'robot'));
    const read = (name: string) =>
      plane.client.get(secrets, { namespace: 'default', name }).catch(() => undefined);
    const filled = await until(async () => {
      const found = await read('robot');
      return found?.data?.token === undefined ? undefined : found;
    });
    assert.deepEqual(filled.data, {
      token: base64('token of robot'),
      'ca.crt': base64(certificate),
      namespace: base64('default'),
    });
    assert.equal(filled.metadata.annotations?.['kubernetes.io/service-account.uid'], account.metadata.uid);
    await plane.client.create(secrets, named('lost', 'nobody'));
    await until(async () => ((await read('lost')) === undefined ? true : undefined));
    await plane.client.delete(serviceAccounts, account.metadata);
    await until(async () => ((await read('robot')) === undefined ? true : undefined));
  });

  it('aggregated roles have the rules of those they gather', async () => {
    const rule = (resource: string) => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
    const role = (name: string, resource: string) => ({
      metadata: { name, labels: { to: 'sum' } },
      rules: [rule(resource)],
    });
    const selectors = [{ matchLabels: { to: 'sum' } }];
    await plane.client.create(clusterRoles, {
      metadata: { name: 'sum' },
      rules: [],
      aggregationRule: { clusterRoleSelectors: selectors },
    });
    await plane.client.create(clusterRoles, role('b', 'pods'));
    await plane.client.create(clusterRoles, role('a', 'services'));
    const rulesAre = (wanted: readonly string[]) =>
      until(async () => {
        const { rules } = await plane.client.get(clusterRoles, { name: 'sum' });
        return rules.map(({ resources = [] }) => resources.join()).join() === wanted.join()
          ? true
          : undefined;
      });
    await rulesAre(['services', 'pods']);
    await plane.client.delete(clusterRoles, { name: 'a' });
    await rulesAre(['pods']);
  });
});
