import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rcode, rrType } from '../wire/model.ts';
import { recordLine, serviceOf, sliceOf, testIndex } from './fixtures.ts';
import { createZone } from './zone.ts';
import type { DnsZone, ZoneAnswer } from './zone.ts';
import type { ZoneOptions } from './zone-context.ts';

const index = testIndex();
const zoneWith = (options: Partial<ZoneOptions> = {}): DnsZone =>
  createZone({
    zone: 'cluster.local',
    view: index.view,
    now: () => 1_700_000_000_000,
    // Keeps the order: Fisher and Yates then exchange every record with itself.
    random: () => 0.999_999,
    ...options,
  });
const zone = zoneWith();

type TypeName = keyof typeof rrType | 'HTTPS';
const typeOf = (name: TypeName): number => (name === 'HTTPS' ? 65 : rrType[name]);
const C = 'cluster.local.';

function ask(text: string, of: DnsZone = zone): ZoneAnswer | undefined {
  const [type, name = ''] = text.split(' ');
  return of.lookup({ name: name.endsWith('.') ? name : `${name}.${C}`, type: typeOf(type as TypeName) });
}

/** `NXDOMAIN`, `NODATA`, `(not ours)`, or the answer's data, additional records behind a `+`. */
function told(text: string, of: DnsZone = zone): string {
  const answer = ask(text, of);
  if (answer === undefined) return '(not ours)';
  if (answer.rcode === rcode.NXDOMAIN) return 'NXDOMAIN';
  const data = (records: ZoneAnswer['answers']): string[] =>
    records.map((r) => recordLine(r).split(' ').slice(2).join(' '));
  const glue = answer.additionals.map((r) => recordLine(r).replace(` ${r.type}`, ''));
  if (answer.answers.length === 0) return 'NODATA';
  return [...data(answer.answers), ...(glue.length > 0 ? ['+', ...glue] : [])].join(' | ');
}

