import { namespaces as namespaceKind } from '../../api/core/v1/namespace.ts';
import { serviceAccounts as serviceAccountKind } from '../../api/core/v1/service-account.ts';
import { isAlreadyExists, isForbidden, isNotFound } from '../../api/errors/api-error.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';

const defaultName = 'default';

/** Sees to it that every namespace has the ServiceAccount `default`, which Pods use that name none. */
export function createServiceAccountController(deps: ControllerDeps): Controller {
  const { client, informers } = deps;
  const namespaces = informers.for(namespaceKind);
  const accounts = informers.for(serviceAccountKind);

  const reconcile = async (name: string): Promise<void> => {
    const namespace = namespaces.get(name);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
    if (accounts.get(`${name}/${defaultName}`) !== undefined) return;
    try {
      await client.create(serviceAccountKind, { metadata: { name: defaultName, namespace: name } });
    } catch (error) {
      // It is there already, or the namespace has gone meanwhile.
      if (!isAlreadyExists(error) && !isNotFound(error) && !isForbidden(error)) throw error;
    }
  };

  return createController(deps, {
    name: 'serviceaccount',
    reads: [namespaces, accounts],
    reconcile,
    connect: (queue) => [
      namespaces.onChange(({ key }) => queue.add(key)),
      accounts.onChange(({ prev, next }) => {
        const isLost = next === undefined && prev?.metadata.name === defaultName;
        if (isLost && prev.metadata.namespace !== undefined) queue.add(prev.metadata.namespace);
      }),
    ],
  });
}
