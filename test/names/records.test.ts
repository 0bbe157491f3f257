import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl } from '../kubectl/kubectl-cases.ts';
import { endpoints, endpointSlice, service } from '../kubectl/manifests.ts';
import { dig, said, type DigAnswer } from './dig.ts';

const serviceName = (kubectl: Kubectl, name: string): string =>
  `${name}.${kubectl.namespace}.svc.cluster.local`;

/** Asks until there are `count` answers: names follow the API within milliseconds, but not at once. */
const answers = (kubectl: Kubectl, query: string, count: number): Promise<DigAnswer> =>
  eventually(`${count} answers to ${query}`, async () => {
    const answer = await dig(kubectl.cluster, query);
    return answer.answer.length === count ? answer : undefined;
  });

/** A slice of ready endpoints of the Service that its name begins with: `s-1` is of `s`. */
const slice = (name: string, addresses: readonly string[], more: object = {}): object =>
  endpointSlice(
    name,
    {
      ports: [{ name: 'http', port: 8080 }],
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true }, ...more })),
    },
    { 'kubernetes.io/service-name': name.replace(/-\d+$/, '') },
  );

kubectlCases('names of Services, asked by dig', {
  'a virtual IP is an A record, of authority and short life': async (kubectl) => {
    await kubectl.ok('create -f -', service('s', { clusterIP: '10.96.50.1' }));
    const { answer, status, flags } = await answers(kubectl, serviceName(kubectl, 's'), 1);
    assert.deepEqual([status, said(answer)], ['NOERROR', ['A 10.96.50.1']]);
    assert.ok(flags.includes('aa'));
    assert.ok((answer[0]?.ttl ?? 0) > 0 && (answer[0]?.ttl ?? 0) <= 30);
    assert.equal(answer[0]?.name, `${serviceName(kubectl, 's')}.`);
  },
  'the other family is empty, not unknown': async (kubectl) => {
    await kubectl.ok('create -f -', service('s'));
    await answers(kubectl, serviceName(kubectl, 's'), 1);
    const { status, answer, authority } = await dig(kubectl.cluster, `${serviceName(kubectl, 's')} AAAA`);
    assert.deepEqual([status, answer.length, authority[0]?.type], ['NOERROR', 0, 'SOA']);
  },
  'what is not there is NXDOMAIN, with the SOA that says for how long': async (kubectl) => {
    for (const name of [
      serviceName(kubectl, 'nobody'),
      's.no-namespace.svc.cluster.local',
      'cluster-thing.cluster.local',
    ]) {
      const { status, answer, authority, flags } = await dig(kubectl.cluster, name);
      assert.deepEqual([status, answer.length, flags.includes('aa')], ['NXDOMAIN', 0, true], name);
      assert.equal(authority[0]?.name, 'cluster.local.');
      assert.match(
        authority[0].data,
        /^ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ \d+ \d+ \d+ \d+$/,
      );
    }
  },
  'names that only lead to others exist': async (kubectl) => {
    await kubectl.ok('create -f -', service('s'));
    await answers(kubectl, serviceName(kubectl, 's'), 1);
    for (const name of ['svc.cluster.local', `${kubectl.namespace}.svc.cluster.local`, 'cluster.local']) {
      const { status, answer } = await dig(kubectl.cluster, name);
      assert.deepEqual([status, answer.length], ['NOERROR', 0], name);
    }
  },
  'a named port is an SRV record that leads to the Service': async (kubectl) => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    await kubectl.ok('create -f -', service('s', { clusterIP: '10.96.50.2', ports }));
    const name = serviceName(kubectl, 's');
    const http = await answers(kubectl, `_http._tcp.${name} SRV`, 1);
    assert.deepEqual(said(http.answer), [`SRV 0 100 80 ${name}.`]);
    assert.ok(said(http.additional).includes('A 10.96.50.2'));
    assert.deepEqual(said((await dig(kubectl.cluster, `_dns._udp.${name} SRV`)).answer), [
      `SRV 0 100 53 ${name}.`,
    ]);
    assert.equal((await dig(kubectl.cluster, `_http._udp.${name} SRV`)).status, 'NXDOMAIN');
    assert.equal((await dig(kubectl.cluster, `_none._tcp.${name} SRV`)).status, 'NXDOMAIN');
  },
  'an address leads back to the name': async (kubectl) => {
    await kubectl.ok('create -f -', service('s', { clusterIP: '10.96.50.3' }));
    const { answer } = await answers(kubectl, '-x 10.96.50.3', 1);
    assert.deepEqual(said(answer), [`PTR ${serviceName(kubectl, 's')}.`]);
    // An address that nobody has may be known outside, so the question goes on to there.
    assert.match((await dig(kubectl.cluster, '-x 10.96.50.99')).status, /^(NXDOMAIN|SERVFAIL|REFUSED)$/);
  },
  'headless: the addresses that are ready, and a name for each': async (kubectl) => {
    await kubectl.ok('create -f -', [
      service('s', { clusterIP: 'None', ports: [{ name: 'http', port: 8080 }] }),
      slice('s-1', ['192.0.2.1', '192.0.2.2']),
      slice('s-2', ['192.0.2.3'], { hostname: 'third' }),
      slice('s-3', ['192.0.2.4'], { conditions: { ready: false } }),
    ]);
    const name = serviceName(kubectl, 's');
    const { answer } = await answers(kubectl, name, 3);
    assert.deepEqual(said(answer), ['A 192.0.2.1', 'A 192.0.2.2', 'A 192.0.2.3']);
    assert.deepEqual(said((await dig(kubectl.cluster, `third.${name}`)).answer), ['A 192.0.2.3']);
    const srv = await dig(kubectl.cluster, `_http._tcp.${name} SRV`);
    assert.equal(srv.answer.length, 3);
    for (const { data } of srv.answer) assert.match(data, /^0 \d+ 8080 (third|192-0-2-[12])\./);
    assert.deepEqual(said(srv.additional.filter(({ type }) => type === 'A')), [
      'A 192.0.2.1',
      'A 192.0.2.2',
      'A 192.0.2.3',
    ]);
    assert.deepEqual(said((await answers(kubectl, '-x 192.0.2.3', 1)).answer), [`PTR third.${name}.`]);
  },
  'headless, with the addresses that are not ready when it asks for them': async (kubectl) => {
    const spec = { clusterIP: 'None', publishNotReadyAddresses: true };
    const notReady = slice('s-1', ['192.0.2.9'], { conditions: { ready: true, serving: false } });
    await kubectl.ok('create -f -', [service('s', spec), notReady]);
    assert.deepEqual(said((await answers(kubectl, serviceName(kubectl, 's'), 1)).answer), ['A 192.0.2.9']);
  },
  'headless, and nobody is ready: no such name, until somebody is': async (kubectl) => {
    await kubectl.ok('create -f -', [
      service('s', { clusterIP: 'None' }),
      slice('s-1', ['192.0.2.5'], { conditions: { ready: false } }),
    ]);
    const name = serviceName(kubectl, 's');
    assert.equal((await dig(kubectl.cluster, name)).status, 'NXDOMAIN');
    const ready = JSON.stringify({ endpoints: [{ addresses: ['192.0.2.5'], conditions: { ready: true } }] });
    await kubectl.ok(`patch endpointslice s-1 --type=merge -p ${ready}`);
    assert.deepEqual(said((await answers(kubectl, name, 1)).answer), ['A 192.0.2.5']);
  },
  'without a selector: the addresses of the Endpoints of that name': async (kubectl) => {
    await kubectl.ok('create -f -', [
      service('s', { clusterIP: 'None' }),
      endpoints('s', [{ addresses: [{ ip: '192.0.2.42' }], ports: [{ port: 80 }] }]),
    ]);
    assert.deepEqual(said((await answers(kubectl, serviceName(kubectl, 's'), 1)).answer), ['A 192.0.2.42']);
    await kubectl.ok(
      'patch endpoints s -p {"subsets":[{"addresses":[{"ip":"192.0.2.43"},{"ip":"192.0.2.44"}]}]}',
    );
    assert.deepEqual(said((await answers(kubectl, serviceName(kubectl, 's'), 2)).answer), [
      'A 192.0.2.43',
      'A 192.0.2.44',
    ]);
  },
  'an external name is a CNAME': async (kubectl) => {
    await kubectl.ok(
      'create -f -',
      service('s', { type: 'ExternalName', externalName: 'db.invalid', ports: [] }),
    );
    const name = serviceName(kubectl, 's');
    const found = await eventually('the CNAME', async () => {
      const answer = await dig(kubectl.cluster, `${name} CNAME`);
      return answer.answer.length === 1 ? answer : undefined;
    });
    assert.deepEqual(said(found.answer), ['CNAME db.invalid.']);
    const { answer } = await dig(kubectl.cluster, name);
    assert.deepEqual(said(answer), ['CNAME db.invalid.'], 'for an address, too');
  },
  'an external name inside the cluster is followed to its address': async (kubectl) => {
    const target = serviceName(kubectl, 'real');
    await kubectl.ok('create -f -', [
      service('real', { clusterIP: '10.96.50.7' }),
      service('alias', { type: 'ExternalName', externalName: target, ports: [] }),
    ]);
    const { answer } = await answers(kubectl, serviceName(kubectl, 'alias'), 2);
    assert.deepEqual(said(answer), ['A 10.96.50.7', `CNAME ${target}.`]);
  },
  'what the API says, the names say: created, changed, deleted': async (kubectl) => {
    const name = serviceName(kubectl, 's');
    assert.equal((await dig(kubectl.cluster, name)).status, 'NXDOMAIN');
    await kubectl.ok('create -f -', service('s', { clusterIP: '10.96.50.8' }));
    await answers(kubectl, name, 1);
    await kubectl.ok('delete service s');
    await eventually('no name', async () =>
      (await dig(kubectl.cluster, name)).status === 'NXDOMAIN' ? true : undefined,
    );
    await kubectl.ok('create -f -', service('s', { clusterIP: '10.96.50.9' }));
    assert.deepEqual(said((await answers(kubectl, name, 1)).answer), ['A 10.96.50.9']);
  },
  'the same over TCP, and in the letters of the question': async (kubectl) => {
    await kubectl.ok('create -f -', service('s', { clusterIP: '10.96.50.10' }));
    await answers(kubectl, serviceName(kubectl, 's'), 1);
    const odd = `S.${kubectl.namespace.toUpperCase()}.sVc.cLuStEr.local`;
    for (const how of ['+tcp', '+notcp']) {
      const { answer, question, text } = await dig(kubectl.cluster, `${odd} ${how}`);
      assert.deepEqual([question, answer[0]?.name], [`${odd}.`, `${odd}.`]);
      assert.deepEqual(said(answer), ['A 10.96.50.10']);
      assert.match(text, how === '+tcp' ? /\(TCP\)$/m : /\(UDP\)$/m);
    }
  },
  'more than fits into a datagram: TC, and all of it over TCP': async (kubectl) => {
    const block = (from: number) => Array.from({ length: 100 }, (_, i) => `192.0.2.${from + i}`);
    await kubectl.ok('create -f -', [
      service('s', { clusterIP: 'None' }),
      slice('s-1', block(1)),
      slice('s-2', block(101)),
    ]);
    const name = serviceName(kubectl, 's');
    const { answer, text } = await answers(kubectl, `${name} +tcp`, 200);
    assert.equal(new Set(answer.map(({ data }) => data)).size, 200);
    assert.match(text, /\(TCP\)$/m);
    const plain = await dig(kubectl.cluster, `${name} +noedns +ignore`);
    assert.ok(plain.flags.includes('tc'), plain.text);
    assert.ok(Number(/MSG SIZE {2}rcvd: (\d+)/.exec(plain.text)?.[1]) <= 512);
    const large = await dig(kubectl.cluster, `${name} +bufsize=1232 +ignore`);
    assert.ok(large.flags.includes('tc'));
    assert.ok(Number(/MSG SIZE {2}rcvd: (\d+)/.exec(large.text)?.[1]) <= 1232);
    const followed = await dig(kubectl.cluster, name);
    assert.equal(followed.answer.length, 200, 'dig itself goes on over TCP');
  },
  'a name outside the cluster is answered or refused soon, never left hanging': async (kubectl) => {
    const start = Date.now();
    const { status } = await dig(kubectl.cluster, 'name.invalid');
    assert.match(status, /^(NXDOMAIN|SERVFAIL|REFUSED|NOERROR)$/);
    assert.ok(Date.now() - start < 8000, `${Date.now() - start} ms`);
  },
  'the cluster itself: its API, its DNS, its version': async (kubectl) => {
    const ask = async (query: string) => said((await dig(kubectl.cluster, query)).answer);
    assert.deepEqual(await ask('kubernetes.default.svc.cluster.local'), ['A 10.96.0.1']);
    assert.deepEqual(await ask('kube-dns.kube-system.svc.cluster.local'), ['A 10.96.0.10']);
    assert.deepEqual(await ask('_https._tcp.kubernetes.default.svc.cluster.local SRV'), [
      'SRV 0 100 443 kubernetes.default.svc.cluster.local.',
    ]);
    assert.deepEqual(await ask('dns-version.cluster.local TXT'), ['TXT "1.1.0"']);
  },
});
