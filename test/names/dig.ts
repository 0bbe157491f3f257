import assert from 'node:assert/strict';
import { runProgram, type TestCluster } from '../../src/testing/test-cluster.ts';

/** One line of a section of dig's output. */
export interface DigRecord {
  readonly name: string;
  readonly ttl: number;
  readonly type: string;
  readonly data: string;
}

export interface DigAnswer {
  /** NOERROR, NXDOMAIN … */
  readonly status: string;
  /** Such as qr aa rd tc. */
  readonly flags: readonly string[];
  readonly question: string;
  readonly answer: readonly DigRecord[];
  readonly authority: readonly DigRecord[];
  readonly additional: readonly DigRecord[];
  readonly text: string;
}

/** Asks the cluster's DNS server on the host's loopback. `query` is what follows the server: a name, a type, +flags. */
export async function dig(cluster: TestCluster, query: string): Promise<DigAnswer> {
  const words = query.split(' ');
  const server = ['@127.0.0.1', '-p', String(cluster.dnsPort)];
  const { code, stdout } = await runProgram(['dig', ...server, '+tries=1', '+time=10', ...words]);
  assert.equal(code, 0, `dig ${query}\n${stdout}`);
  return {
    status: /status: ([A-Z]+)/.exec(stdout)?.[1] ?? '',
    flags: (/;; flags: ([a-z ]*);/.exec(stdout)?.[1] ?? '').split(' '),
    question: /;; QUESTION SECTION:\n;(\S+)/.exec(stdout)?.[1] ?? '',
    answer: section(stdout, 'ANSWER'),
    authority: section(stdout, 'AUTHORITY'),
    additional: section(stdout, 'ADDITIONAL'),
    text: stdout,
  };
}

function section(text: string, title: string): DigRecord[] {
  const [, body = ''] = text.split(`;; ${title} SECTION:\n`);
  const [lines = ''] = body.split(/\n(?:\n|;)/);
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', ttl = '', , type = '', ...data] = line.split(/\s+/);
      return { name, ttl: Number(ttl), type, data: data.join(' ') };
    });
}

/** `TYPE data`, sorted. */
export const said = (records: readonly DigRecord[]): readonly string[] =>
  records.map(({ type, data }) => `${type} ${data}`).sort();
