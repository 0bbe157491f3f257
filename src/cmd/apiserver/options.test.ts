import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFlags } from '../component/flags.ts';
import { apiserverFlags } from './flags.ts';
import { apiserverOptions } from './options.ts';

const options = (...args: string[]) => {
  const flags = parseFlags('apiserver', apiserverFlags, args);
  assert.ok(flags);
  return apiserverOptions(flags);
};

describe('options of portico apiserver', () => {
  it('have upstream’s defaults', () => {
    const { bindAddress, securePort, certDir, logLevel, advertiseAddress } = options('--storage=memory');
    assert.deepEqual(
      [bindAddress, securePort, certDir, logLevel],
      ['0.0.0.0', 6443, '/var/run/kubernetes', 'info'],
    );
    assert.match(advertiseAddress, /^[0-9a-f.:]+$/);
    assert.equal(options('--storage=memory', '--bind-address=10.1.2.3').advertiseAddress, '10.1.2.3');
  });

  it('keep objects where the flags say', () => {
    assert.deepEqual(options('--data-dir=/d').store, { kind: 'sqlite', path: '/d/store/portico.db' });
    assert.equal(options('--data-dir=/d').certDir, '/d/pki');
    assert.deepEqual(options('--etcd-servers=http://a:1,http://b:2').store, {
      kind: 'etcd',
      servers: ['http://a:1', 'http://b:2'],
    });
    assert.deepEqual(options('--storage=memory', '--data-dir=/d').store, { kind: 'memory' });
  });

  const wrong: Readonly<Record<string, RegExp>> = {
    '': /nowhere to keep objects: give --data-dir/,
    '--storage=paper': /--storage=paper: must be sqlite, memory or etcd/,
    '--storage=etcd': /--storage=etcd needs --etcd-servers/,
    '--storage=sqlite --etcd-servers=http://a:1': /exclude one another/,
    '--storage=memory --secure-port=0': /--secure-port=0: must be a whole number from 1 to 65535/,
    '--storage=memory --bind-address=localhost': /--bind-address=localhost: must be an IP address/,
    '--storage=memory --tls-cert-file=a': /--tls-cert-file and --tls-private-key-file belong together/,
    '--storage=memory --etcd-user=a': /--etcd-user and --etcd-password-file belong together/,
    '--storage=memory --log-level=loud': /--log-level=loud: must be one of/,
  };
  for (const [line, words] of Object.entries(wrong)) {
    it(`are refused: ${line || 'no flag at all'}`, () => {
      assert.throws(() => options(...line.split(' ').filter(Boolean)), words);
    });
  }
});
