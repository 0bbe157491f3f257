import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Conntrack } from './model.ts';

/** Two UDP flows an implementation must know when its cases run: from `client` to port 53 and to port 54 of `server`. */
export interface ConntrackCase {
  readonly conntrack: Conntrack;
  readonly client: string;
  readonly server: string;
  readonly family: 'IPv4' | 'IPv6';
}

/** What every Conntrack must do. */
export function describeConntrack(name: string, open: () => Promise<ConntrackCase>): void {
  void describe(`${name}: connection tracking`, () => {
    void it('lists flows with both directions, by protocol and first destination, and deletes each once', async () => {
      const { conntrack, client, server, family } = await open();
      const to = (destinationPort: number) =>
        conntrack.list({ family, protocol: 'UDP', destination: server, destinationPort });
      const [flow, ...others] = await to(53);
      assert.ok(flow);
      assert.deepEqual(others, []);
      assert.equal(flow.original.source, client);
      assert.equal(flow.original.destinationPort, 53);
      assert.deepEqual(
        [flow.reply.source, flow.reply.sourcePort, flow.reply.destination],
        [server, 53, client],
      );
      assert.equal((await to(54)).length, 1);
      assert.deepEqual(await to(55), []);
      const all = await conntrack.list({ family, protocol: 'UDP' });
      assert.ok(all.length >= 2);
      const tcp = await conntrack.list({ family, protocol: 'TCP', destination: server });
      assert.deepEqual(tcp, []);
      const other = await conntrack.list({ family: family === 'IPv4' ? 'IPv6' : 'IPv4', protocol: 'UDP' });
      assert.ok(!other.some(({ id }) => id === flow.id));
      assert.equal(await conntrack.delete(flow), true);
      assert.equal(await conntrack.delete(flow), false);
      assert.deepEqual(await to(53), []);
      assert.equal((await to(54)).length, 1);
      conntrack.close();
    });
  });
}
