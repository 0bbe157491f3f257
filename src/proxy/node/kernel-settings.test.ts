import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { memoryLogger } from '../../base/logger.ts';
import { defaultConfiguration } from '../configuration/configuration.ts';
import type { KubeProxyConfiguration } from '../configuration/configuration.ts';
import { applySettings, conntrackSettings, modeSettings } from './kernel-settings.ts';

const { conntrack, iptables } = defaultConfiguration();

describe('kernel parameters', () => {
  const max = (nCpus: number, more: Partial<KubeProxyConfiguration['conntrack']> = {}) => {
    const settings = conntrackSettings({ ...conntrack, ...more }, nCpus);
    return settings.filter(({ path }) => /max$|hashsize$/.test(path)).map(({ value }) => value);
  };

  it('make room for connections by the number of processors, within limits', () => {
    assert.deepEqual(max(2), [131_072, 32_768]);
    assert.deepEqual(max(16), [524_288, 131_072]);
    assert.deepEqual(max(256), [1_048_576, 262_144]);
    assert.deepEqual(max(2, { maxPerCore: 0 }), []);
    assert.deepEqual(max(2, { min: 2_000_000 }), [2_000_000, 500_000]);
  });

  it('are left alone where the configuration says 0', () => {
    const names = (more: Partial<KubeProxyConfiguration['conntrack']>) =>
      conntrackSettings({ ...conntrack, maxPerCore: 0, ...more }, 2).map(({ path, value }) => [
        path.replace(/.*nf_conntrack_/, ''),
        value,
      ]);
    assert.deepEqual(names({}), [
      ['tcp_timeout_established', 86_400],
      ['tcp_timeout_close_wait', 3600],
    ]);
    const none = { tcpEstablishedTimeout: 0, tcpCloseWaitTimeout: 0 };
    assert.deepEqual(names(none), []);
    assert.deepEqual(names({ ...none, tcpBeLiberal: true, udpTimeout: 1500, udpStreamTimeout: 90_000 }), [
      ['tcp_be_liberal', 1],
      ['udp_timeout', 1],
      ['udp_timeout_stream', 90],
    ]);
  });

  it('are never lowered where they are a least, and a file that is not there stops nothing', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'portico-settings-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const [most, time, small] = [file('max', '262144\n'), file('time', '432000\n'), file('small', '1\n')];
    const logger = memoryLogger();
    applySettings(
      [
        { path: join(folder, 'absent'), value: 1 },
        { path: most, value: 131_072, isLeast: true },
        { path: time, value: 86_400 },
        { path: small, value: 131_072, isLeast: true },
      ],
      logger,
    );
    assert.deepEqual(
      [most, time, small].map((path) => readFileSync(path, 'utf8').trim()),
      ['262144', '86400', '131072'],
    );
    assert.deepEqual(
      conntrackSettings(conntrack, 2).map(({ isLeast }) => isLeast ?? false),
      [true, true, false, false],
    );
  });

  it('let packets of 127.0.0.1 be routed only where node ports answer there', () => {
    const isRouted = (mode: string, isOn: boolean, ...nodePortAddresses: string[]): boolean =>
      modeSettings(mode, { iptables: { ...iptables, localhostNodePorts: isOn }, nodePortAddresses }).length >
      0;
    assert.equal(isRouted('iptables', true), true);
    assert.equal(isRouted('iptables', true, '127.0.0.0/8'), true);
    assert.equal(isRouted('iptables', true, '0.0.0.0/0', 'fd00::/8'), true);
    assert.equal(isRouted('iptables', true, '10.0.0.0/8', '::/0'), false);
    assert.equal(isRouted('iptables', false), false);
    assert.equal(isRouted('nftables', true), false);
  });
});
