import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReadiness } from './readiness.ts';

describe('readiness', () => {
  it('lets those wait who come before the report, and none who come after', async () => {
    const readiness = createReadiness();
    const early = readiness.wait('api');
    assert.equal(readiness.hasAny(), false);
    readiness.report('api');
    await early;
    await readiness.wait('api');
    assert.equal(readiness.hasAny(), true);
  });
  it('fails the rest, but nothing that was reported', async () => {
    const readiness = createReadiness();
    const dns = readiness.wait('dns');
    readiness.report('api');
    readiness.fail(new Error('gone'));
    await assert.rejects(dns, /gone/);
    await assert.rejects(readiness.wait('node'), /gone/);
    await readiness.wait('api');
  });
});
