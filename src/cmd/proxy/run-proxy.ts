import { createClient } from '../../client/client.ts';
import { createEventRecorder } from '../../client/event-recorder.ts';
import { createHttpTransport } from '../../client/http-transport.ts';
import { nodeIPs, podCIDRsOf } from '../../proxy/node/local-node.ts';
import { createNodeWatch } from '../../proxy/node/node-watch.ts';
import { UserError } from '../up/user-error.ts';
import { serverAccess } from './access.ts';
import { tellNode } from './proxy-context.ts';
import type { ProxyContext, ProxyProcess } from './proxy-context.ts';
import { measuredTransport } from './rest-metrics.ts';
import { serveNode } from './serve-node.ts';

/** How long the Node may take to appear with its addresses, and to get blocks for Pods (pkg/proxy/node.go). */
const NODE_WITHIN_MS = 30_000;
const POD_CIDRS_WITHIN_MS = 5 * 60_000;

/** Until `signal` aborts. Throws a UserError for what the user can mend. */
export async function runProxy(process: ProxyProcess, signal: AbortSignal): Promise<void> {
  const { options, logger, clock, nodeName } = process;
  const { configuration } = options;
  const access = await serverAccess(configuration.clientConnection.kubeconfig, options.master);
  const http = createHttpTransport(access, { clock, userAgent: 'portico-proxy' });
  const { transport, instruments } = measuredTransport(http, { host: new URL(access.server).host, clock });
  const client = createClient(transport);
  const watch = createNodeWatch({ client, name: nodeName, clock, logger });
  const events = createEventRecorder({ client, component: 'portico-proxy', host: nodeName, clock, logger });
  const context: ProxyContext = { ...process, configuration, client, watch, events };
  const own = new AbortController();
  const stop = AbortSignal.any([signal, own.signal]);
  const background = [watch.run(stop), events.run(stop)];
  try {
    await awaitNode(context, stop);
    if (!stop.aborted) await serveNode(context, instruments, stop);
  } finally {
    own.abort();
    await Promise.allSettled(background);
    transport.close();
  }
}

/** The Node may come later, and then counts from that moment; without blocks for Pods the mode NodeCIDR cannot begin. */
async function awaitNode(context: ProxyContext, signal: AbortSignal): Promise<void> {
  const { configuration, watch, logger, nodeName } = context;
  const { bindAddress, detectLocalMode } = configuration;
  const isNodeCidr = detectLocalMode === 'NodeCIDR';
  const isFound = await watch.until(
    (node) =>
      nodeIPs(node, bindAddress).length > 0 &&
      (!isNodeCidr || (node.metadata.deletionTimestamp === undefined && podCIDRsOf(node).length > 0)),
    isNodeCidr ? POD_CIDRS_WITHIN_MS : NODE_WITHIN_MS,
    signal,
  );
  if (signal.aborted) return;
  const node = watch.node();
  if (isNodeCidr && podCIDRsOf(node).length === 0) {
    throw new UserError(
      `timeout waiting for PodCIDR allocation to configure detect-local-mode NodeCIDR: Node ${nodeName} has no podCIDRs`,
    );
  }
  if (isFound) logger.info('this node', { node: nodeName, addresses: nodeIPs(node, bindAddress) });
  else logger.warn("can't determine this node's IP; if that matters, set --bind-address", { node: nodeName });
  tellNode(context, { type: 'Normal', reason: 'Starting', message: '' });
}
