import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { leases } from '../api/coordination/v1/lease.ts';
import { configMaps } from '../api/core/v1/config-map.ts';
import type { Container } from '../api/core/v1/container.ts';
import { events } from '../api/core/v1/event.ts';
import { nodes } from '../api/core/v1/node.ts';
import { pods, type Pod } from '../api/core/v1/pod.ts';
import { services } from '../api/core/v1/service.ts';
import { realClock } from '../base/clock.ts';
import { openNetworkStack } from '../kernel/route/network-stack.ts';
import {
  ask,
  echo,
  enterSandboxNode,
  eventually,
  hasPhase,
  isReady,
  logOf,
  podIs,
  podIsGone,
  recordOf,
  script,
  startAgentRig,
  type AgentRig,
} from '../testing/agent-rig.ts';
import { inSandbox } from '../testing/sandbox.ts';
import { isAlive } from './runtime/process/processes.ts';

inSandbox(import.meta.filename);

let rig: AgentRig;
before(() => {
  rig = startAgentRig(enterSandboxNode());
});
after(() => rig.stop());

describe('the node agent', () => {
  let agent: Awaited<ReturnType<AgentRig['startAgent']>>;
  before(async () => {
    agent = await rig.startAgent();
  });
  after(() => agent.stop());

  it('registers the node and its lease', async () => {
    const node = await eventually(async () => {
      const found = await rig.api.client.get(nodes, { name: 'node-1' });
      return found.status?.addresses === undefined ? undefined : found;
    });
    assert.equal(node.spec.podCIDR, '10.244.0.0/24');
    assert.equal(node.metadata.labels?.['kubernetes.io/hostname'], 'node-1');
    assert.deepEqual(node.status?.addresses?.[0], { type: 'InternalIP', address: '172.18.0.2' });
    assert.equal(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    const lease = await eventually(() =>
      rig.api.client.get(leases, { namespace: 'kube-node-lease', name: 'node-1' }).catch(() => undefined),
    );
    assert.equal(lease.spec.holderIdentity, 'node-1');
  });

  it('runs an echo Pod with its own address, reached from the node', async () => {
    await rig.createPod('echo', [
      echo({ readinessProbe: { httpGet: { path: '/readyz', port: 9376 }, periodSeconds: 1 } }),
    ]);
    const pod = await podIs(rig, 'echo', [isReady]);
    const ip = pod.status?.podIP ?? '';
    assert.match(ip, /^10\.244\.0\.\d+$/);
    assert.match(await ask(ip, 'GET /hostname HTTP/1.0\r\n\r\n'), /\r\n\r\necho$/);
    assert.match(await ask(ip, 'hi\n'), /^echo answers 172\.18\.0\.2:\d+: hi\n$/);
    assert.equal(pod.status?.containerStatuses?.[0]?.started, true);
    assert.equal(pod.status?.hostIP, '172.18.0.2');
    await rig.api.client.delete(pods, { namespace: 'default', name: 'echo' }, { gracePeriodSeconds: 0 });
    await podIsGone(rig, 'echo');
  });

  it('gives a container its names, environment, volumes and own processes', async () => {
    await rig.api.client.create(configMaps, {
      metadata: { name: 'settings', namespace: 'default' },
      data: { color: 'blue' },
    });
    await rig.api.client.create(services, {
      metadata: { name: 'redis-master', namespace: 'default' },
      spec: { clusterIP: '10.96.0.11', ports: [{ port: 6379 }] },
    });
    await realClock.sleep(100);
    const text = `echo "$$$$ $(hostname) $COLOR $IP $REDIS_MASTER_SERVICE_HOST:$REDIS_MASTER_SERVICE_PORT"
      cat /etc/resolv.conf; grep box /etc/hosts; cat /mnt/color; pwd; ls /proc | grep -c '^[0-9]'; cat /proc/net/dev | grep -c eth0
      cat /data/deep/color /etc/app/color; echo; touch /etc/app/x 2>&1 | grep -c -i read-only; grep -c -- -pods/ /proc/self/mountinfo; exit 3`;
    await rig.createPod(
      'box',
      [
        script(text, {
          workingDir: '/tmp',
          env: [
            { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          volumeMounts: [
            { name: 'settings', mountPath: '/mnt' },
            { name: 'settings', mountPath: '/data/deep' },
            { name: 'settings', mountPath: '/etc/app', readOnly: true },
          ],
        }),
      ],
      { restartPolicy: 'Never', volumes: [{ name: 'settings', configMap: { name: 'settings' } }] },
    );
    const pod = await podIs(rig, 'box', [hasPhase('Failed')]);
    const terminated = pod.status?.containerStatuses?.[0]?.state?.terminated;
    assert.deepEqual([terminated?.exitCode, terminated?.reason], [3, 'Error']);
    const lines = logOf(rig, pod, 'main').split('\n');
    assert.match(lines[0] ?? '', new RegExp(`^\\d+ box blue ${pod.status?.podIP} 10\\.96\\.0\\.11:6379$`));
    const all = lines.join('\n');
    assert.match(all, /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/m);
    assert.match(all, /^nameserver 10\.96\.0\.10$/m);
    assert.match(all, new RegExp(`^${pod.status?.podIP}\tbox$`, 'm'));
    assert.match(all, /^blue\/tmp\n[3-6]\n1\nblueblue\n1\n0$/m);
  });

  it('leaves the traffic when readiness fails and comes back', async () => {
    const flag = join(rig.root, 'not-ready');
    const readinessProbe = {
      exec: { command: ['sh', '-c', `[ ! -e ${flag} ]`] },
      periodSeconds: 1,
      failureThreshold: 1,
    };
    await rig.createPod('fickle', [script('sleep 100', { readinessProbe })]);
    await podIs(rig, 'fickle', [isReady]);
    writeFileSync(flag, '');
    const unready = await podIs(rig, 'fickle', [(pod) => !isReady(pod), 2000]);
    const condition = unready.status?.conditions?.find(({ type }) => type === 'Ready');
    assert.deepEqual(
      [condition?.reason, condition?.message],
      ['ContainersNotReady', 'containers with unready status: [main]'],
    );
    rmSync(flag);
    await podIs(rig, 'fickle', [isReady, 2000]);
  });

  it('restarts what fails its liveness probe or ends, and then pauses', async () => {
    const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 };
    await rig.createPod('sick', [script('sleep 100', { livenessProbe })]);
    await rig.createPod('ending', [script('echo run; exit 1')]);
    const sick = await podIs(rig, 'sick', [
      (pod) => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1,
    ]);
    assert.equal(sick.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 143);
    const waiting = (pod: Pod): { reason?: string; message?: string } =>
      pod.status?.containerStatuses?.[0]?.state?.waiting ?? {};
    const ending = await podIs(rig, 'ending', [(pod) => waiting(pod).reason === 'CrashLoopBackOff']);
    assert.match(
      waiting(ending).message ?? '',
      /^back-off 10s restarting failed container=main pod=ending_default\(/,
    );
    assert.equal(ending.status?.containerStatuses?.[0]?.restartCount, 1);
    assert.equal(ending.status?.phase, 'Running');
    assert.equal(logOf(rig, ending, 'main'), 'run\n');
    const { items } = await rig.api.client.list(events, { namespace: 'default' });
    const texts = items.map(({ reason, message }) => `${reason}: ${message}`);
    assert.ok(
      texts.includes('Killing: Container main failed liveness probe, will be restarted'),
      texts.join('\n'),
    );
    assert.ok(texts.includes('Started: Started container main'));
    assert.ok(
      texts.some((text) =>
        text.startsWith('BackOff: Back-off restarting failed container main in pod ending_default('),
      ),
    );
  });

  it('runs init containers one after the other before the others, and sidecars beside them', async () => {
    const path = join(rig.root, 'order');
    const init = (name: string, more: Partial<Container> = {}): Container =>
      script(`echo ${name} >> ${path}`, { name, ...more });
    await rig.createPod('ordered', [script(`echo main >> ${path}`)], {
      restartPolicy: 'Never',
      initContainers: [
        init('one'),
        script(`echo side >> ${path}; sleep 100`, { name: 'side', restartPolicy: 'Always' }),
        init('two'),
      ],
    });
    const pod = await podIs(rig, 'ordered', [hasPhase('Succeeded')]);
    assert.deepEqual(readFileSync(path, 'utf8').split('\n').sort(), ['', 'main', 'one', 'side', 'two']);
    assert.equal(readFileSync(path, 'utf8').split('\n')[0], 'one');
    assert.equal(pod.status?.initContainerStatuses?.length, 3);
  });

  it('says why a container cannot start', async () => {
    await rig.createPod('nginx', [{ name: 'web', image: 'nginx:1.27' }]);
    await rig.createPod('missing', [script('true', { command: ['no-such-program'] })], {
      restartPolicy: 'Never',
    });
    await rig.createPod('unset', [script('true', { envFrom: [{ configMapRef: { name: 'absent' } }] })]);
    const nginx = await podIs(rig, 'nginx', [
      (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImagePull',
    ]);
    assert.match(nginx.status?.containerStatuses?.[0]?.state?.waiting?.message ?? '', /"portico\/echo"/);
    const missing = await podIs(rig, 'missing', [hasPhase('Failed')]);
    const { terminated } = missing.status?.containerStatuses?.[0]?.state ?? {};
    assert.deepEqual(
      [terminated?.reason, terminated?.exitCode, terminated?.message],
      ['StartError', 128, 'exec: "no-such-program": executable file not found in $PATH'],
    );
    const unset = await podIs(rig, 'unset', [
      (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.message !== undefined,
    ]);
    assert.deepEqual(unset.status?.containerStatuses?.[0]?.state?.waiting, {
      reason: 'CreateContainerConfigError',
      message: 'configmap "absent" not found',
    });
    await rig.api.client.create(configMaps, { metadata: { name: 'absent', namespace: 'default' }, data: {} });
    await podIs(rig, 'unset', [
      (pod) =>
        pod.status?.containerStatuses?.[0]?.restartCount !== undefined && pod.status.phase === 'Running',
    ]);
  });

  it('asks a container to end, waits for the grace period, and ends it', async () => {
    const path = join(rig.root, 'told');
    const stubborn = script(
      `trap 'echo asked >> ${path}' TERM; touch ${path}.soon; while :; do sleep 0.05; done`,
      {
        // Ready only once it heeds the signal.
        readinessProbe: { exec: { command: ['test', '-e', `${path}.soon`] }, periodSeconds: 1 },
        lifecycle: { preStop: { exec: { command: ['sh', '-c', `echo hook >> ${path}`] } } },
      },
    );
    await rig.createPod('stubborn', [stubborn]);
    const pod = await podIs(rig, 'stubborn', [isReady]);
    const { pid } = recordOf(rig, pod).containers[0]?.run?.process ?? { pid: 0 };
    const begin = Date.now();
    await rig.api.client.delete(pods, { namespace: 'default', name: 'stubborn' }, { gracePeriodSeconds: 1 });
    await podIsGone(rig, 'stubborn');
    assert.ok(Date.now() - begin >= 1000, 'it has its grace period');
    assert.deepEqual(readFileSync(path, 'utf8').split('\n').slice(0, 2), ['hook', 'asked']);
    assert.equal(existsSync(`/proc/${pid}`), false);
    const namespaces = join(rig.config.netnsDir, 'node-1-pods', pod.metadata.uid ?? '');
    assert.equal(existsSync(namespaces), true, 'its address refuses until every proxy has heard');
    await eventually(() => Promise.resolve(existsSync(namespaces) ? undefined : true));
    assert.equal(existsSync(join(rig.config.stateDir, 'pods', pod.metadata.uid ?? '')), false);
    const stack = openNetworkStack();
    assert.ok(
      !stack.list('route').some((route) => route.kind === 'route' && route.to === `${pod.status?.podIP}/32`),
    );
    stack.close();
  });
});

describe('an agent after another', () => {
  it('adopts what runs, restarts what ended, and sweeps what nobody wants', async () => {
    const first = await rig.startAgent();
    await rig.createPod('lasting', [
      echo({ readinessProbe: { tcpSocket: { port: 9376 }, periodSeconds: 1 } }),
    ]);
    await rig.createPod('unwanted', [script('sleep 100')]);
    const lasting = await podIs(rig, 'lasting', [isReady]);
    const unwanted = await podIs(rig, 'unwanted', [isReady]);
    await rig.createPod('leaving', [script('sleep 1; echo last words; exit 7')], { restartPolicy: 'Never' });
    await podIs(rig, 'leaving', [hasPhase('Running')]);
    await first.stop();
    const before = recordOf(rig, lasting);
    const orphan = recordOf(rig, unwanted).containers[0]?.run?.process ?? { pid: 0, startTime: '' };
    assert.equal(isAlive(orphan), true);
    await rig.api.client.delete(pods, { namespace: 'default', name: 'unwanted' }, { gracePeriodSeconds: 0 });
    assert.match(await ask(lasting.status?.podIP ?? '', 'hi\n'), /^lasting answers/);
    await realClock.sleep(1200);

    const second = await rig.startAgent();
    const left = await podIs(rig, 'leaving', [hasPhase('Failed')]);
    assert.equal(left.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 7);
    const adopted = await podIs(rig, 'lasting', [isReady]);
    assert.equal(adopted.status?.podIP, lasting.status?.podIP);
    assert.equal(adopted.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.deepEqual(recordOf(rig, adopted).containers[0]?.run?.process, before.containers[0]?.run?.process);
    assert.match(await ask(adopted.status?.podIP ?? '', 'hi\n'), /^lasting answers/);
    assert.equal(isAlive(orphan), false);
    assert.ok(!readdirSync(join(rig.config.stateDir, 'pods')).includes(unwanted.metadata.uid ?? ''));

    const { pid } = before.containers[0]?.run?.process ?? { pid: 0 };
    process.kill(pid, 'SIGKILL');
    const restarted = await podIs(rig, 'lasting', [
      (pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(pod),
    ]);
    assert.equal(restarted.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
    await second.stop();
  });
});
