import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { parseUpOptions, type UpFlags, type UpOptions } from './options.ts';
import { UserError } from './user-error.ts';

const accepted: Readonly<Record<string, readonly [UpFlags, Partial<UpOptions>]>> = {
  'nothing means three nodes in the sandbox, on ports that may give way': [
    {},
    {
      dataDir: undefined,
      writeKubeconfig: undefined,
      nodes: 3,
      network: 'sandbox',
      apiPort: { port: 6443, isFixed: false },
      dnsPort: { port: 10053, isFixed: false },
      proxyMode: 'nftables',
      logLevel: 'info',
    },
  ],
  'a network without namespaces has one node': [{ network: 'host' }, { nodes: 1, proxyMode: 'nftables' }],
  'without a kernel to program the proxy is the userspace one': [
    { network: 'none' },
    { nodes: 1, proxyMode: 'userspace' },
  ],
  'a port that is given must be free': [{ apiPort: '7443' }, { apiPort: { port: 7443, isFixed: true } }],
  'the default port, when given, must be free, too': [
    { dnsPort: '10053' },
    { dnsPort: { port: 10053, isFixed: true } },
  ],
  'relative paths are those of the working directory': [
    { dataDir: 'state', writeKubeconfig: '/etc/config' },
    { dataDir: resolve('state'), writeKubeconfig: '/etc/config' },
  ],
  'the greatest values': [
    { nodes: '200', apiPort: '65535', dnsPort: '1', proxyMode: 'userspace', logLevel: 'debug' },
    { nodes: 200, proxyMode: 'userspace', logLevel: 'debug' },
  ],
};

const refused: Readonly<Record<string, readonly [UpFlags, RegExp]>> = {
  'a signed number': [{ nodes: '+3' }, /^--nodes \+3: must be a whole number from 1 to 200$/],
  'a number in another notation': [{ apiPort: '1e3' }, /^--api-port 1e3: must be a whole number/],
  'a number with a blank': [{ dnsPort: ' 53' }, /^--dns-port {2}53: must be a whole number/],
  'more nodes than Pod ranges': [{ nodes: '201' }, /from 1 to 200$/],
  'a mode of nobody': [{ proxyMode: 'kernelspace' }, /must be one of nftables, .*iptables.*userspace/],
  'a network in capitals': [{ network: 'None' }, /must be one of sandbox, host, none$/],
  'a level of another logger': [{ logLevel: 'trace' }, /must be one of debug, info, warn, error$/],
  'two nodes on one machine': [{ network: 'host', nodes: '2' }, /has one node, this machine/],
  'nftables without a kernel': [{ network: 'none', proxyMode: 'nftables' }, /programs no kernel/],
};

describe('the flags of up', () => {
  for (const [what, [flags, expected]] of Object.entries(accepted)) {
    it(what, () => {
      const options = parseUpOptions(flags);
      assert.deepEqual({ ...options, ...expected }, options);
    });
  }
  for (const [what, [flags, message]] of Object.entries(refused)) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => parseUpOptions(flags),
        (error) => error instanceof UserError && error.exitCode === 2 && message.test(error.message),
      );
    });
  }
});
