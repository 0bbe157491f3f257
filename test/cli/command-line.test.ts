import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { assertRefused, attempt, makeScratch } from './attempt.ts';

interface Case {
  readonly args: readonly string[];
  readonly says: RegExp;
}

const portRange = /must be a whole number from 1 to 65535/;

const refused: Readonly<Record<string, Case>> = {
  'an unknown flag': { args: ['--bogus'], says: /unknown option '--bogus' \(portico --help/ },
  'an unknown flag of up': { args: ['up', '--bogus'], says: /unknown option '--bogus'/ },
  'an unknown flag of shell': { args: ['shell', '--bogus'], says: /unknown option '--bogus'/ },
  'an unknown command, with the one meant': {
    args: ['upp'],
    says: /unknown command 'upp' \(Did you mean up\?\)/,
  },
  'an argument up does not take': { args: ['up', 'now'], says: /too many arguments for 'up'.*: now/ },
  'a flag without its value': { args: ['up', '--nodes'], says: /option '--nodes <n>' argument missing/ },
  'no nodes': { args: ['up', '--nodes', '0'], says: /--nodes 0: must be a whole number from 1 to 200/ },
  'too many nodes': { args: ['up', '--nodes', '201'], says: /--nodes 201: .* from 1 to 200/ },
  'half a node': { args: ['up', '--nodes', '1.5'], says: /--nodes 1\.5: must be a whole number/ },
  'an empty number': { args: ['up', '--nodes', ''], says: /--nodes : must be a whole number/ },
  'an API port beyond the last': { args: ['up', '--api-port', '65536'], says: portRange },
  'an API port below the first': { args: ['up', '--api-port', '0'], says: portRange },
  'a DNS port that is a word': { args: ['up', '--dns-port', 'dns'], says: portRange },
  'an unknown network': { args: ['up', '--network', 'bridge'], says: /must be one of sandbox, host, none/ },
  'an unknown proxy mode': {
    args: ['up', '--proxy-mode', 'ebpf'],
    says: /must be one of nftables, iptables, ipvs, userspace/,
  },
  'an unknown log level': {
    args: ['up', '--log-level', 'loud'],
    says: /must be one of debug, info, warn, error/,
  },
  'nftables without a kernel to program': {
    args: ['up', '--network', 'none', '--proxy-mode', 'nftables'],
    says: /--network none programs no kernel; leave the flag out/,
  },
  'several nodes without a sandbox': {
    args: ['up', '--network', 'none', '--nodes', '2'],
    says: /--network none has one node, this machine; use --network sandbox/,
  },
  'a bad value of the demo': { args: ['demo', '--nodes', 'x'], says: /--nodes x: must be a whole number/ },
};

describe('portico refuses', { concurrency: 2 }, () => {
  const scratch = makeScratch();
  after(() => scratch.remove());
  for (const [what, { args, says }] of Object.entries(refused)) {
    it(`${what}, in one sentence and without leaving anything`, async () => {
      const outcome = await attempt(scratch, args);
      assertRefused(outcome, { says, code: 2, root: scratch.root });
      assert.deepEqual(scratch.files(), ['tmp']);
    });
  }
});

describe('portico tells', { concurrency: 2 }, () => {
  const scratch = makeScratch();
  after(() => scratch.remove());
  it('its commands when asked for help', async () => {
    const { code, stdout, stderr } = await attempt(scratch, ['--help']);
    assert.deepEqual([code, stderr], [0, '']);
    for (const command of ['up', 'demo', 'shell', 'version'])
      assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
  });
  it('every flag of up, with its default', async () => {
    const { code, stdout } = await attempt(scratch, ['up', '--help']);
    assert.equal(code, 0);
    for (const flag of [
      'data-dir',
      'write-kubeconfig',
      'nodes',
      'network',
      'api-port',
      'dns-port',
      'proxy-mode',
      'log-level',
    ]) {
      assert.ok(stdout.includes(`--${flag} <`), flag);
    }
  });
  it('its version', async () => {
    const { code, stdout } = await attempt(scratch, ['version']);
    assert.equal(code, 0);
    assert.match(stdout, /^portico \d+\.\d+\.\d+ \(Node 24\.\d+\.\d+\)\n$/);
  });
});
