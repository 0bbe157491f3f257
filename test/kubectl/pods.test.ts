import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl } from './kubectl-cases.ts';
import { service } from './manifests.ts';

const sh = (script: string, fields: object = {}): object => ({
  name: 'main',
  image: 'host',
  command: ['sh', '-c', script],
  ...fields,
});

const running = (name: string, containers: readonly object[], spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers, terminationGracePeriodSeconds: 1, ...spec },
});

/** Pods that answer HTTP on 9376 and are ready when they do. */
const web = (replicas: number): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'echo',
            image: 'portico/echo',
            args: ['--port', '9376'],
            readinessProbe: { httpGet: { path: '/readyz', port: 9376 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
});

const phase = (kubectl: Kubectl, name: string, wanted: string): Promise<string> =>
  kubectl.ok(`wait --for=jsonpath={.status.phase}=${wanted} pod/${name} --timeout=25s`);

/** The addresses in the slices of a Service once there are `count` ready ones. */
const ready = (kubectl: Kubectl, name: string, count: number): Promise<readonly string[]> =>
  eventually(`${count} ready endpoints of ${name}`, async () => {
    const list = '{range .items[*].endpoints[?(@.conditions.ready==true)]}{.addresses[0]} {end}';
    const text = await kubectl.ok(
      `get endpointslices -l kubernetes.io/service-name=${name} -o 'jsonpath=${list}'`,
    );
    const found = text.split(' ').filter((address) => address !== '');
    return found.length === count ? found : undefined;
  });

