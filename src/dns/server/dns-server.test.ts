import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { silentLogger } from '../../base/logger.ts';
import type { DnsPlugin } from '../plugins/plugin.ts';
import { decodeMessage } from '../wire/decode.ts';
import { encodeMessage } from '../wire/encode.ts';
import { rcode } from '../wire/model.ts';
import type { Message } from '../wire/model.ts';
import { oracle } from '../wire/oracle.ts';
import { createDnsServer } from './dns-server.ts';
import { HOST, ask, askTcp, askUdp, queryBytes, startServer, summary, testPlugins } from './fixtures.ts';
import type { TestServer } from './fixtures.ts';

const MY_SERVICE = 'my-service.my-ns.svc.cluster.local';

describe('over UDP and TCP', () => {
  let server: TestServer;
  before(async () => (server = await startServer(testPlugins())));
  after(() => server.stop());

  const table: Record<string, string> = {
    [`A ${MY_SERVICE}`]: 'NOERROR 10.96.0.20',
    [`AAAA ${MY_SERVICE}`]: 'NOERROR',
    'A nope.my-ns.svc.cluster.local': 'NXDOMAIN',
    'A hl.my-ns.svc.cluster.local': 'NOERROR 10.244.0.2 10.244.1.3 10.244.2.4',
    [`SRV _http._tcp.${MY_SERVICE}`]: `NOERROR {"priority":0,"weight":100,"port":80,"target":"${MY_SERVICE}"}`,
    'PTR 20.0.96.10.in-addr.arpa': `NOERROR ${MY_SERVICE}`,
    'CNAME my-service.prod.svc.cluster.local': 'NOERROR my.database.example.com',
    'A example.com': 'SERVFAIL',
    'A my-service.prod.svc.cluster.local': 'NOERROR my.database.example.com',
  };
  for (const [question, answer] of Object.entries(table)) {
    it(`${question}: ${answer}`, async () => {
      assert.equal(await ask(server.port, question), answer);
      assert.deepEqual((await askTcp(server.port, [queryBytes(question)])).map(summary), [answer]);
    });
  }

  it('the answer is the query’s: id, question in its case, RD; it is authoritative and does not offer recursion', async () => {
    const name = 'My-Service.MY-ns.svc.cluster.LOCAL';
    const answer = oracle.decode(
      (await askUdp(server.port, queryBytes(`A ${name}`, { id: 4711 }))) ?? Buffer.alloc(0),
    );
    assert.deepEqual(
      [answer.id, answer.type, answer.flag_aa, answer.flag_ra, answer.flag_rd, answer.questions?.[0]?.name],
      [4711, 'response', true, false, true, name],
    );
    assert.equal(answer.answers?.[0]?.name, name);
    assert.deepEqual(answer.additionals, []);
  });

  it('EDNS comes back only to those who speak it, with their size and DO', async () => {
    const wire = await askUdp(
      server.port,
      queryBytes(`A ${MY_SERVICE}`, { udpSize: 1232, isDnssecOk: true }),
    );
    assert.deepEqual(decodeMessage(wire ?? Buffer.alloc(0)).edns, {
      udpSize: 1232,
      version: 0,
      isDnssecOk: true,
      options: [],
    });
  });

  it('200 queries in one piece of TCP are all answered', async () => {
    const queries = Array.from({ length: 200 }, (_, id) => queryBytes(`A ${MY_SERVICE}`, { id }));
    const answers = await askTcp(server.port, queries);
    assert.deepEqual(
      answers.map((bytes) => bytes.readUInt16BE(0)),
      queries.map((_, id) => id),
    );
  });

  const good = queryBytes(`A ${MY_SERVICE}`);
  const patched = (patch: (bytes: Buffer) => void, from = good): Buffer => {
    const bytes = Buffer.from(from);
    patch(bytes);
    return bytes;
  };
  const message = decodeMessage(good);
  const withMessage = (change: Partial<Message>): Buffer => encodeMessage({ ...message, ...change });
  const question = message.questions[0] ?? { name: '.', type: 1, class: 1 };
  const edns = { udpSize: 1232, version: 1, isDnssecOk: false, options: [] };
  const bad: Record<string, { bytes: Buffer; code: number | 'nothing' }> = {
    'less than a header': { bytes: Buffer.from([1, 2, 3]), code: 'nothing' },
    'a response': { bytes: patched((b) => (b[2] = 0x80)), code: 'nothing' },
    'opcode STATUS': { bytes: patched((b) => (b[2] = 0x10)), code: rcode.NOTIMP },
    'opcode NOTIFY': { bytes: patched((b) => (b[2] = 0x20)), code: rcode.REFUSED },
    'no question': { bytes: withMessage({ questions: [] }), code: rcode.FORMERR },
    'two questions': { bytes: withMessage({ questions: [question, question] }), code: rcode.FORMERR },
    'two answers': { bytes: patched((b) => (b[7] = 2)), code: rcode.FORMERR },
    'three additional records': { bytes: patched((b) => (b[11] = 3)), code: rcode.FORMERR },
    'a question cut off': { bytes: good.subarray(0, 20), code: rcode.FORMERR },
    'a pointer loop': {
      bytes: Buffer.concat([good.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
      code: rcode.FORMERR,
    },
    'class CHAOS': { bytes: withMessage({ questions: [{ ...question, class: 3 }] }), code: rcode.REFUSED },
    AXFR: { bytes: withMessage({ questions: [{ ...question, type: 252 }] }), code: rcode.REFUSED },
    'EDNS version 1': { bytes: withMessage({ edns }), code: rcode.BADVERS },
  };
  for (const [what, { bytes, code }] of Object.entries(bad)) {
    it(`${what} gets ${code === 'nothing' ? code : Object.entries(rcode).find(([, n]) => n === code)?.[0]}`, async () => {
      const answer = await askUdp(server.port, bytes, code === 'nothing' ? 150 : 30_000);
      if (code === 'nothing') assert.equal(answer, undefined);
      else {
        const told = decodeMessage(answer ?? Buffer.alloc(0));
        assert.deepEqual([told.id, told.isResponse, told.rcode], [message.id, true, code]);
      }
    });
  }

  it('garbage on either transport does not disturb it', async () => {
    for (let i = 0; i < 50; i++) {
      const bytes = Buffer.from(Array.from({ length: i * 7 }, (_, j) => (i * 31 + j * 17) % 256));
      await askUdp(server.port, bytes, 1);
    }
    const socket = connect(server.port, HOST);
    socket.on('error', () => undefined);
    socket.end(Buffer.alloc(5000, 0xff));
    await once(socket, 'close');
    assert.equal(await ask(server.port, `A ${MY_SERVICE}`), 'NOERROR 10.96.0.20');
  });
});

describe('long answers', () => {
  const addresses = Array.from({ length: 200 }, (_, i) => `10.244.7.${i}`);
  const many: DnsPlugin = {
    name: 'many',
    handle: ({ question: { name } }) => ({
      kind: 'message',
      message: { rcode: 0, answers: addresses.map((address) => ({ name, ttl: 5, type: 'A', address })) },
    }),
  };
  const cases: Record<string, { udpSize?: number; nAnswers: number; isTruncated: boolean }> = {
    'are cut at 512 bytes without EDNS': { nAnswers: 29, isTruncated: true },
    'are cut at the client’s size': { udpSize: 1232, nAnswers: 73, isTruncated: true },
    'are whole where they fit': { udpSize: 4096, nAnswers: 200, isTruncated: false },
    'take no heed of sizes below 512': { udpSize: 100, nAnswers: 28, isTruncated: true },
  };
  for (const [what, { udpSize, nAnswers, isTruncated }] of Object.entries(cases)) {
    it(what, async (t) => {
      const server = await startServer([many]);
      t.after(() => server.stop());
      const options = udpSize === undefined ? {} : { udpSize };
      const bytes = await askUdp(server.port, queryBytes('A hl.testns.svc.cluster.local', options));
      const told = decodeMessage(bytes ?? Buffer.alloc(0));
      assert.deepEqual([told.answers.length, told.isTruncated], [nAnswers, isTruncated]);
      const [whole] = await askTcp(server.port, [queryBytes('A hl.testns.svc.cluster.local', options)]);
      assert.equal(decodeMessage(whole ?? Buffer.alloc(0)).answers.length, 200);
    });
  }
});

describe('the server', () => {
  it('refuses what no plugin answers', async (t) => {
    const server = await startServer([]);
    t.after(() => server.stop());
    assert.equal(await ask(server.port, 'A example.com'), 'REFUSED');
  });

  it('says SERVFAIL when a plugin fails, at once or later', async (t) => {
    const fails: DnsPlugin = {
      name: 'fails',
      handle: ({ question: { name } }) => {
        if (name.startsWith('later.')) return Promise.reject(new Error('later'));
        throw new Error('at once');
      },
    };
    const server = await startServer([fails]);
    t.after(() => server.stop());
    assert.equal(await ask(server.port, 'A later.example'), 'SERVFAIL');
    assert.equal(await ask(server.port, 'A now.example'), 'SERVFAIL');
  });

  it('says SERVFAIL for what it does not know yet, and what it knows already', async (t) => {
    const server = await startServer(testPlugins({ isSynced: false }));
    t.after(() => server.stop());
    assert.equal(await ask(server.port, 'A nope.my-ns.svc.cluster.local'), 'SERVFAIL');
    assert.equal(await ask(server.port, 'PTR 9.9.96.10.in-addr.arpa'), 'SERVFAIL');
    assert.equal(await ask(server.port, `A ${MY_SERVICE}`), 'NOERROR 10.96.0.20');
  });

  it('closes a TCP connection that is silent', async (t) => {
    const server = await startServer(testPlugins(), 100);
    t.after(() => server.stop());
    const startMs = Date.now();
    const socket = connect(server.port, HOST);
    await once(socket, 'connect');
    socket.resume();
    await once(socket, 'close');
    assert.ok(Date.now() - startMs >= 90);
  });

  it('answers slow questions of a connection out of their order', async (t) => {
    const slow: DnsPlugin = {
      name: 'slow',
      handle: ({ question: { name } }, next) =>
        name.startsWith('slow.')
          ? new Promise((resolve) => setTimeout(resolve, 50, { kind: 'message', message: { rcode: 0 } }))
          : next({} as never),
    };
    const server = await startServer([
      slow,
      { name: 'quick', handle: () => ({ kind: 'message', message: { rcode: 0 } }) },
    ]);
    t.after(() => server.stop());
    const queries = ['A slow.x', 'A quick.x'].map((text, id) => queryBytes(text, { id }));
    const answers = await askTcp(server.port, queries);
    assert.deepEqual(
      answers.map((bytes) => bytes.readUInt16BE(0)),
      [1, 0],
    );
  });

  it('reports an address it cannot have, and frees what it has at the end', async () => {
    const blocker = createServer();
    blocker.listen(0, HOST);
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    const make = (): ReturnType<typeof createDnsServer> =>
      createDnsServer({ listen: [{ host: HOST, port }], plugins: [], logger: silentLogger });
    const refused = make();
    await assert.rejects(refused.run(AbortSignal.timeout(5000)), { code: 'EADDRINUSE' });
    await assert.rejects(refused.listening, { code: 'EADDRINUSE' });
    blocker.close();
    await once(blocker, 'close');
    for (let i = 0; i < 2; i++) {
      const server = make();
      const stop = new AbortController();
      const running = server.run(stop.signal);
      assert.deepEqual(await server.listening, [port]);
      stop.abort();
      await running;
    }
  });

  it('serves sockets that another process bound and handed over', async (t) => {
    const udp = createSocket('udp4');
    udp.bind(0, HOST);
    await once(udp, 'listening');
    const { port } = udp.address();
    const tcp = createServer();
    tcp.listen(port, HOST);
    await once(tcp, 'listening');
    const program = `
      import { createDnsServer } from ${JSON.stringify(import.meta.resolve('./dns-server.ts'))};
      const quick = { name: 'quick', handle: () => ({ kind: 'message', message: { rcode: 5 } }) };
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      const server = createDnsServer({ listen: [{ udpFd: 3, tcpFd: 4 }], plugins: [quick], logger });
      server.listening.then(([port]) => console.log(port));
      await server.run(new AbortController().signal);`;
    const stdio = ['ignore', 'pipe', 'inherit', fdOf(udp), fdOf(tcp)] as const;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: [...stdio] });
    t.after(() => child.kill('SIGKILL'));
    const [told] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    assert.equal(Number(told), port);
    // From here on only the child reads them.
    udp.close();
    tcp.close();
    assert.equal(await ask(port, 'A example.com'), 'REFUSED');
    assert.deepEqual((await askTcp(port, [queryBytes('A example.com')])).map(summary), ['REFUSED']);
  });
});

/** The descriptor of a bound socket; Node has no public name for it. */
function fdOf(socket: object): number {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } };
  return handle?.fd ?? -1;
}
