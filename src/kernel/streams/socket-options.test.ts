import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { AF_INET } from '../libc/sockets.ts';
import { calls } from './calls.ts';
import { congestionControlOf, setUnpaced, unpaced } from './socket-options.ts';

describe('a connection that stays on the machine', () => {
  const table: Readonly<Record<string, [control: string, expected: string | undefined]>> = {
    'is not paced by bbr': ['bbr', 'reno'],
    'is not paced by a later bbr': ['bbr3', 'reno'],
    'keeps what does not pace': ['cubic', undefined],
    'keeps what an administrator chose and does not pace': ['dctcp', undefined],
  };
  for (const [what, [control, expected]] of Object.entries(table)) {
    it(what, () => assert.equal(unpaced(control), expected));
  }

  it('takes its congestion control from the kernel', () => {
    const ofMachine = readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
    const fd = calls.socket(AF_INET);
    try {
      assert.equal(congestionControlOf(fd), ofMachine);
      setUnpaced(fd);
      assert.equal(congestionControlOf(fd), unpaced(ofMachine) ?? ofMachine);
    } finally {
      calls.close(fd);
    }
  });
});
