import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '../../client/client.ts';
import { createInformers } from '../../client/informers.ts';
import { createControllers } from '../../controllers/all.ts';
import { fakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { selectControllers } from './selection.ts';

const NAMES = ['endpoints', 'endpointslice', 'deployment', 'scheduler'];
const selected = (...wanted: string[]): string[] => NAMES.filter(selectControllers(wanted, NAMES));

describe('--controllers', () => {
  it('selects all when nothing is said', () => assert.deepEqual(selected(), NAMES));
  it('selects what is named', () => assert.deepEqual(selected('deployment'), ['deployment']));
  it('knows the names of upstream', () =>
    assert.deepEqual(selected('endpointslice-controller', 'endpoint'), ['endpoints', 'endpointslice']));
  it('leaves out what has a minus', () =>
    assert.deepEqual(selected('*', '-scheduler'), ['endpoints', 'endpointslice', 'deployment']));
  it('lets the first entry decide', () => assert.deepEqual(selected('-deployment', 'deployment'), []));
  it('refuses a name that nobody has, and lists those there are', () => {
    assert.throws(
      () => selected('*', '-nonsense'),
      /there is no controller nonsense; there are deployment, endpoints/,
    );
  });

  it('knows every controller there is by name', () => {
    const clock = fakeClock();
    const transport = {
      request: () => Promise.reject(new Error('nothing is asked')),
      close: () => undefined,
    };
    const client = createClient(transport);
    const informers = createInformers({ client, clock, logger: silentLogger });
    const names = createControllers({ client, informers, clock, logger: silentLogger }).map(
      ({ name }) => name,
    );
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.ok(names.some(selectControllers([name], names)), name);
  });
});
