import { configMaps } from '../../api/core/v1/config-map.ts';
import { secrets } from '../../api/core/v1/secret.ts';
import { isForbidden, isNotFound } from '../../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import type { Client } from '../../client/client.ts';
import type { Clock } from '../../base/clock.ts';
import type { ServiceAccountTokens } from '../volumes/service-account-tokens.ts';
import { ConfigError, type References } from './container-environment.ts';

/** Published into every namespace by a controller, which a new namespace must give a moment. */
const ROOT_CERTIFICATE = 'kube-root-ca.crt';
const MOMENT_MS = 20;
const MOMENTS = 50;

/** Reads what Pods refer to from the API, each time anew: a container starts with what is true then. */
export function referencesFrom(client: Client, clock: Clock, tokens: ServiceAccountTokens): References {
  const read = async <T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> => {
    try {
      return await client.get(kind, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      // The API server may not have heard yet that the Pod is here.
      if (isForbidden(error)) throw new ConfigError(error.message);
      throw error;
    }
  };
  return {
    configMap: async (namespace, name) => {
      for (let moment = 1; ; moment++) {
        const found = await read(configMaps, namespace, name);
        if (found !== undefined || name !== ROOT_CERTIFICATE || moment === MOMENTS) return found;
        await clock.sleep(MOMENT_MS);
      }
    },
    token: (pod, wanted) => tokens.get(pod, wanted),
    secret: (namespace, name) => read(secrets, namespace, name),
  };
}
