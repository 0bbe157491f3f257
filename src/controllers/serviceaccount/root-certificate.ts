import { configMaps as configMapKind } from '../../api/core/v1/config-map.ts';
import { namespaces as namespaceKind } from '../../api/core/v1/namespace.ts';
import { isAlreadyExists, isForbidden, isNotFound } from '../../api/errors/api-error.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';

const NAME = 'kube-root-ca.crt';
const KEY = 'ca.crt';
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Publishes the authority's certificate (PEM) into every namespace, so that Pods can verify the API server. */
export function createRootCertificatePublisher(deps: ControllerDeps, certificate: string): Controller {
  const { client, informers } = deps;
  const namespaces = informers.for(namespaceKind);
  const configMaps = informers.for(configMapKind);
  const data = { [KEY]: certificate };
  const annotations = { 'kubernetes.io/description': DESCRIPTION };

  const reconcile = async (namespace: string): Promise<void> => {
    const found = namespaces.get(namespace);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
    const standing = configMaps.get(`${namespace}/${NAME}`);
    if (standing?.data?.[KEY] === certificate && Object.keys(standing.data).length === 1) return;
    try {
      if (standing === undefined) {
        await client.create(configMapKind, { metadata: { name: NAME, namespace, annotations }, data });
        return;
      }
      const metadata = {
        ...standing.metadata,
        annotations: { ...standing.metadata.annotations, ...annotations },
      };
      await client.update(configMapKind, { ...standing, metadata, data });
    } catch (error) {
      // Another was quicker, or the namespace is on its way out.
      if (!isAlreadyExists(error) && !isNotFound(error) && !isForbidden(error)) throw error;
    }
  };

  return createController(deps, {
    name: 'root-ca-certificate-publisher',
    reads: [namespaces, configMaps],
    reconcile,
    connect: (queue) => [
      namespaces.onChange(({ key }) => queue.add(key)),
      configMaps.onChange(({ prev, next }) => {
        const { name, namespace = '' } = (next ?? prev)?.metadata ?? { name: '' };
        if (name === NAME) queue.add(namespace);
      }),
    ],
  });
}