/** Question -> what is told; names without a last dot are below cluster.local. */
const tables: Record<string, Record<string, string>> = {
  'a Service with a cluster IP': {
    'A my-service.my-ns.svc': '10.96.0.20',
    'AAAA my-service.my-ns.svc': 'NODATA',
    'A dual.my-ns.svc': '10.96.0.21',
    'AAAA dual.my-ns.svc': 'fd00:96::21',
    'A no-port.my-ns.svc': '10.96.0.22',
    'SRV no-port.my-ns.svc': 'NODATA',
    'A pending.my-ns.svc': 'NXDOMAIN',
    'SRV _http._tcp.my-service.my-ns.svc': `0 100 80 my-service.my-ns.svc.${C} | + | my-service.my-ns.svc.${C} 10.96.0.20`,
    'SRV http.tcp.my-service.my-ns.svc': `0 100 80 my-service.my-ns.svc.${C} | + | my-service.my-ns.svc.${C} 10.96.0.20`,
    'SRV my-service.my-ns.svc': `0 50 80 my-service.my-ns.svc.${C} | 0 50 53 my-service.my-ns.svc.${C} | + | my-service.my-ns.svc.${C} 10.96.0.20`,
    'SRV _http._tcp.dual.my-ns.svc': `0 50 80 dual.my-ns.svc.${C} | + | dual.my-ns.svc.${C} 10.96.0.21 | dual.my-ns.svc.${C} fd00:96::21`,
    'A _http._tcp.my-service.my-ns.svc': '10.96.0.20',
    'SRV _http._udp.my-service.my-ns.svc': 'NXDOMAIN',
    'SRV _nope._tcp.my-service.my-ns.svc': 'NXDOMAIN',
    'A _nope._tcp.my-service.my-ns.svc': 'NXDOMAIN',
    'A a.b.c.my-service.my-ns.svc': 'NXDOMAIN',
    'A 10-244-0-7.my-service.my-ns.svc': '10.244.0.7',
    'A 10-244-0-8.my-service.my-ns.svc': 'NXDOMAIN',
    'MX my-service.my-ns.svc': 'NODATA',
    'HTTPS my-service.my-ns.svc': 'NODATA',
    'CNAME my-service.my-ns.svc': 'NODATA',
    'SOA my-service.my-ns.svc': 'NODATA',
    'ANY my-service.my-ns.svc': 'NODATA',
    'MX nope.my-ns.svc': 'NXDOMAIN',
  },
  'names of the tree itself': {
    'A .': '(not ours)',
    'A example.com.': '(not ours)',
    'A xcluster.local.': '(not ours)',
    'A my-service.my-ns.svc\\.cluster.local.': '(not ours)',
    'A a\\.cluster.local.': '(not ours)',
    'A a\\.b.my-ns.svc': 'NXDOMAIN',
    'A cluster.local.': 'NODATA',
    'A svc': 'NODATA',
    'A pod': 'NODATA',
    'A my-ns.svc': 'NODATA',
    'A bare.svc': 'NODATA',
    'A nope.svc': 'NXDOMAIN',
    'A my-service.nope.svc': 'NXDOMAIN',
    'A nope.my-ns.svc': 'NXDOMAIN',
    'A *.my-ns.svc': 'NXDOMAIN',
    'A any.my-ns.svc': 'NXDOMAIN',
    'A my-service.my-ns': 'NXDOMAIN',
    'A my-service.my-ns.service': 'NXDOMAIN',
    'TXT dns-version': '"1.1.0"',
    'A dns-version': 'NODATA',
    'A x.dns-version': 'NXDOMAIN',
    'A dns': 'NODATA',
    'A x.dns': 'NXDOMAIN',
    'SOA cluster.local.': `ns.dns.${C} hostmaster.${C} 1700000000 5`,
  },
  'a headless Service': {
    'A hl.my-ns.svc': '10.244.0.2 | 10.244.1.3 | 10.244.2.4',
    'AAAA hl.my-ns.svc': 'NODATA',
    'AAAA hl6.my-ns.svc': 'fd00:10::5 | 2001:db8::',
    'A hl6.my-ns.svc': 'NODATA',
    'A empty.my-ns.svc': 'NXDOMAIN',
    'SRV empty.my-ns.svc': 'NXDOMAIN',
    'A web-0.hl.my-ns.svc': '10.244.0.2',
    'AAAA web-0.hl.my-ns.svc': 'NODATA',
    'A web-9.hl.my-ns.svc': 'NXDOMAIN',
    'A 10-244-2-4.hl.my-ns.svc': '10.244.2.4',
    'AAAA fd00-10--5.hl6.my-ns.svc': 'fd00:10::5',
    'AAAA 2001-db8--0.hl6.my-ns.svc': '2001:db8::',
    'SRV _http._tcp.hl.my-ns.svc': `0 50 9376 web-0.hl.my-ns.svc.${C} | 0 50 9376 web-1.hl.my-ns.svc.${C} | + | web-0.hl.my-ns.svc.${C} 10.244.0.2 | web-1.hl.my-ns.svc.${C} 10.244.1.3`,
    'A _http._tcp.hl.my-ns.svc': '10.244.0.2 | 10.244.1.3',
    'SRV _http._udp.hl.my-ns.svc': 'NXDOMAIN',
    'A 10-244-0-2.hl.my-ns.svc': '10.244.0.2',
    'SRV _metrics._tcp.hl.my-ns.svc': `0 50 9100 10-244-0-2.hl.my-ns.svc.${C} | 0 50 9100 10-244-2-4.hl.my-ns.svc.${C} | + | 10-244-0-2.hl.my-ns.svc.${C} 10.244.0.2 | 10-244-2-4.hl.my-ns.svc.${C} 10.244.2.4`,
    'SRV web-0.hl.my-ns.svc': `0 100 9376 web-0.hl.my-ns.svc.${C} | + | web-0.hl.my-ns.svc.${C} 10.244.0.2`,
    'MX hl.my-ns.svc': 'NODATA',
    'MX empty.my-ns.svc': 'NXDOMAIN',
  },
  'an ExternalName': {
    'A my-service.prod.svc': 'my.database.example.com.',
    'TXT my-service.prod.svc': 'my.database.example.com.',
    'CNAME my-service.prod.svc': 'my.database.example.com.',
    'SRV my-service.prod.svc': 'NODATA',
    'MX my-service.prod.svc': 'NODATA',
    'A x.my-service.prod.svc': 'NXDOMAIN',
    'A _http._tcp.my-service.prod.svc': 'NXDOMAIN',
    'A inside.prod.svc': `my-service.my-ns.svc.${C} | 10.96.0.20`,
    'AAAA inside.prod.svc': 'NODATA',
    'A twice.prod.svc': `inside.prod.svc.${C} | my-service.my-ns.svc.${C} | 10.96.0.20`,
    'A out.prod.svc': `my-service.prod.svc.${C} | my.database.example.com.`,
    'A loop.prod.svc': 'NODATA',
    'A nowhere.prod.svc': 'NODATA',
    'CNAME nowhere.prod.svc': `no.my-ns.svc.${C}`,
    'A address.prod.svc': 'NXDOMAIN',
  },
  'Pods by address': {
    'A 10-1-2-3.my-ns.pod': '10.1.2.3',
    'AAAA 10-1-2-3.my-ns.pod': 'NODATA',
    'AAAA fd00--5.my-ns.pod': 'fd00::5',
    'A fd00--5.my-ns.pod': 'NODATA',
    'A 10-1-2.my-ns.pod': 'NXDOMAIN',
    'A 10-1-2-300.my-ns.pod': 'NXDOMAIN',
    'A x.my-ns.pod': 'NXDOMAIN',
    'A 10-1-2-3.nope.pod': 'NXDOMAIN',
    'A a.10-1-2-3.my-ns.pod': 'NXDOMAIN',
    'A my-ns.pod': 'NODATA',
    'A nope.pod': 'NXDOMAIN',
  },
  'addresses by name': {
    'PTR 20.0.96.10.in-addr.arpa.': `my-service.my-ns.svc.${C}`,
    'PTR 7.0.244.10.in-addr.arpa.': `10-244-0-7.my-service.my-ns.svc.${C}`,
    'PTR 2.0.244.10.in-addr.arpa.': `web-0.hl.my-ns.svc.${C}`,
    'PTR 9.1.244.10.in-addr.arpa.': '(not ours)',
    'PTR 1.2.0.192.in-addr.arpa.': '(not ours)',
    'PTR 0.96.10.in-addr.arpa.': '(not ours)',
    'PTR in-addr.arpa.': '(not ours)',
    'A 20.0.96.10.in-addr.arpa.': 'NODATA',
    [`PTR 5.0.0.0.${'0.'.repeat(20)}0.1.0.0.0.0.d.f.ip6.arpa.`]: `fd00-10--5.hl6.my-ns.svc.${C}`,
    'PTR 5.ip6.arpa.': '(not ours)',
    'PTR my-service.my-ns.svc': 'NODATA',
  },
};

