import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { memoryLogger } from '../../../base/logger.ts';
import { openConntrack } from '../../../kernel/conntrack/open-conntrack.ts';
import { elementData, elementKey } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import { openNft } from '../../../kernel/nft/open-nft.ts';
import type { IpFamily } from '../../../net/ip.ts';
import {
  clusterIp,
  endpoints,
  everyFrontend,
  proxyState,
  servicePort,
} from '../../../testing/proxy-fixtures.ts';
import { inSandbox } from '../../../testing/sandbox.ts';
import type { ProxyMode, ServicePort } from '../../state/model.ts';
import { createNftablesMode, probeNftables } from './index.ts';
import { layoutOf } from './layout.ts';
import { demandSet } from './sets.ts';

inSandbox(import.meta.filename);

const hasNft = spawnSync('nft', ['--version']).error === undefined;
const skip = hasNft || process.env.CI !== undefined ? false : 'nft is not installed (package nftables)';

function list(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('nft', ['list', ...args], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Sets and chains in any order: what a table is, whatever the order it was made in. */
const asBlocks = (text: string): string[] =>
  text
    .split(/\n(?=\t(?:set|map|chain|comment) )/)
    .map((block) => block.replace(/elements = \{([^}]*)\}/, (_, e: string) => `{${sorted(e)}}`).trim())
    .map((block) => block.replace(/\n\}$/, ''))
    .sort();
const sorted = (elements: string): string =>
  elements
    .split(',')
    .map((element) => element.trim())
    .sort()
    .join(', ');

const kernel = openNft();
const conntrack = openConntrack();
after(() => {
  kernel.close();
  conntrack.close();
});

function open(family: IpFamily, nft: NftKernel = kernel, refused: string[] = []): ProxyMode {
  const onRefused = ({ id }: { readonly id: string }): void => void refused.push(id);
  return createNftablesMode({ family, nft, conntrack, logger: memoryLogger(), onRefused });
}

const { table, sets } = layoutOf('IPv4');
const endpoints2 = demandSet('ip', { kind: 'endpoints', n: 2 });
const many = (n: number): ServicePort[] =>
  Array.from({ length: n }, (_, i) =>
    servicePort(`s${i}`, [
      clusterIp([`10.97.${i >> 8}.${i & 255}`, 80], endpoints('IPv4', (i % 90) + 1, 100)),
    ]),
  );

async function contents(): Promise<string[]> {
  const elements = await kernel.elements(table, endpoints2);
  return elements.map(({ key, data }) => `${elementKey(key)} ${elementData(data)}`).sort();
}

