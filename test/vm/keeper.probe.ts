/**
 * `keeper.probe.ts NETNS`: keeps the node behind the path in the ipvs mode, in both families, while endpoints of the canary and other
 * Services come and go, without an end. Pod 2 is an endpoint all the time. Prints a line for each state that is in the kernel.
 */
import { realClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { canaryPort, canaryState, families, openModes, otherPort } from './canary-state.ts';

const SUBSETS = [[2], [2, 4], [2, 3, 4], [2, 3]] as const;
const OTHERS = 5;

const [netnsPath = ''] = process.argv.slice(2);
const modes = openModes({ first: 'ipvs', netnsPath, clock: realClock, logger: silentLogger });
const services = { IPv4: new Map(), IPv6: new Map() };

for (let i = 0; ; i++) {
  const members = SUBSETS[i % SUBSETS.length] ?? [2];
  for (const family of families) {
    const [web, other] = [canaryPort(family, members), otherPort(family, i % OTHERS)];
    services[family].set(web.id, web);
    if (i % (2 * OTHERS) < OTHERS) services[family].set(other.id, other);
    else services[family].delete(other.id);
    const changed = i === 0 ? undefined : new Set([web.id, other.id]);
    await modes[family].sync(canaryState(family, services[family]), changed);
  }
  console.log(String(i));
}