for (const [subject, table] of Object.entries(tables)) {
  describe(subject, () => {
    for (const [question, answer] of Object.entries(table))
      it(question, () => assert.equal(told(question), answer));
  });
}

describe('the case of names', () => {
  it('is the question’s in the owner and in the zone of targets', () => {
    const answer = ask('SRV _HTTP._tcp.My-Service.my-NS.SVC.cLuStEr.LoCaL.');
    assert.deepEqual(answer?.answers.map(recordLine), [
      '_HTTP._tcp.My-Service.my-NS.SVC.cLuStEr.LoCaL. SRV 0 100 80 my-service.my-ns.svc.cLuStEr.LoCaL.',
    ]);
    assert.deepEqual(answer?.additionals.map(recordLine), [
      'my-service.my-ns.svc.cLuStEr.LoCaL. A 10.96.0.20',
    ]);
  });
  it('is the question’s in the SOA', () => {
    assert.deepEqual(ask('A nope.ClUsTeR.lOcAl.')?.authorities.map(recordLine), [
      'ClUsTeR.lOcAl. SOA ns.dns.ClUsTeR.lOcAl. hostmaster.ClUsTeR.lOcAl. 1700000000 5',
    ]);
  });
  it('does not matter for what is found in reverse', () => {
    assert.equal(told('PTR 20.0.96.10.IN-ADDR.ARPA.'), `my-service.my-ns.svc.${C}`);
  });
});