describe('the nftables mode on the kernel', () => {
  for (const family of ['IPv4', 'IPv6'] as const) {
    it(`can run here, and the probe leaves nothing behind (${family})`, async () => {
      assert.deepEqual(await probeNftables(kernel, family), { isUsable: true });
      assert.equal(await kernel.table({ ...layoutOf(family).table, name: 'portico-probe' }), undefined);
    });
  }

  it('makes by netlink the table nft makes from the golden text', { skip }, async () => {
    const mode = open('IPv4');
    await mode.sync(proxyState('IPv4', everyFrontend('IPv4')));
    const byNetlink = list('table', 'ip', 'portico');
    await mode.cleanup();
    const input = readFileSync(join(import.meta.dirname, 'golden', 'every-frontend.ipv4.nft'));
    const { status, stderr } = spawnSync('nft', ['-f', '-'], { input, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.deepEqual(asBlocks(list('table', 'ip', 'portico')), asBlocks(byNetlink));
    assert.ok(asBlocks(byNetlink).length > 40);
    await mode.cleanup();
  });

  it('lists the IPv6 table too', { skip }, async () => {
    const mode = open('IPv6');
    await mode.sync(proxyState('IPv6', everyFrontend('IPv6')));
    assert.match(list('table', 'ip6', 'portico'), /fd00:10:96::1 \. tcp \. 80 \. 1 : fd00:10:244::2 \. 9376/);
    await mode.cleanup();
  });

  for (const family of ['IPv4', 'IPv6'] as const) {
    it(`finds a table of every kind of frontend as it was left, and writes nothing (${family})`, async () => {
      const node = { podLinks: { prefix: 'veth' }, hasLocalhostNodePorts: true };
      const state = proxyState(family, everyFrontend(family), node);
      await open(family).sync(state);
      const before = await kernel.generation();
      const next = open(family);
      await next.sync(state);
      assert.equal(await kernel.generation(), before);
      await next.sync(proxyState(family, everyFrontend(family)));
      assert.ok((await kernel.generation()) > before, 'Pods told by their address need other rules');
      await next.cleanup();
    });
  }

  it('takes a Service of 5 000 endpoints with weights and affinity, and lets go of them', async () => {
    const everywhere = Array.from({ length: 5000 }, (_, i) => ({
      ip: `10.244.${i >> 8}.${i & 255}`,
      port: 9376,
      isLocal: false,
      ...(i === 0 ? { weight: 3 } : {}),
    }));
    const port = (n: number): ServicePort =>
      servicePort('wide', [clusterIp(['10.96.1.1', 80], everywhere.slice(0, n))], { affinitySeconds: 60 });
    const mode = open('IPv4');
    await mode.sync(proxyState('IPv4', [port(5000)]));
    const set = demandSet('ip', { kind: 'endpoints', n: 5002 });
    assert.equal((await kernel.elements(table, set)).length, 5002);
    await mode.sync(proxyState('IPv4', [port(4999)]), new Set(['default/wide:/TCP']));
    const shape = await kernel.table(table);
    assert.deepEqual([shape?.sets.has('endpoints-5002'), shape?.sets.has('endpoints-5001')], [false, true]);
    await mode.cleanup();
  });

  it('goes on where a process was killed in the middle of a load, and leaves others’ tables alone', async () => {
    const theirs = { family: 'ip', name: 'theirs' } as const;
    await kernel.apply({
      table: theirs,
      commands: [
        { op: 'add-table', comment: 'not ours' },
        { op: 'add-set', set: sets.clusterIps },
        { op: 'add-elements', set: sets.clusterIps, elements: [{ key: ['10.9.9.9'] }] },
      ],
    });
    const before = await kernel.table(theirs);
    let nLeft = 1;
    const dying: NftKernel = {
      ...kernel,
      apply: async (transaction) => {
        if (nLeft-- === 0) throw new Error('killed');
        return kernel.apply(transaction);
      },
    };
    const ports = many(2000);
    await assert.rejects(open('IPv4', dying).sync(proxyState('IPv4', ports)), /killed/);
    const nHalf = (await contents()).length;
    assert.ok(nHalf > 0 && nHalf < 4000);
    const mode = open('IPv4');
    await mode.sync(proxyState('IPv4', ports));
    const resumed = await contents();
    await mode.cleanup();
    await open('IPv4').sync(proxyState('IPv4', ports));
    assert.deepEqual(resumed, await contents());
    assert.equal(resumed.length, 4000);
    await mode.cleanup();
    assert.deepEqual(await kernel.table(theirs), before);
    assert.deepEqual(await kernel.elements(theirs, sets.clusterIps), [{ key: ['10.9.9.9'] }]);
  });

  it('replaces a foreign table larger than the socket takes at once', async () => {
    await kernel.apply({ table, commands: [{ op: 'add-table', comment: 'somebody’s' }] });
    const mode = open('IPv4');
    await mode.sync(proxyState('IPv4', many(5000)));
    assert.equal((await contents()).length, 10_000);
    await mode.sync(proxyState('IPv4', []));
    assert.equal((await kernel.table(table))?.sets.has('endpoints-2'), false);
    await mode.cleanup();
    assert.equal(await kernel.table(table), undefined);
  });

  for (const when of ['from the start', 'later']) {
    it(`leaves out the one Service port it does not take, and serves all others (${when})`, async () => {
      const range = (name: string, port: number, endPort: number): ServicePort =>
        servicePort(name, [
          {
            ...clusterIp(['10.98.0.1', port], endpoints('IPv4', 1)),
            frontend: { kind: 'clusterIP', ip: '10.98.0.1', port, endPort },
          },
        ]);
      // Two ranges of one address that overlap: the model never decides so, and the kernel takes no such map.
      const [first, culprit] = [range('first', 8000, 8999), range('culprit', 8500, 9000)];
      const ports = [...many(1200), first];
      const refused: string[] = [];
      const mode = open('IPv4', kernel, refused);
      if (when === 'later') await mode.sync(proxyState('IPv4', ports));
      const [all, more] = [[...ports, culprit], servicePort('late', many(1201).at(-1)?.frontends ?? [])];
      await mode.sync(proxyState('IPv4', all), when === 'later' ? new Set([culprit.id]) : undefined);
      assert.deepEqual(refused, [culprit.id]);
      assert.equal((await contents()).length, 2400);
      await mode.sync(proxyState('IPv4', [...all, more]), new Set([more.id]));
      assert.equal((await contents()).length, 2402);
      assert.deepEqual(refused, [culprit.id]);
      await mode.sync(proxyState('IPv4', [...ports.slice(0, -1), culprit]));
      assert.deepEqual(refused, [culprit.id]);
      assert.deepEqual(
        (await kernel.elements(table, sets.rangeIps)).map(({ key }) => elementKey(key)),
        ['10.98.0.1 . tcp . 8500-9000'],
      );
      await mode.cleanup();
    });
  }
});
