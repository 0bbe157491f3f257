import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { callUntil, fetchText, parseClientArguments } from './client.ts';

describe('portico/client arguments', () => {
  it('has defaults', () => {
    assert.deepEqual(parseClientArguments(['http://a/']), {
      until: 1,
      attempts: 200,
      timeoutMs: 5000,
      urls: ['http://a/'],
    });
  });
  it('takes numbers in both spellings', () => {
    const options = parseClientArguments([
      '--until',
      '3',
      '--attempts=9',
      '--timeout-ms',
      '10',
      'http://a/',
      'http://b/',
    ]);
    assert.deepEqual(options, { until: 3, attempts: 9, timeoutMs: 10, urls: ['http://a/', 'http://b/'] });
  });
  for (const args of [[], ['--until', '0', 'http://a/'], ['--until'], ['--what', '1', 'http://a/']]) {
    it(`refuses ${JSON.stringify(args)}`, () => assert.throws(() => parseClientArguments(args), /usage: /));
  }
});

describe('portico/client calls', () => {
  let server: Server;
  let base = '';
  let calls = 0;
  before(async () => {
    server = createServer((request, response) => {
      calls++;
      if (request.url === '/broken') return void response.writeHead(503).end('out');
      if (request.url === '/silent') return;
      response.end(`pod-${calls % 3}\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  });
  after(() => void server.close());

  const options = { until: 3, attempts: 10, timeoutMs: 200, urls: [] };

  it('stops when so many different answers were seen', async () => {
    const lines: string[] = [];
    assert.equal(await callUntil(`${base}/`, options, (line) => lines.push(line)), true);
    assert.equal(lines.length, 3);
    assert.equal(new Set(lines).size, 3);
  });
  it('gives up after its attempts and says how far it came', async () => {
    const lines: string[] = [];
    assert.equal(
      await callUntil(`${base}/`, { ...options, until: 4, attempts: 5 }, (line) => lines.push(line)),
      false,
    );
    assert.match(lines.at(-1) ?? '', /3 of 4 answers after 5 calls/);
  });
  it('takes an error status for a failure', async () => {
    await assert.rejects(fetchText(`${base}/broken`, 500), /status 503: out/);
    const lines: string[] = [];
    assert.equal(
      await callUntil(`${base}/broken`, { ...options, attempts: 2 }, (line) => lines.push(line)),
      false,
    );
    assert.match(lines[0] ?? '', /failed: status 503/);
  });
  it('does not wait for ever', async () => {
    await assert.rejects(fetchText(`${base}/silent`, 50), /no answer within 50 ms/);
  });
});