describe('how long answers live', () => {
  it('5 s unless told otherwise; the version 8 hours', () => {
    assert.deepEqual(
      ['A my-service.my-ns.svc', 'TXT dns-version'].map((q) => ask(q)?.answers[0]?.ttl),
      [5, 28800],
    );
  });
  it('negative ones have their own time, and an SOA that says it', () => {
    const of = zoneWith({ ttlSeconds: 600, negativeTtlSeconds: 7 });
    assert.equal(ask('A my-service.my-ns.svc', of)?.answers[0]?.ttl, 600);
    assert.equal(ask('SOA cluster.local.', of)?.answers[0]?.ttl, 300);
    for (const question of ['A nope.my-ns.svc', 'AAAA my-service.my-ns.svc', 'A 20.0.96.10.in-addr.arpa.']) {
      const [soa] = ask(question, of)?.authorities ?? [];
      assert.ok(soa?.type === 'SOA' && soa.ttl === 7 && soa.minimum === 7, question);
    }
  });
  it('a positive answer carries no SOA', () => {
    assert.deepEqual(ask('A my-service.my-ns.svc')?.authorities, []);
  });
});

describe('the servers of the zone', () => {
  const ns = `kube-dns.kube-system.svc.${C}`;
  const cases: Record<string, { own: string[]; ns: string; address: string }> = {
    'the Service with our address': {
      own: ['10.96.0.10'],
      ns: `${ns} | + | ${ns} 10.96.0.10`,
      address: '10.96.0.10',
    },
    'ourselves when no Service leads here': {
      own: ['172.18.0.1', 'fd00::1'],
      ns: `ns.dns.${C} | + | ns.dns.${C} 172.18.0.1 | ns.dns.${C} fd00::1`,
      address: '172.18.0.1',
    },
    'nobody when we are bound to loopback only': { own: ['127.0.0.1'], ns: 'NODATA', address: 'NODATA' },
    'the Service whose endpoint we are': {
      own: ['10.244.0.7'],
      ns: `my-service.my-ns.svc.${C} | + | my-service.my-ns.svc.${C} 10.96.0.20`,
      address: '10.244.0.7',
    },
  };
  for (const [name, { own, ns: expected, address }] of Object.entries(cases)) {
    it(name, () => {
      const of = zoneWith({ ownAddresses: own });
      assert.equal(told('NS cluster.local.', of), expected);
      assert.equal(told('A ns.dns', of), address);
    });
  }
});

describe('the order of addresses', () => {
  it('is another one each time, a CNAME always first', () => {
    const many = testIndex();
    const ips = Array.from({ length: 5 }, (_, i) => `10.244.5.${i}`);
    many.setSlice('my-ns/z', sliceOf('my-ns/empty', ips));
    many.setService(
      'prod/alias',
      serviceOf('prod/alias', { type: 'ExternalName', externalName: `empty.my-ns.svc.${C}` }),
    );
    const of = zoneWith({ view: many.view, random: Math.random });
    const orders = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const [cname, ...addresses] = ask('A alias.prod.svc', of)?.answers ?? [];
      assert.equal(cname?.type, 'CNAME');
      assert.deepEqual(addresses.map((r) => ('address' in r ? r.address : '')).sort(), ips);
      orders.add(addresses.map(recordLine).join());
    }
    assert.ok(orders.size > 60, `${orders.size} of 120 orders in 200 answers`);
  });
});

it('Pod names can be switched off', () => {
  const of = zoneWith({ podRecords: 'disabled' });
  assert.equal(told('A 10-1-2-3.my-ns.pod', of), 'NXDOMAIN');
  assert.equal(told('A my-ns.pod', of), 'NXDOMAIN');
});
