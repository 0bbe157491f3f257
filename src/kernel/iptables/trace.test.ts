import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRuleset, parseSave } from './parse.ts';
import { trace } from './trace.ts';
import type { Packet, TraceOptions, TraceResult } from './trace.ts';

const client: Packet = { saddr: '10.0.0.9', daddr: '10.96.0.1', protocol: 'tcp', dport: 80, in: 'eth0' };
const options: TraceOptions = { family: 'IPv4', isLocalAddress: (ip) => ip === '10.0.0.1' };

function walk(text: string, packet: Partial<Packet> = {}, more: Partial<TraceOptions> = {}): TraceResult[] {
  return trace(parseRuleset(parseSave(text)), { ...client, ...packet }, { ...options, ...more });
}

const nat = (...lines: string[]): string =>
  [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ':A - [0:0]',
    ':B - [0:0]',
    ...lines,
    'COMMIT',
    '',
  ].join('\n');
const filter = (...lines: string[]): string =>
  [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ...lines,
    'COMMIT',
    '',
  ].join('\n');

const words = (results: readonly TraceResult[]): string[] =>
  results.map(
    ({ verdict, dnat, isMasqueraded, probability }) =>
      `${verdict} ${dnat === undefined ? '-' : `${dnat.ip}:${dnat.port}`}${isMasqueraded ? ' masqueraded' : ''} ${probability.toFixed(2)}`,
  );

describe('a packet', () => {
  it('meets every outcome of the draws, with its share', () => {
    const rules = nat(
      '-A PREROUTING -j A',
      '-A A -m statistic --mode random --probability 0.25 -j DNAT --to-destination 10.0.1.1:8080',
      '-A A -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.0.1.2',
      '-A A -j RETURN',
    );
    assert.deepEqual(words(walk(rules)), [
      'accept 10.0.1.1:8080 0.25',
      'accept 10.0.1.2:80 0.38',
      'accept - 0.38',
    ]);
  });

  it('comes back from a chain, but not from a goto', () => {
    const rest = ['-A A -j RETURN', '-A PREROUTING -j DNAT --to-destination 10.0.1.1'];
    assert.deepEqual(words(walk(nat('-A PREROUTING -j A', ...rest))), ['accept 10.0.1.1:80 1.00']);
    assert.deepEqual(words(walk(nat('-A PREROUTING -g A', ...rest))), ['accept - 1.00']);
  });

  it('carries its mark from hook to hook', () => {
    const rules = nat(
      '-A PREROUTING -j MARK --set-xmark 0x4000/0x4000',
      '-A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
      '-A POSTROUTING -j MASQUERADE --random-fully',
    );
    assert.deepEqual(words(walk(rules)), ['accept - masqueraded 1.00']);
  });

  it('passes FORWARD, INPUT or OUTPUT, after its translation', () => {
    const rules =
      nat(
        '-A PREROUTING -j DNAT --to-destination 10.0.1.1:1',
        '-A OUTPUT -j DNAT --to-destination 10.0.1.1:1',
      ) +
      filter(
        '-A FORWARD -d 10.0.1.1/32 -m conntrack --ctstate NEW,DNAT -j DROP',
        '-A INPUT -j REJECT --reject-with tcp-reset',
        '-A OUTPUT -d 10.0.1.1/32 -p tcp -m tcp --dport 1 -j REJECT --reject-with icmp-port-unreachable',
      );
    assert.deepEqual(words(walk(rules)), ['drop 10.0.1.1:1 1.00']);
    const [out] = trace(
      parseRuleset(parseSave(rules)),
      { saddr: '10.0.0.1', daddr: '10.96.0.1', protocol: 'tcp', dport: 80 },
      options,
    );
    assert.equal(out?.rejectWith, 'icmp-port-unreachable');
    assert.deepEqual(words(walk(filter('-A INPUT -j DROP'), { daddr: '10.0.0.1' })), ['drop - 1.00']);
  });

  it('is noted in lists of clients, and found there', () => {
    const rules = nat(
      '-A PREROUTING -m recent --rcheck --seconds 10 --name L --mask 255.255.255.255 --rsource -j A',
      '-A PREROUTING -m recent --set --name L --mask 255.255.255.255 --rsource -j DNAT --to-destination 10.0.1.2',
      '-A A -j DNAT --to-destination 10.0.1.1',
    );
    const [fresh] = walk(rules);
    assert.deepEqual([fresh?.dnat?.ip, fresh?.noted], ['10.0.1.2', ['L']]);
    const isRecent = (list: string, ip: string): boolean => list === 'L' && ip === client.saddr;
    assert.equal(walk(rules, {}, { isRecent })[0]?.dnat?.ip, '10.0.1.1');
  });

  it('is asked for its device, its kind of address, and sets it is in', () => {
    const rules = nat(
      '-A PREROUTING ! -i eth+ -j DNAT --to-destination 10.0.1.1',
      '-A PREROUTING -m set --match-set S dst -j DNAT --to-destination 10.0.1.2',
      '-A PREROUTING -m addrtype ! --src-type LOCAL -j DNAT --to-destination 10.0.1.3',
    );
    assert.equal(walk(rules)[0]?.dnat?.ip, '10.0.1.3');
    assert.equal(walk(rules, { in: 'veth1' })[0]?.dnat?.ip, '10.0.1.1');
    assert.equal(walk(rules, {}, { isInSet: (name) => name === 'S' })[0]?.dnat?.ip, '10.0.1.2');
  });

  it('never passes what the tracer does not know', () => {
    assert.throws(() => walk(nat('-A PREROUTING -m time --timestart 08:00 -j A')), /does not know/);
  });
});
