import { isNotFound } from '../../api/errors/api-error.ts';
import { services } from '../../api/core/v1/service.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';
import type { UserspaceMode } from '../../proxy/modes/userspace/userspace-mode.ts';
import type { ProxyMode, ProxyState, ServicePort } from '../../proxy/state/model.ts';

/** Where a Service answers when its own port could not be had: `http=127.96.3.4:40123`, one for each such port. */
export const LOCAL_ADDRESS_ANNOTATION = 'portico.dev/local-address';

interface Deps {
  readonly client: Client;
  readonly logger: Logger;
}

const keyOf = ({ namespace, name }: ServicePort): string => `${namespace}/${name}`;

/** The port's own address, or undefined while it listens where its cluster IP says (or not at all). */
function elsewhere(port: ServicePort, mode: UserspaceMode): string | undefined {
  const local = mode.localAddress(port.id);
  const own = port.frontends
    .map(({ frontend }) => frontend)
    .find((frontend) => frontend.kind === 'clusterIP');
  if (local === undefined || own?.kind !== 'clusterIP') return undefined;
  if (local.host === own.ip && local.port === own.port) return undefined;
  return `${port.portName === '' ? own.port : port.portName}=${local.host}:${local.port}`;
}

/**
 * Without network namespaces a Service is a listener on its cluster IP, a loopback address. An ordinary user may not
 * listen below port 1024, so such a port gets another number there, and the Service is annotated with it.
 */
export function withLocalAddresses(mode: UserspaceMode, { client, logger }: Deps): ProxyMode {
  const published = new Map<string, string>();
  const publish = async (key: string, state: ProxyState): Promise<void> => {
    const ports = [...state.services.values()].filter((port) => keyOf(port) === key);
    const text = ports
      .map((port) => elsewhere(port, mode))
      .filter((address) => address !== undefined)
      .join(', ');
    if (ports.length === 0) return void published.delete(key);
    if ((published.get(key) ?? '') === text) return;
    const [namespace, name = ''] = key.split('/');
    const annotations = { [LOCAL_ADDRESS_ANNOTATION]: text === '' ? null : text };
    try {
      await client.patch(
        services,
        { namespace, name },
        { type: 'merge', body: { metadata: { annotations } } },
      );
      published.set(key, text);
    } catch (err) {
      if (!isNotFound(err))
        logger.warn('cannot annotate the Service with its local address', { service: key, err });
    }
  };
  const keysOf = (state: ProxyState, changed: ReadonlySet<string> | undefined): Set<string> =>
    new Set([...(changed ?? state.services.keys())].map((id) => id.slice(0, id.indexOf(':'))));
  return {
    sync: async (state, changed) => {
      await mode.sync(state, changed);
      await Promise.all([...keysOf(state, changed)].map((key) => publish(key, state)));
    },
    cleanup: () => mode.cleanup(),
  };
}
