import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { inSandbox, sandboxFolder } from '../../testing/sandbox.ts';
import { createNamedNetns, withNetns } from '../netns/named-netns.ts';
import { detectBackend, knownBackend } from './detect-backend.ts';
import { findProgram, openIptables } from './open-iptables.ts';

inSandbox(import.meta.filename);

const isInstalled = findProgram('IPv4', 'nft', 'restore') !== undefined;
const skip = isInstalled || process.env.CI !== undefined ? false : 'iptables is not installed';

let nNamespaces = 0;

function newNamespace(): string {
  const path = `${sandboxFolder('portico-backend-')}/${++nNamespaces}`;
  createNamedNetns(path);
  return path;
}

function legacyTables(netnsPath: string): string | undefined {
  return withNetns(netnsPath, () => {
    try {
      return readFileSync('/proc/thread-self/net/ip_tables_names', 'utf8');
    } catch {
      return undefined;
    }
  });
}

describe('the backend of a namespace', { skip }, () => {
  it('is nft where the legacy one has no tables, and looking for it makes none', async () => {
    const netnsPath = newNamespace();
    const before = legacyTables(netnsPath);
    assert.equal(await detectBackend({ family: 'IPv4', netnsPath }), 'nft');
    assert.equal(legacyTables(netnsPath), before);
  });

  it('is remembered of this namespace, whatever comes into the other one', async () => {
    const [first, second] = [newNamespace(), newNamespace()];
    assert.equal(await knownBackend({ family: 'IPv4', netnsPath: first }), 'nft');
    for (const netnsPath of [first, second]) {
      const legacy = openIptables({ family: 'IPv4', netnsPath, backend: 'legacy' });
      await legacy.restore('*filter\n-A INPUT -j ACCEPT\nCOMMIT\n');
    }
    assert.equal(await detectBackend({ family: 'IPv4', netnsPath: first }), 'legacy');
    assert.equal(await knownBackend({ family: 'IPv4', netnsPath: first }), 'nft');
    assert.equal(await knownBackend({ family: 'IPv4', netnsPath: second }), 'legacy');
  });
});
