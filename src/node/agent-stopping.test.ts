import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openNetworkStack } from '../kernel/route/network-stack.ts';
import {
  ask,
  echo,
  enterSandboxNode,
  isReady,
  podIs,
  recordOf,
  startAgentRig,
} from '../testing/agent-rig.ts';
import { inSandbox } from '../testing/sandbox.ts';

inSandbox(import.meta.filename);

const podDevices = (): readonly string[] => {
  const stack = openNetworkStack();
  const names = stack.links().map(({ name }) => name);
  stack.close();
  return names.filter((name) => name.startsWith('pod'));
};

describe('an agent that takes its Pods with it', () => {
  it('leaves neither process, device nor mount, and the next one starts them again', async () => {
    const { root, config } = enterSandboxNode();
    const rig = startAgentRig({ root, config: { ...config, isStoppingPods: true } });
    const probe = { readinessProbe: { tcpSocket: { port: 9376 }, periodSeconds: 1 } };
    const agent = await rig.startAgent();
    await rig.createPod('web', [echo(probe)]);
    const pod = await podIs(rig, 'web', [isReady]);
    const { pid } = recordOf(rig, pod).containers[0]?.run?.process ?? { pid: 0 };
    assert.equal(podDevices().length, 1);
    await agent.stop();
    const folder = join(config.netnsDir, 'node-1-pods');
    assert.equal(existsSync(`/proc/${pid}`), false);
    assert.deepEqual([podDevices(), readdirSync(folder)], [[], []]);
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(folder));

    await rig.startAgent();
    const again = await podIs(rig, 'web', [
      (now) => isReady(now) && now.status?.containerStatuses?.[0]?.restartCount === 1,
    ]);
    assert.equal(again.status?.podIP, pod.status?.podIP);
    assert.match(await ask(again.status?.podIP ?? '', 'hi\n'), /^web answers/);
    await rig.stop();
  });
});
