import { nodes } from '../../api/core/v1/node.ts';
import { services } from '../../api/core/v1/service.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';
import type { EventNote, EventRecorder } from '../../client/event-recorder.ts';
import { familyOf } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { KubeProxyConfiguration } from '../../proxy/configuration/configuration.ts';
import type { ModeOptions } from '../../proxy/modes/mode.ts';
import { nodeIPs, proxyNode } from '../../proxy/node/local-node.ts';
import type { NodeWatch } from '../../proxy/node/node-watch.ts';
import type { ProxyNode } from '../../proxy/state/model.ts';
import type { ProxyOptions } from './options.ts';

export interface ProxyProcess {
  readonly options: ProxyOptions;
  /** The command line, to read the file of --config again. */
  readonly args: readonly string[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly nodeName: string;
}

/** What the parts of a running proxy share. */
export interface ProxyContext extends ProxyProcess {
  /** As it holds now: the file may be read again. */
  configuration: KubeProxyConfiguration;
  readonly client: Client;
  readonly watch: NodeWatch;
  readonly events: EventRecorder;
}

export const nodeOf = (context: ProxyContext, family: IpFamily): ProxyNode =>
  proxyNode(context.configuration, { name: context.nodeName, family, node: context.watch.node() });

export function modeOptions(context: ProxyContext, family: IpFamily): ModeOptions {
  const { clock, logger, configuration, watch } = context;
  const ips = nodeIPs(watch.node(), configuration.bindAddress);
  const nodeIP = ips.find((ip) => familyOf(ip) === family);
  return {
    family,
    clock,
    logger,
    serviceCIDRs: [],
    ...(nodeIP !== undefined && { nodeIP }),
    settings: configuration,
  };
}

/** An Event on the Node, if it is there. */
export function tellNode({ watch, events }: ProxyContext, note: EventNote): void {
  const node = watch.node();
  if (node !== undefined) events.record(nodes, node, note);
}

/** A warning on the Service `namespace/name`, unless it is gone. */
export async function tellService(
  { client, events, logger }: ProxyContext,
  key: string,
  note: Omit<EventNote, 'type'>,
): Promise<void> {
  const [namespace, name = ''] = key.split('/');
  try {
    // The role of a proxy lets it list Services, not get one.
    const { items } = await client.list(services, { namespace, fieldSelector: `metadata.name=${name}` });
    for (const service of items) events.record(services, service, { type: 'Warning', ...note });
  } catch (err) {
    logger.debug('no Event on the Service', { service: key, err });
  }
}
