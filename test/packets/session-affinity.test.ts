import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../src/testing/test-cluster.ts';
import type { Manifest } from '../kubectl/manifests.ts';
import { clientPod, echoDeployment, echoService } from './manifests.ts';
import { assertNoFailures, nameOf, packetCases, settled, type PacketCase } from './scene.ts';

const sticky = (name: string, timeoutSeconds: number): Manifest => ({
  ...echoService(name, {
    selector: { app: 'web' },
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds } },
  }),
});

const sticks: PacketCase = async (scene) => {
  await scene.apply(sticky('sticky', 60), echoService('web'), echoDeployment('web', 3));
  await scene.apply(...[1, 2, 3].map((n) => clientPod(`client-${n}`, `node-${n}`)));
  const names = (await scene.ready('web', 3)).map(nameOf);
  for (const n of [1, 2, 3]) {
    const client = await scene.at({ pod: `client-${n}` });
    await settled(client, await scene.target('web'), names);
    const seen = new Set(await client.texts({ ...(await scene.target('sticky')), n: 60, concurrency: 3 }));
    // Calls that start together may each be the first one.
    assert.ok(seen.size <= 3);
    const later = new Set(await client.texts({ ...(await scene.target('sticky')), n: 60 }));
    assert.equal(later.size, 1, `one Pod answers client-${n}: ${[...later].join(' ')}`);
  }
};

const timesOut: PacketCase = async (scene) => {
  await scene.apply(sticky('brief', 1), echoDeployment('web', 3), clientPod('client', 'node-1'));
  await scene.ready('web', 3);
  const target = await scene.target('brief');
  const client = await scene.at({ pod: 'client' });
  const first = await eventually('a first answer', async () => (await client.answers(target))[0]?.text);
  // Three Pods: twelve fair draws are all the same one once in half a million runs.
  for (let n = 0; n < 12; n++) {
    await sleep(1500);
    if ((await client.text(target)) !== first) return;
  }
  assert.fail(`${first} still answers after twelve pauses longer than the timeout`);
};

const isRenewed: PacketCase = async (scene) => {
  await scene.apply(sticky('short', 2), echoDeployment('web', 3), clientPod('client', 'node-1'));
  const names = (await scene.ready('web', 3)).map(nameOf);
  const target = await scene.target('short');
  const client = await scene.at({ pod: 'client' });
  await scene.apply(echoService('web'));
  await settled(client, await scene.target('web'), names);
  // So often without a pause that is longer than the time-out: a busy machine may make one of its own.
  const answers: string[] = [];
  for (let before = Date.now(); answers.length < 10; await sleep(500)) {
    const startedAt = Date.now();
    const answer = await client.text(target);
    if (Date.now() - before > 1900) answers.length = 0;
    answers.push(answer);
    before = startedAt;
  }
  assert.equal(new Set(answers).size, 1, answers.join(' '));
};

const forgets: PacketCase = async (scene) => {
  await scene.apply(sticky('sticky', 60), echoDeployment('web', 3), clientPod('client', 'node-1'));
  const names = (await scene.ready('web', 3)).map(nameOf);
  const target = await scene.target('sticky');
  const client = await scene.at({ pod: 'client' });
  await scene.apply(echoService('web'));
  await settled(client, await scene.target('web'), names);
  const first = await client.text(target);
  const load = await client.load({ ...target, perSecond: 50 });
  await scene.kubectl.ok(`delete pod ${first} --wait=false`);
  const after = (await scene.ready('web', 3)).map(nameOf);
  await sleep(500);
  const report = await load.end();
  assertNoFailures(report);
  const [next = '', ...more] = new Set(await client.texts({ ...target, n: 30 }));
  assert.deepEqual(more, []);
  assert.ok(next !== first && [...names, ...after].includes(next), next);
  assert.ok(Object.keys(report.answers).length >= 2, Object.keys(report.answers).join(' '));
};

packetCases('session affinity', {
  'keeps each client with the Pod that answered it first': sticks,
  'ends when the client has been quiet for the timeout': timesOut,
  'goes on while the client calls within the timeout': isRenewed,
  'ends at once with the Pod, and no call fails': forgets,
});
