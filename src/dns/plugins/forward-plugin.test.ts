import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { messageOf } from '../../base/thrown.ts';
import {
  HOST,
  ask,
  askTcp,
  askUdp,
  queryBytes,
  startServer,
  summary,
  testPlugins,
  upstreamAnswer,
} from '../server/fixtures.ts';
import { decodeMessage } from '../wire/decode.ts';
import { oracle } from '../wire/oracle.ts';
import { createTcpFrames, tcpFrame } from '../wire/tcp-frames.ts';
import type { Exchange } from './forward-plugin.ts';
import { createUpstreamExchange } from './upstream-exchange.ts';

const EXTERNAL = 'A my-service.prod.svc.cluster.local';

async function serve(t: TestContext, exchange: Exchange | undefined): Promise<number> {
  const server = await startServer(testPlugins(exchange === undefined ? {} : { exchange }));
  t.after(() => server.stop());
  return server.port;
}

describe('names that are not the cluster’s', () => {
  it('are asked elsewhere; the answer comes back under the client’s id, and is not ours', async (t) => {
    const port = await serve(t, (query) => Promise.resolve(upstreamAnswer(query, ['192.0.2.1'], { id: 1 })));
    const bytes = await askUdp(port, queryBytes('A example.com', { id: 999 }));
    assert.equal(summary(bytes), 'NOERROR 192.0.2.1');
    const told = oracle.decode(bytes ?? Buffer.alloc(0));
    assert.deepEqual([told.id, told.flag_aa, told.flag_ra], [999, false, true]);
  });

  it('are never those of the cluster', async (t) => {
    const asked: string[] = [];
    const port = await serve(t, (query) => {
      asked.push(decodeMessage(Buffer.from(query)).questions[0]?.name ?? '');
      return Promise.resolve(upstreamAnswer(query, []));
    });
    for (const name of ['nope.my-ns.svc.cluster.local', 'x.cluster.local', 'a.b.c.d.e.cluster.local']) {
      assert.equal(await ask(port, `A ${name}`), 'NXDOMAIN');
    }
    await ask(port, 'PTR 1.2.0.192.in-addr.arpa');
    assert.deepEqual(asked, ['1.2.0.192.in-addr.arpa.']);
  });

  it('are SERVFAIL without upstreams, when they fail, and when they answer nonsense', async (t) => {
    const cases: (Exchange | undefined)[] = [
      undefined,
      () => Promise.reject(new Error('unreachable')),
      () => Promise.resolve(Buffer.from('x')),
      (query) => Promise.resolve(query),
    ];
    for (const exchange of cases)
      assert.equal(await ask(await serve(t, exchange), 'A example.com'), 'SERVFAIL');
  });

  it('with answers too long for the client come back empty with TC; over TCP they are whole', async (t) => {
    const many = Array.from({ length: 60 }, (_, i) => `192.0.2.${i}`);
    const port = await serve(t, (query) => Promise.resolve(upstreamAnswer(query, many)));
    const short = decodeMessage((await askUdp(port, queryBytes('A example.com'))) ?? Buffer.alloc(0));
    assert.deepEqual(
      [short.isTruncated, short.answers.length, short.questions[0]?.name],
      [true, 0, 'example.com.'],
    );
    const [whole] = await askTcp(port, [queryBytes('A example.com')]);
    assert.equal(decodeMessage(whole ?? Buffer.alloc(0)).answers.length, 60);
  });

  it('beyond the limit are refused, and the rest still answered', async (t) => {
    const release = Promise.withResolvers<void>();
    let nRunning = 0;
    const exchange: Exchange = async (query) => {
      nRunning++;
      await release.promise;
      return upstreamAnswer(query, ['192.0.2.1']);
    };
    const port = await serve(t, exchange);
    const queries = Array.from({ length: 11 }, () =>
      Array.from({ length: 95 }, (_, id) => queryBytes('A x.example', { id })),
    );
    const answers = queries.map((list) => askTcp(port, list));
    while (nRunning < 1000) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    release.resolve();
    const all = (await Promise.all(answers)).flat().map(summary);
    assert.equal(all.filter((text) => text === 'REFUSED').length, 45);
    assert.equal(all.filter((text) => text === 'NOERROR 192.0.2.1').length, 1000);
  });
});

describe('the end of an ExternalName', () => {
  it('is asked for and stands behind the CNAME', async (t) => {
    const asked: string[] = [];
    const port = await serve(t, (query) => {
      asked.push(oracle.decode(Buffer.from(query)).questions?.[0]?.name ?? '');
      return Promise.resolve(upstreamAnswer(query, ['192.0.2.5', '192.0.2.6']));
    });
    assert.equal(await ask(port, EXTERNAL), 'NOERROR my.database.example.com 192.0.2.5 192.0.2.6');
    assert.deepEqual(asked, ['my.database.example.com']);
  });

  const bare = 'NOERROR my.database.example.com';
  const cases: Record<string, Exchange> = {
    'upstream cannot be reached': () => Promise.reject(new Error('unreachable')),
    'upstream says SERVFAIL': (query) => Promise.resolve(upstreamAnswer(query, [], { flags: 0x82 })),
    'upstream says there is no such name': (query) =>
      Promise.resolve(upstreamAnswer(query, [], { flags: 0x83 })),
  };
  for (const [what, exchange] of Object.entries(cases)) {
    it(`is left out when ${what}`, async (t) =>
      assert.equal(await ask(await serve(t, exchange), EXTERNAL), bare));
  }

  it('keeps the truncation upstream reports', async (t) => {
    const port = await serve(t, (query) =>
      Promise.resolve(upstreamAnswer(query, ['192.0.2.5'], { flags: 0x280 })),
    );
    assert.equal(
      decodeMessage((await askUdp(port, queryBytes(EXTERNAL))) ?? Buffer.alloc(0)).isTruncated,
      true,
    );
  });
});

