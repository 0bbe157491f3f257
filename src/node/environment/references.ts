import { configMaps } from '../../api/core/v1/config-map.ts';
import { secrets } from '../../api/core/v1/secret.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import type { Client } from '../../client/client.ts';
import type { References } from './container-environment.ts';

/** Reads what Pods refer to from the API, each time anew: a container starts with what is true then. */
export function referencesFrom(client: Client): References {
  const read = async <T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> => {
    try {
      return await client.get(kind, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    configMap: (namespace, name) => read(configMaps, namespace, name),
    secret: (namespace, name) => read(secrets, namespace, name),
  };
}
