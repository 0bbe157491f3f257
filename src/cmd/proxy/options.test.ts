import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { UserError } from '../up/user-error.ts';
import { parseProxyOptions } from './options.ts';
import type { ProxyOptions } from './options.ts';

let folder: string;
let file: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'portico-options-'));
  file = join(folder, 'config.conf');
  const head = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
  writeFileSync(
    file,
    `${head}mode: iptables\nhostnameOverride: from-file\nlogging: {verbosity: 3}\nwrong: 1\n`,
  );
});
after(() => rmSync(folder, { recursive: true }));

async function parse(...args: readonly string[]): Promise<ProxyOptions> {
  const options = await parseProxyOptions(args);
  assert.ok(options);
  return options;
}

describe('flags of portico proxy', () => {
  it('become a configuration', async () => {
    const { configuration, verbosity, logLevel } = await parse(
      '--proxy-mode=ipvs',
      '--cluster-cidr=10.244.0.0/16,fd00::/64',
      '--masquerade-all',
      '--nodeport-addresses=10.0.0.0/8,192.168.0.0/16',
      '--kube-api-qps=7.5',
      '--ipvs-scheduler=lc',
      '--ipvs-sync-period=1m',
      '--conntrack-tcp-timeout-established=0',
      '--oom-score-adj=-500',
      '--metrics-bind-address=0.0.0.0',
      '--healthz-port=0',
      '--feature-gates=A=true,B=false',
      '-v=4',
    );
    assert.equal(configuration.mode, 'ipvs');
    assert.equal(configuration.clusterCIDR, '10.244.0.0/16,fd00::/64');
    assert.equal(configuration.iptables.masqueradeAll, true);
    assert.deepEqual(configuration.nodePortAddresses, ['10.0.0.0/8', '192.168.0.0/16']);
    assert.deepEqual([configuration.ipvs.scheduler, configuration.ipvs.syncPeriod], ['lc', 60_000]);
    assert.equal(configuration.clientConnection.qps, 7.5);
    assert.equal(configuration.logging.verbosity, 4);
    assert.equal(configuration.conntrack.tcpEstablishedTimeout, 0);
    assert.equal(configuration.oomScoreAdj, -500);
    assert.equal(configuration.metricsBindAddress, '0.0.0.0:10249');
    assert.equal(configuration.healthzBindAddress, '');
    assert.deepEqual(configuration.featureGates, { A: true, B: false });
    assert.equal(configuration.detectLocalMode, 'ClusterCIDR');
    assert.deepEqual([verbosity, logLevel], [4, 'debug']);
  });

  it('beside a file count for the name, the log and the deeds only; others are named', async () => {
    const { configuration, warnings, verbosity } = await parse(
      `--config=${file}`,
      '--proxy-mode=nftables',
      '--hostname-override=Flag',
      '--master=https://x',
    );
    assert.equal(configuration.mode, 'iptables');
    assert.equal(configuration.hostnameOverride, 'flag');
    assert.equal(verbosity, 3);
    assert.deepEqual(warnings, [`${file}: unknown field "wrong"`, '--proxy-mode is ignored beside --config']);
  });

  it('of the log count beside a file', async () => {
    const args = [`--config=${file}`, '-v=6', '--logging-format=json', '--vmodule=proxier=4'];
    const { configuration, verbosity, warnings } = await parse(...args);
    assert.deepEqual(
      [configuration.logging.format, configuration.logging.verbosity, verbosity],
      ['json', 6, 6],
    );
    assert.deepEqual(warnings, [`${file}: unknown field "wrong"`]);
  });

  it('have one pair of periods for all modes but ipvs', async () => {
    const periods = ['--iptables-sync-period=11s', '--iptables-min-sync-period=2s'];
    const { nftables, iptables, ipvs } = (await parse('--proxy-mode=nftables', ...periods)).configuration;
    for (const section of [nftables, iptables]) {
      assert.deepEqual([section.syncPeriod, section.minSyncPeriod], [11_000, 2_000]);
    }
    assert.deepEqual([ipvs.syncPeriod, ipvs.minSyncPeriod], [30_000, 0]);
  });

  it('restrict node ports to the primary address with nftables, as kube-proxy does', async () => {
    assert.deepEqual((await parse('--proxy-mode=nftables')).configuration.nodePortAddresses, ['primary']);
    assert.deepEqual((await parse()).configuration.nodePortAddresses, []);
  });

  const wrong: Readonly<Record<string, readonly [args: readonly string[], words: RegExp]>> = {
    'a flag that does not exist': [['--nope'], /unknown flag --nope/],
    'a file that is not there': [['--config=/nowhere/at-all'], /--config=\/nowhere\/at-all: ENOENT/],
    'two mistakes at once': [
      ['--proxy-mode=x', '--oom-score-adj=2000'],
      /the flags: \[KubeProxyConfiguration.*OOMScoreAdj.*, KubeProxyConfiguration.Mode.ProxyMode/,
    ],
    'a number that is none': [['--kube-api-qps=fast'], /--kube-api-qps=fast: must be a number/],
    'a format of the log that does not exist': [
      ['--logging-format=xml'],
      /logging.format: Invalid value: "xml": Unsupported log format/,
    ],
    'a gate without a value': [['--feature-gates=A'], /must be NAME=true or NAME=false/],
    'a name of blanks': [['--hostname-override= '], /empty hostname-override is invalid/],
  };
  for (const [what, [args, words]] of Object.entries(wrong)) {
    it(`refuse ${what} with exit code 2`, async () => {
      await assert.rejects(parseProxyOptions(args), (error) => {
        assert.ok(error instanceof UserError);
        assert.equal(error.exitCode, 2);
        assert.match(error.message, words);
        return true;
      });
    });
  }
});
