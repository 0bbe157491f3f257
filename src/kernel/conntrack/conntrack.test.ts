import dgram from 'node:dgram';
import { once } from 'node:events';
import { inSandbox } from '../../testing/sandbox.ts';
import { openNetworkStack } from '../route/network-stack.ts';
import { openNft } from '../nft/open-nft.ts';
import { describeConntrack } from './contract.ts';
import { createFakeConntrack } from './fake-conntrack.ts';
import type { Flow } from './model.ts';
import { openConntrack } from './open-conntrack.ts';

inSandbox(import.meta.filename);

describeConntrack('fake', async () => {
  const [client, server] = ['10.0.0.1', '10.0.0.2'];
  const flow = (id: number, port: number): Flow => ({
    family: 'IPv4',
    protocol: 'UDP',
    original: { source: client, sourcePort: 4000, destination: server, destinationPort: port },
    reply: { source: server, sourcePort: port, destination: client, destinationPort: 4000 },
    id,
  });
  return { conntrack: createFakeConntrack([flow(1, 53), flow(2, 54)]), client, server, family: 'IPv4' };
});

/** The kernel tracks connections of a namespace only once a rule asks about them. */
async function track(family: 'ip' | 'ip6'): Promise<void> {
  const nft = openNft();
  await nft.apply({
    table: { family, name: 'track' },
    commands: [
      { op: 'add-table' },
      { op: 'delete-table' },
      { op: 'add-table' },
      { op: 'add-chain', chain: { name: 'out', base: { type: 'filter', hook: 'output', priority: 0 } } },
      {
        op: 'add-rule',
        chain: 'out',
        rule: { statements: [{ kind: 'ct', is: { key: 'state', flag: 'new' } }, { kind: 'counter' }] },
      },
    ],
  });
  nft.close();
}

const loopbacks = { IPv4: ['ip', 'udp4', '127.0.0.1'], IPv6: ['ip6', 'udp6', '::1'] } as const;

for (const family of ['IPv4', 'IPv6'] as const) {
  describeConntrack(`kernel, ${family}`, async () => {
    const [table, type, address] = loopbacks[family];
    const stack = openNetworkStack();
    stack.ensure({ kind: 'link', name: 'lo', isUp: true });
    stack.close();
    await track(table);
    const socket = dgram.createSocket(type);
    for (const port of [53, 54]) {
      await new Promise((resolve) => socket.send('hello', port, address, resolve));
    }
    socket.close();
    await once(socket, 'close');
    return { conntrack: openConntrack(), client: address, server: address, family };
  });
}
