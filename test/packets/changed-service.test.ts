import type { Place } from './place.ts';
import type { Target } from './prober.ts';
import { clientPod, echoDeployment, echoService } from './manifests.ts';
import {
  answered,
  assertNoFailures,
  assertRefused,
  freeNodePort,
  nameOf,
  packetCases,
  settled,
  type PacketCase,
} from './scene.ts';

/** Answers that a load must have before a change, and again after it. */
const N_AROUND = 25;

/** Makes the change under a steady load from each place, of which no request may fail. */
async function underLoad(
  places: readonly Place[],
  target: Target,
  change: () => Promise<unknown>,
): Promise<void> {
  const loads = await Promise.all(
    places.map((place) => place.load({ ...target, perSecond: 100, nKeepAlive: 2 })),
  );
  await answered(loads, N_AROUND);
  await change();
  await answered(loads, N_AROUND);
  for (const load of loads) assertNoFailures(await load.end());
}

const selector: PacketCase = async (scene) => {
  await scene.apply(
    echoService('web', { selector: { app: 'blue' } }),
    echoDeployment('blue', 3),
    echoDeployment('green', 3),
    clientPod('client', 'node-1'),
  );
  const blue = (await scene.ready('blue', 3)).map(nameOf);
  const green = (await scene.ready('green', 3)).map(nameOf);
  const target = await scene.target('web');
  const places = [await scene.at({ pod: 'client' }), await scene.at({ node: 'node-2' })];
  for (const place of places) await settled(place, target, blue);
  await underLoad(places, target, async () => {
    await scene.apply(echoService('web', { selector: { app: 'green' } }));
    // The load goes on until each proxy has heard of it.
    for (const place of places) await settled(place, target, green);
  });
};

const type: PacketCase = async (scene) => {
  const nodePort = await freeNodePort();
  const plain = { ports: [{ name: 'http', port: 80, targetPort: 9376 }] };
  const opened = { type: 'NodePort', ports: [{ ...plain.ports[0], nodePort }] };
  await scene.apply(echoService('web', plain), echoDeployment('web', 3), clientPod('client', 'node-1'));
  const names = (await scene.ready('web', 3)).map(nameOf);
  const target = await scene.target('web');
  const client = await scene.at({ pod: 'client' });
  const fabric = await scene.at('fabric');
  const atNode = { host: '172.18.0.3', port: nodePort };
  await settled(client, target, names);
  await assertRefused(fabric, atNode);
  await underLoad([client], target, async () => {
    await scene.apply(echoService('web', opened));
    await settled(fabric, atNode, names);
    await scene.apply(echoService('web', { ...opened, sessionAffinity: 'ClientIP' }));
    await scene.apply(echoService('web', plain));
    await scene.kubectl.ok('annotate service web seen=yes');
  });
  await settled(client, target, names);
  await assertRefused(fabric, atNode);
};

const ports: PacketCase = async (scene) => {
  const first = { name: 'http', port: 80, targetPort: 9376 };
  const more = { name: 'more', port: 81, targetPort: 9376 };
  await scene.apply(echoService('web', { ports: [first] }), echoDeployment('web', 3));
  await scene.apply(clientPod('client', 'node-1'));
  const names = (await scene.ready('web', 3)).map(nameOf);
  const target = await scene.target('web');
  const client = await scene.at({ pod: 'client' });
  await settled(client, target, names);
  await underLoad([client], target, async () => {
    await scene.apply(echoService('web', { ports: [first, more] }));
    await settled(client, { ...target, port: 81 }, names);
    await scene.apply(echoService('web', { ports: [first] }));
  });
  await settled(client, target, names);
  await assertRefused(client, { ...target, port: 81 });
};

packetCases('a Service that is changed under a steady load', {
  'to other Pods by its selector loses no request': selector,
  'to another type and back loses no request': type,
  'in its other ports loses no request': ports,
});
