import { readFileSync } from 'node:fs';
import { realClock } from '../../base/clock.ts';
import { createLogger, type LogLevel } from '../../base/logger.ts';
import { createClient } from '../../client/client.ts';
import { createHttpTransport } from '../../client/http-transport.ts';
import { createNodeAgent } from '../../node/agent.ts';
import { createServiceProxy } from '../../proxy/service-proxy.ts';
import { connectSupervisor, runMain, type SupervisorChannel } from '../component/supervisor-channel.ts';
import type { NodeProcessConfig } from '../up/messages.ts';
import { pkiFiles } from '../../apiserver/pki/pki.ts';
import { HostGate, withHostGate } from './host-gate.ts';
import { createProxyMode } from './proxy-modes.ts';

/** From here on every socket of this thread belongs to the node's own network. */
async function enterNetwork(config: NodeProcessConfig): Promise<void> {
  const { fabricAddress, netnsDir, name, nodeIP, podCIDR } = config;
  if (fabricAddress === undefined) return;
  const { ensureNodeNetwork, nodeNetnsPath } = await import('../../node/network/node-network.ts');
  const { enterNetns } = await import('../../kernel/netns/named-netns.ts');
  const netnsPath = nodeNetnsPath(netnsDir, name);
  ensureNodeNetwork({ fabricAddress, nodeIP, podCIDR, netnsPath });
  enterNetns(netnsPath);
}

async function node(config: NodeProcessConfig, channel: SupervisorChannel): Promise<void> {
  const clock = realClock;
  const logger = createLogger({ level: config.logLevel as LogLevel });
  await Promise.all([enterNetwork(config), channel.pkiReady]);
  const files = pkiFiles(config.pkiDir);
  const read = (path: string): string => readFileSync(path, 'utf8');
  const [ca, cert, key] = [
    `${files.ca}.crt`,
    `${files.node(config.name)}.crt`,
    `${files.node(config.name)}.key`,
  ].map(read);
  if (ca === undefined || cert === undefined || key === undefined) throw new Error('no certificates');
  const transport = createHttpTransport({ server: config.apiServer, ca, cert, key }, { clock });
  const client = createClient(transport);

  const mode = await createProxyMode(config, { client, clock, logger });
  const gate = config.isGate ? new HostGate({ channel, nodeIP: config.nodeIP, clock }) : undefined;
  const synced = Promise.withResolvers<void>();
  const proxy = createServiceProxy({
    client,
    node: {
      name: config.name,
      podCIDRs: [config.clusterCIDR],
      nodePortAddresses: [],
      hasLoopbackEndpoints: config.network === 'none',
    },
    modes: { IPv4: gate === undefined ? mode : withHostGate(mode, gate) },
    clock,
    logger: logger.child({ component: 'proxy' }),
    onSynced: () => synced.resolve(),
  });
  const agent = createNodeAgent(
    {
      nodeName: config.name,
      nodeIP: config.nodeIP,
      podCIDR: config.podCIDR,
      network: config.network,
      stateDir: config.stateDir,
      netnsDir: config.netnsDir,
      clusterDNS: config.clusterDNS,
      clusterDomain: config.clusterDomain,
      kubeletPort: config.network === 'none' ? 0 : config.kubeletPort,
      kubeletTls: { cert, key, clientCA: ca },
      // A sandbox takes its Pods with it.
      isStoppingPods: config.network !== 'sandbox',
    },
    { client, clock, logger: logger.child({ component: 'agent' }) },
  );
  const running = [proxy.run(channel.stopped), agent.run(channel.stopped)];
  void Promise.all([synced.promise, agent.ready]).then(() => channel.send({ type: 'ready', what: 'node' }));
  await Promise.all(running);
  // This machine goes on without us, and without our rules.
  if (config.network === 'host') await mode.cleanup();
  transport.close();
}

const channel = connectSupervisor();
await runMain(() => node(JSON.parse(process.argv[2] ?? '{}') as NodeProcessConfig, channel));