describe('asking other name servers', () => {
  interface Fake {
    readonly port: number;
    readonly udp: Buffer[];
    readonly tcp: Buffer[];
  }
  type Behave = (query: Buffer, transport: 'udp' | 'tcp') => readonly Buffer[];

  /** A free port of both protocols: one that UDP has may be taken by somebody's TCP. */
  async function bindBoth(t: TestContext, server: Server): Promise<Socket> {
    t.after(() => void server.close());
    for (;;) {
      const socket = createSocket('udp4');
      socket.bind(0, HOST);
      await once(socket, 'listening');
      server.listen(socket.address().port, HOST);
      const isListening = await once(server, 'listening').then(
        () => true,
        () => false,
      );
      if (!isListening) {
        socket.close();
        continue;
      }
      t.after(() => void socket.close());
      return socket;
    }
  }

  /** A name server on one port of UDP and TCP. */
  async function upstream(t: TestContext, behave: Behave): Promise<Fake> {
    const udp: Buffer[] = [];
    const tcp: Buffer[] = [];
    const server = createServer((connection) => {
      const frames = createTcpFrames();
      connection.on('error', () => undefined);
      connection.on('data', (piece) => {
        for (const query of frames.push(piece)) {
          tcp.push(query);
          const answers = behave(query, 'tcp');
          if (answers.length === 0) connection.destroy();
          for (const answer of answers) connection.write(tcpFrame(answer));
        }
      });
    });
    const socket = await bindBoth(t, server);
    socket.on('message', (query, from) => {
      udp.push(query);
      for (const answer of behave(query, 'udp')) socket.send(answer, from.port, from.address);
    });
    return { port: socket.address().port, udp, tcp };
  }

  const exchangeWith = (ports: readonly number[]): Exchange =>
    createUpstreamExchange({
      upstreams: ports.map((port) => ({ host: HOST, port })),
      clock: realClock,
      timeoutMs: 150,
      random: () => 0,
    });
  const query = queryBytes('A example.com', { id: 5 });
  const run = async (ports: readonly number[]): Promise<string> =>
    exchangeWith(ports)(query, AbortSignal.timeout(5000)).then(
      (bytes) => summary(Buffer.from(bytes)),
      messageOf,
    );
  const answering: Behave = (q) => [upstreamAnswer(q, ['192.0.2.1'])];

  it('uses an id of its own', async (t) => {
    const fake = await upstream(t, answering);
    for (let i = 0; i < 5; i++) assert.equal(await run([fake.port]), 'NOERROR 192.0.2.1');
    assert.ok(new Set(fake.udp.map((bytes) => bytes.readUInt16BE(0))).size >= 4);
  });

  it('asks again over TCP what was truncated', async (t) => {
    const fake = await upstream(t, (q, transport) =>
      transport === 'udp'
        ? [upstreamAnswer(q, [], { flags: 0x280 })]
        : [upstreamAnswer(q, ['192.0.2.1', '192.0.2.2'])],
    );
    assert.equal(await run([fake.port]), 'NOERROR 192.0.2.1 192.0.2.2');
    assert.deepEqual([fake.udp.length, fake.tcp.length], [1, 1]);
  });

  it('goes on to the next server when one is silent or not there', async (t) => {
    const silent = await upstream(t, () => []);
    const gone = createSocket('udp4');
    gone.bind(0, HOST);
    await once(gone, 'listening');
    const { port } = gone.address();
    gone.close();
    const good = await upstream(t, answering);
    assert.equal(await run([silent.port, port, good.port]), 'NOERROR 192.0.2.1');
  });

  it('asks a lone server twice', async (t) => {
    let n = 0;
    const fake = await upstream(t, (q) => (n++ === 0 ? [] : answering(q, 'udp')));
    assert.equal(await run([fake.port]), 'NOERROR 192.0.2.1');
  });

  it('takes an error for an answer', async (t) => {
    const fake = await upstream(t, (q) => [upstreamAnswer(q, [], { flags: 0x82 })]);
    assert.equal(await run([fake.port]), 'SERVFAIL');
    assert.equal(fake.udp.length, 1);
  });

  it('does not believe a wrong id, a wrong question or a query', async (t) => {
    const fake = await upstream(t, (q) => [
      upstreamAnswer(q, ['203.0.113.1'], { id: (q.readUInt16BE(0) + 1) & 0xffff }),
      upstreamAnswer(q, ['203.0.113.2'], { questions: [{ type: 'A', name: 'example.org' }] }),
      q,
      Buffer.from('short'),
      upstreamAnswer(q, ['192.0.2.1']),
    ]);
    assert.equal(await run([fake.port]), 'NOERROR 192.0.2.1');
  });

  it('gives up when all are silent, when TCP breaks, when there is none, or when it is told to', async (t) => {
    const silent = await upstream(t, () => []);
    assert.equal(await run([silent.port]), 'no answer within 150 ms');
    const broken = await upstream(t, (q, transport) =>
      transport === 'udp' ? [upstreamAnswer(q, [], { flags: 0x280 })] : [],
    );
    assert.equal(await run([broken.port]), 'the name server hung up');
    assert.equal(await run([]), 'there is no name server to ask');
    await assert.rejects(exchangeWith([silent.port])(query, AbortSignal.abort()), /no longer wanted/);
  });
});