kubectlCases('kubectl and running Pods', {
  'a Deployment rolls out: status, wait, tables, describe, endpoints': async (kubectl) => {
    await kubectl.ok('create -f -', [service('web', { selector: { app: 'web' } }), web(2)]);
    assert.match(
      await kubectl.ok('rollout status deployment/web --timeout=25s'),
      /deployment "web" successfully rolled out$/,
    );
    await kubectl.ok('wait --for=condition=Available deployment/web --timeout=5s');
    await kubectl.ok('wait --for=condition=Ready pod -l app=web --timeout=5s');
    assert.match(await kubectl.ok('get deployment web --no-headers'), /^web +2\/2 +2 +2 /);
    assert.match(await kubectl.ok('get replicasets --no-headers'), /^web-\S+ +2 +2 +2 /);
    const pods = (await kubectl.ok('get pods -o wide --no-headers')).split('\n');
    assert.equal(pods.length, 2);
    for (const row of pods) assert.match(row, /^web-\S+ +1\/1 +Running +0 +\S+ +10\.244\.0\.\d+ +node-1 /);
    const addresses = await ready(kubectl, 'web', 2);
    assert.deepEqual([...addresses].sort(), pods.map((row) => row.split(/\s+/)[5] ?? '').sort());
    assert.match(
      await kubectl.ok('get endpoints web --no-headers'),
      /^web +10\.244\.0\.\d+:80,10\.244\.0\.\d+:80 /,
    );
    const [name = ''] = pods[0]?.split(' ') ?? [];
    const text = await kubectl.ok(`describe pod ${name}`);
    assert.match(text, /^Node: +node-1\/172\.18\.0\.2$/m);
    assert.match(text, /^Controlled By: +ReplicaSet\/web-/m);
    assert.match(text, /State: +Running\n +Started: .*\n +Ready: +True\n +Restart Count: +0/);
    assert.match(text, /Normal +Scheduled .*\n(.*\n)*.*Normal +Created .*\n.*Normal +Started /);
  },
  'scale up, down and to nothing: the endpoints follow': async (kubectl) => {
    await kubectl.ok('create -f -', [service('web', { selector: { app: 'web' } }), web(1)]);
    await ready(kubectl, 'web', 1);
    await kubectl.ok('scale deployment web --replicas=3 --timeout=25s');
    await ready(kubectl, 'web', 3);
    await kubectl.ok('scale deployment web --replicas=0');
    await ready(kubectl, 'web', 0);
    await kubectl.ok('wait --for=delete pod -l app=web --timeout=25s');
  },
  'a change of the template replaces the Pods, and undo brings the old ones back': async (kubectl) => {
    await kubectl.ok('create -f -', web(2));
    await kubectl.ok('rollout status deployment/web --timeout=25s');
    const pods = async () => (await kubectl.ok('get pods -l app=web -o name')).split('\n');
    const before = await pods();
    await kubectl.ok('set env deployment/web STAGE=two');
    await kubectl.ok('rollout status deployment/web --timeout=25s');
    await kubectl.ok(`wait --for=delete ${before.join(' ')} --timeout=25s`);
    const variables = '-o jsonpath={.items[*].spec.containers[0].env[0].value}';
    assert.equal(await kubectl.ok(`get pods -l app=web ${variables}`), 'two two');
    await kubectl.ok('rollout undo deployment/web');
    await kubectl.ok('rollout status deployment/web --timeout=25s');
    await eventually('the old template alone', async () =>
      (await kubectl.ok(`get pods -l app=web ${variables}`)) === '' ? true : undefined,
    );
  },
  'logs: all, the last lines, with times, of one of two containers': async (kubectl) => {
    const two = [
      sh('echo one; echo two; echo three >&2; sleep 600'),
      sh('echo other; sleep 600', { name: 'side' }),
    ];
    await kubectl.ok('create -f -', running('p', two));
    await kubectl.ok('wait --for=condition=Ready pod/p --timeout=25s');
    await eventually('the last line', async () =>
      (await kubectl.ok('logs p -c main')).endsWith('three') ? true : undefined,
    );
    assert.equal(await kubectl.ok('logs p -c main'), 'one\ntwo\nthree');
    assert.equal(await kubectl.ok('logs p -c side'), 'other');
    assert.equal(await kubectl.ok('logs p -c main --tail=1'), 'three');
    assert.equal(await kubectl.ok('logs p -c main --limit-bytes=5'), 'one\nt');
    assert.match(await kubectl.ok('logs p -c main --tail=1 --timestamps'), /^20\d\d-\S+Z three$/);
    assert.equal(await kubectl.ok('logs p -c main --since=1h'), 'one\ntwo\nthree');
    const { stdout, stderr } = await kubectl.run('logs p');
    assert.equal(stdout, 'one\ntwo\nthree\n');
    assert.match(stderr, /Defaulted container "main" out of: main, side/);
    const all = (await kubectl.ok('logs p --all-containers --prefix')).split('\n').sort();
    assert.deepEqual(all.slice(0, 2), ['[pod/p/main] one', '[pod/p/main] three']);
    assert.ok(all.includes('[pod/p/side] other'));
    assert.match(await kubectl.refuses('logs p -c none'), /container none is not valid for pod p/);
    assert.match(
      await kubectl.refuses('logs p -c main --previous'),
      /previous terminated container "main" in pod "p" not found/,
    );
  },
  'logs -f goes on until the container ends': async (kubectl) => {
    const script = 'for i in 1 2 3 4; do echo line $i; sleep 0.3; done';
    await kubectl.ok('create -f -', running('p', [sh(script)], { restartPolicy: 'Never' }));
    await kubectl.ok('wait --for=jsonpath={.status.containerStatuses[0].started}=true pod/p --timeout=25s');
    assert.equal(await kubectl.ok('logs -f p'), 'line 1\nline 2\nline 3\nline 4');
    await phase(kubectl, 'p', 'Succeeded');
    assert.match(await kubectl.ok('get pod p --no-headers'), /^p +0\/1 +Completed +0 /);
  },
  'a Pod that fails says how, and one that is restarted keeps its last logs': async (kubectl) => {
    await kubectl.ok('create -f -', [
      running('once', [sh('echo out; exit 3')], { restartPolicy: 'Never' }),
      running('again', [sh('echo try; exit 1')]),
    ]);
    await phase(kubectl, 'once', 'Failed');
    assert.match(await kubectl.ok('get pod once --no-headers'), /^once +0\/1 +Error +0 /);
    assert.match(
      await kubectl.ok('describe pod once'),
      /State: +Terminated\n +Reason: +Error\n +Exit Code: +3\n/,
    );
    assert.equal(await kubectl.ok('logs once'), 'out');
    await eventually('a restart', async () => {
      const count = await kubectl.ok('get pod again -o jsonpath={.status.containerStatuses[0].restartCount}');
      return Number(count) >= 1 ? true : undefined;
    });
    assert.equal(await kubectl.ok('logs again --previous'), 'try');
    await eventually('CrashLoopBackOff', async () =>
      /CrashLoopBackOff/.test(await kubectl.ok('get pod again')) ? true : undefined,
    );
    assert.match(
      await kubectl.ok('describe pod again'),
      /Warning +BackOff .*[Bb]ack-off restarting failed container/,
    );
  },
  'a Pod is ready when its probe says so': async (kubectl) => {
    const readinessProbe = { exec: { command: ['sh', '-c', 'test -e /tmp/$POD'] }, periodSeconds: 1 };
    const flag = `${kubectl.namespace}-${process.pid}-ready`;
    const script = `sleep 2; touch /tmp/$POD; trap "rm /tmp/$POD; exit" TERM; while :; do sleep 0.2; done`;
    const container = sh(script, { readinessProbe, env: [{ name: 'POD', value: flag }] });
    await kubectl.ok('create -f -', running('p', [container], { terminationGracePeriodSeconds: 5 }));
    await kubectl.ok('wait --for=jsonpath={.status.containerStatuses[0].started}=true pod/p --timeout=25s');
    assert.match(await kubectl.ok('get pod p --no-headers'), /^p +0\/1 +Running /);
    await kubectl.ok('wait --for=condition=Ready pod/p --timeout=25s');
    assert.match(await kubectl.ok('get pod p --no-headers'), /^p +1\/1 +Running /);
    await kubectl.ok('delete pod p');
  },
  'an image that nobody has is an event': async (kubectl) => {
    await kubectl.ok('run p --image=nginx');
    await eventually('the refusal', async () =>
      /ErrImagePull|ImagePullBackOff|InvalidImageName/.test(await kubectl.ok('get pod p')) ? true : undefined,
    );
    await eventually('the event', async () =>
      /Warning +Failed .*"nginx"/.test(await kubectl.ok('events --for=pod/p')) ? true : undefined,
    );
  },
  'deleting a Pod waits for its end, the grace period at the longest': async (kubectl) => {
    await kubectl.ok('create -f -', running('stubborn', [sh('trap "" TERM; while :; do sleep 0.2; done')]));
    await kubectl.ok('wait --for=condition=Ready pod/stubborn --timeout=25s');
    const start = Date.now();
    await kubectl.ok('delete pod stubborn --timeout=20s');
    assert.ok(Date.now() - start > 900, 'it had its second');
    assert.equal(await kubectl.ok('get pods -o name'), '');
  },
  'what is not there yet says so, and does nothing': async (kubectl) => {
    await kubectl.ok('create -f -', running('p', [sh('sleep 600')]));
    await kubectl.ok('wait --for=condition=Ready pod/p --timeout=25s');
    const missing = /the server could not find the requested resource/;
    assert.match(await kubectl.refuses('debug p --image=host'), missing);
    assert.match(await kubectl.refuses('top pod'), /Metrics API not available/);
  },
});
