import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { withNetns } from '../../kernel/netns/named-netns.ts';
import { inSandbox, sandboxFolder } from '../../testing/sandbox.ts';
import { applyPlan, ensureNodeNetwork, nodeNetnsPath, withStack } from './node-network.ts';
import { nodeRoutesPlan } from './plan.ts';
import { createNamespacedPodNetwork } from './pod-network.ts';

inSandbox(import.meta.filename);

const root = sandboxFolder('portico-nodes-');
const run = promisify(execFile);
const nodes = [1, 2].map((i) => ({
  name: `node-${i}`,
  nodeIP: `172.18.0.${1 + i}`,
  podCIDR: `10.244.${i - 1}.0/24`,
  netnsPath: nodeNetnsPath(root, `node-${i}`),
}));
const podNetwork = (node: (typeof nodes)[number]) =>
  withNetns(node.netnsPath, () => createNamespacedPodNetwork(join(root, `${node.name}-pods`), node.nodeIP));

/** What a server in one namespace says of who connects from another. */
async function clientSeen(
  from: string,
  to: { readonly netns: string; readonly ip: string },
): Promise<string> {
  const server = createServer((socket) => socket.end(`${socket.remoteAddress ?? ''}\n`));
  withNetns(to.netns, () => server.listen(9000));
  try {
    const script = `exec 3<>/dev/tcp/${to.ip}/9000 && cat <&3`;
    const { stdout } = await run('nsenter', [`--net=${from}`, 'timeout', '3', 'bash', '-c', script]);
    return stdout.trim().replace('::ffff:', '');
  } finally {
    server.close();
  }
}

describe('Pods of two nodes', () => {
  const pods = nodes.flatMap((node) => {
    ensureNodeNetwork({ ...node, fabricAddress: '172.18.0.1/16' });
    ensureNodeNetwork({ ...node, fabricAddress: '172.18.0.1/16' });
    withStack(node.netnsPath, (stack) => applyPlan(stack, nodeRoutesPlan(nodes, node.name)));
    const network = podNetwork(node);
    return [2, 3].map((n) => {
      const ip = node.podCIDR.replace('0/24', String(n));
      const spec = { uid: `${node.name}-${n}`, hostname: `pod-${n}`, ip, isHostNetwork: false };
      const made = withNetns(node.netnsPath, () => network.setUp(spec));
      assert.equal(made.isNew, true);
      assert.equal(withNetns(node.netnsPath, () => network.setUp(spec)).isNew, false);
      return { ip, netns: made.namespaces.net ?? '' };
    });
  });
  const [a, b, c] = pods;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);

  const ways: Readonly<
    Record<string, readonly [string, { readonly netns: string; readonly ip: string }, string]>
  > = {
    'one node, two Pods': [a.netns, b, a.ip],
    'two nodes, two Pods': [a.netns, c, a.ip],
    'a node and its Pod': [nodes[0]?.netnsPath ?? '', a, '172.18.0.2'],
    'a node and a Pod of the other': [nodes[0]?.netnsPath ?? '', c, '172.18.0.2'],
    'the control plane and a Pod': ['/proc/1/ns/net', c, '172.18.0.1'],
    'a Pod and itself': [a.netns, a, a.ip],
  };
  for (const [name, [from, to, seen]] of Object.entries(ways)) {
    it(`reach each other with their own addresses: ${name}`, async () =>
      assert.equal(await clientSeen(from, to), seen));
  }

  it('of which one is gone are refused, not lost on the way', async () => {
    const node = nodes[0];
    assert.ok(node !== undefined);
    const network = podNetwork(node);
    withNetns(node.netnsPath, () => network.tearDown('node-1-3', b.ip));
    assert.deepEqual(network.list(), ['node-1-2']);
    await assert.rejects(clientSeen(c.netns, { netns: c.netns, ip: b.ip }), /No route to host|unreachable/);
    assert.equal(await clientSeen(c.netns, a), c.ip);
  });
});
