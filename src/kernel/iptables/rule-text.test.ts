import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Rule } from './model.ts';
import { parseRule, parseSave, wordsOf } from './parse.ts';
import { renderRule } from './render.ts';

/** Rules as iptables-save 1.8.9 prints them; they must come back letter by letter. */
const asSaved: Record<string, string> = {
  'addresses, devices and protocol': '! -s 10.0.0.0/8 -d 10.96.0.1/32 -i veth+ ! -o eth0 -p tcp -j ACCEPT',
  'a comment and a port': '-p tcp -m comment --comment "a/b:c cluster IP" -m tcp --dport 443 -j KUBE-SVC-A',
  'a comment with quotes and backslashes': String.raw`-m comment --comment "say \"hi\" \\ it\'s" -j RETURN`,
  'a comment of one word': '-m comment --comment word -j RETURN',
  'a range of ports, several ports': '-p udp -m multiport --dports 53,80:90 -m udp --dport 1:65535 -j DROP',
  'kinds of addresses': '-m addrtype --src-type LOCAL -m addrtype ! --dst-type LOCAL -j RETURN',
  'states of connections': '-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
  'a draw': '-m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-A',
  'a list of clients':
    '-m recent --rcheck --seconds 10800 --reap --name A --mask 255.255.255.255 --rsource -j A',
  marks: '-m mark ! --mark 0x4000/0x4000 -j MARK --set-xmark 0x4000/0x0',
  sets: '-m set ! --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT',
  'icmp, and a reset': '-p icmp -m icmp --icmp-type 8 -j REJECT --reject-with tcp-reset',
  'translation with a port': '-p tcp -m tcp -j DNAT --to-destination 10.244.0.1:80',
  'translation to IPv6': '-p tcp -m tcp -j DNAT --to-destination [fd00::1]:80',
  'translation of the address alone': '-j DNAT --to-destination fd00::1',
  masquerading: '-j MASQUERADE --random-fully',
  'a goto': '-g ELSEWHERE',
  'what nobody here knows': '-m time --timestart 08:00:00 -m tcp --sport 5 -j LOG --log-prefix x',
  'a rule that only counts': '-m comment --comment "nothing more"',
};

describe('the text of a rule', () => {
  for (const [name, text] of Object.entries(asSaved)) {
    it(`comes back as it was: ${name}`, () => {
      assert.equal(renderRule(parseRule(text), 'IPv4'), text);
    });
  }

  it('is understood in people’s spelling too', () => {
    const rule: Rule = {
      protocol: { value: 'tcp' },
      matches: [{ kind: 'ports', protocol: 'tcp', dport: { first: 80, last: 80 } }],
      target: { kind: 'mark', value: 0x4000, mask: 0x4000 },
    };
    assert.deepEqual(parseRule('-m tcp -p tcp --dport 80 -j MARK --or-mark 0x4000'), rule);
  });

  it('has words, quoted ones too', () => {
    assert.deepEqual(wordsOf(String.raw`-m x "a \"b\" c" d`), ['-m', 'x', 'a "b" c', 'd']);
  });
});

it('reads what iptables-save prints', () => {
  const text = `# Generated\n*nat\n:PREROUTING ACCEPT [1:2]\n:MINE - [0:0]\n-A PREROUTING -j MINE\n-A MINE -j RETURN\nCOMMIT\n*filter\n:INPUT DROP [0:0]\nCOMMIT\n`;
  assert.deepEqual(
    parseSave(text),
    new Map([
      [
        'nat',
        new Map([
          ['PREROUTING', { policy: 'ACCEPT', rules: ['-j MINE'] }],
          ['MINE', { rules: ['-j RETURN'] }],
        ]),
      ],
      ['filter', new Map([['INPUT', { policy: 'DROP', rules: [] }]])],
    ]),
  );
});
