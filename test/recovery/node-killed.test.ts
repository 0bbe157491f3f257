import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf, isRunning, commandLine } from '../../src/testing/processes.ts';
import { eventually, startTestCluster, type TestCluster } from '../../src/testing/test-cluster.ts';
import { findPart } from './whole-cluster.ts';

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: echo }
spec:
  replicas: 2
  selector: { matchLabels: { app: echo } }
  template:
    metadata: { labels: { app: echo } }
    spec:
      containers: [{ name: echo, image: portico/echo, args: [--port, "9376"] }]
---
apiVersion: v1
kind: Service
metadata: { name: echo }
spec:
  selector: { app: echo }
  clusterIP: 10.96.7.7
  ports: [{ port: 80, targetPort: 9376 }]
`;

describe('kill -9 of a node process', () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startTestCluster({ flags: ['--nodes', '1'] });
    const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], manifest);
    assert.equal(code, 0, stderr);
    const { stderr: said, code: waited } = await cluster.kubectl([
      'wait',
      '--for=condition=Available',
      '--timeout=20s',
      'deployment/echo',
    ]);
    assert.equal(waited, 0, said);
  });
  after(async () => {
    assert.equal((await cluster.stop()).code, 0);
  });

  const call = async (): Promise<string> =>
    (await cluster.shell(['curl', '-s', '-m', '20', 'http://10.96.7.7/hostname'])).stdout.trim();

  for (const which of ['program', 'wrapper'] as const) {
    it(`(its ${which}) leaves the Pods and their traffic alone, and the next one goes on with them`, async () => {
      await eventually('the Service to answer', async () => ((await call()) === '' ? undefined : true));
      const pods = descendantsOf(cluster.pid).filter(({ pid }) =>
        commandLine(pid).includes('images/echo/echo.ts'),
      );
      assert.ok(pods.length >= 2, 'two Pods run');
      const old = findPart(cluster.pid, 'node/main.ts', 'node-1');
      process.kill(old[which].pid, 'SIGKILL');
      const answers: string[] = [];
      for (let i = 0; i < 12; i++) {
        answers.push(await call());
        await sleep(50);
      }
      assert.deepEqual(
        answers.filter((answer) => !answer.startsWith('echo-')),
        [],
        'calls that failed',
      );
      await eventually('the next node process', () => {
        try {
          const now = findPart(cluster.pid, 'node/main.ts', 'node-1');
          return Promise.resolve(now.program.pid === old.program.pid ? undefined : now);
        } catch {
          return Promise.resolve(undefined);
        }
      });
      assert.deepEqual(
        pods.filter((pod) => !isRunning(pod)),
        [],
        'the same processes serve',
      );
      // The next one programs the kernel again: a Service that is made now works, and a Pod that is removed goes away.
      assert.equal((await cluster.kubectl(['scale', 'deployment/echo', '--replicas=3'])).code, 0);
      const waited = await cluster.kubectl([
        'wait',
        '--for=jsonpath={.status.availableReplicas}=3',
        '--timeout=20s',
        'deployment/echo',
      ]);
      assert.equal(waited.code, 0, waited.stderr);
      assert.equal((await cluster.kubectl(['scale', 'deployment/echo', '--replicas=2'])).code, 0);
      await eventually('two Pods', async () => {
        const { stdout } = await cluster.kubectl(['get', 'pods', '-o', 'name']);
        return stdout.trim().split('\n').length === 2 ? true : undefined;
      });
    });
  }
});
