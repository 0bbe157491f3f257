/**
 * `zero-loss.ts [--connections 1000000] [--services 10000] [--modes nftables,iptables,userspace] [--only TEXT]`: the long form of
 * zero-loss.test.ts, or the harms alone whose name has the text. Prints what was done, a line a round and one of figures a mode; the exit code says whether a connection was lost or a cleanup left something.
 */
import { parseArgs } from 'node:util';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { MODES } from './harms.ts';
import { assertNoLoss, cleanUp, openZeroLoss, runZeroLoss } from './zero-loss-run.ts';

const flags = {
  connections: { type: 'string', default: '1000000' },
  services: { type: 'string', default: '10000' },
  only: { type: 'string', default: '' },
  modes: { type: 'string', default: MODES.join() },
} as const;

inSandbox(import.meta.filename, process.argv.slice(2));

const { values } = parseArgs({ options: flags });
const modes = MODES.filter((mode) => values.modes.split(',').includes(mode));
const place = await openZeroLoss();
try {
  for (const mode of modes) {
    const figures = await runZeroLoss(place, {
      mode,
      connections: Number(values.connections) / modes.length,
      services: Number(values.services),
      only: values.only,
      onLook: (seen) => console.log(seen),
      onRound: (what, { n, failures }) => console.log(JSON.stringify({ mode, what, n, failures })),
    });
    const { suspects, looks } = figures;
    console.log(JSON.stringify({ ...figures, suspects: suspects.length, looks: looks.length }));
    assertNoLoss(figures);
    await cleanUp(place.lab);
  }
  console.log('no connection was lost, and nothing is left');
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await place.close();
}
