import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeIptables } from '../../../kernel/iptables/fake-iptables.ts';
import type { FakeIptables } from '../../../kernel/iptables/fake-iptables.ts';
import { IptablesError } from '../../../kernel/iptables/iptables.ts';
import type { Iptables } from '../../../kernel/iptables/iptables.ts';
import { StepBuilder } from './plan.ts';
import type { Step } from './plan.ts';
import { RestoreWriter } from './restore-writer.ts';

/** A Service port with so many rules in its chain, one in the table filter, and lines that lead to it. */
function service(n: number, nRules: number): Step {
  const builder = new StepBuilder();
  builder.insert('filter KUBE-SERVICES', [`-d 10.0.1.${n}/32 -j DROP`]);
  builder.chain(
    `nat KUBE-SVC-${n}`,
    Array.from({ length: nRules }, (_, i) => `-s 10.0.0.${i}/32 -j RETURN`),
  );
  builder.insert('nat KUBE-SERVICES', [`-d 10.0.2.${n}/32 -j KUBE-SVC-${n}`]);
  builder.delete('filter OLD', [`-d 10.0.1.${n}/32 -j DROP`]);
  return builder.build(`service-${n}`) ?? assert.fail('a step without lines');
}

const nServices = 100;
const services = Array.from({ length: nServices }, (_, n) => service(n, 20));

async function prepared(): Promise<FakeIptables> {
  const iptables = createFakeIptables();
  const builder = new StepBuilder();
  builder.chain('filter KUBE-SERVICES', []);
  builder.chain('nat KUBE-SERVICES', []);
  builder.chain(
    'filter OLD',
    services.map((_, n) => `-d 10.0.1.${n}/32 -j DROP`),
  );
  await new RestoreWriter(iptables).write([builder.build() ?? assert.fail('no lines')]);
  return iptables;
}

/** As iptables-nft-restore does it where sockets are small: sections before the one that is too long are written. */
function small(iptables: FakeIptables, maxLines: number, says: 'its line' | 'no line'): Iptables {
  return {
    ...iptables,
    restore: async (text) => {
      let line = 0;
      for (const section of text.split(/(?<=^COMMIT\n)/m)) {
        const nLines = section.split('\n').length - 1;
        line += nLines;
        if (nLines > maxLines) {
          throw new IptablesError('too-long', 'too long', says === 'its line' ? { line } : {});
        }
        await iptables.restore(section);
      }
    },
  };
}

const sorted = (iptables: FakeIptables, table: 'nat' | 'filter'): unknown =>
  [...(iptables.ruleset.get(table) ?? [])].map(([name, { rules }]) => [name, rules.toSorted()]).sort();

/** A Service port that is all in the table nat. */
function plainService(n: number): Step {
  const builder = new StepBuilder();
  builder.chain(`nat KUBE-SEP-${n}`, [
    '-s 10.0.0.1/32 -j KUBE-MARK-MASQ',
    '-j DNAT --to-destination 10.0.0.1',
  ]);
  builder.chain(`nat KUBE-SVC-${n}`, [`-j KUBE-SEP-${n}`]);
  builder.append('nat KUBE-SERVICES', [`-d 10.0.3.${n}/32 -j KUBE-SVC-${n}`]);
  return builder.build(`plain-${n}`) ?? assert.fail('a step without lines');
}

describe('writing steps with iptables-restore', () => {
  it('of a big load, chains come before the lines that lead there, and what others need before both', async () => {
    const iptables = createFakeIptables();
    const base = new StepBuilder();
    base.chain('filter KUBE-SERVICES', []);
    base.chain('nat KUBE-SERVICES', []);
    base.chain('nat KUBE-MARK-MASQ', []);
    base.chain(
      'filter OLD',
      services.map((_, n) => `-d 10.0.1.${n}/32 -j DROP`),
    );
    const plain = Array.from({ length: 500 }, (_, n) => plainService(n));
    const steps = [base.build() ?? assert.fail('no lines'), ...plain, ...services];
    await new RestoreWriter(iptables).write(steps);
    const sections = (iptables.restored.at(-1) ?? '').split(/(?<=^COMMIT\n)/m);
    const makes = (name: string): number => sections.findLastIndex((text) => text.includes(`:${name}`));
    const leads = sections.findIndex((text) => text.includes('-A KUBE-SERVICES -d 10.0.3.'));
    assert.ok(sections.findIndex((text) => text.includes(':KUBE-MARK-MASQ')) <= makes('KUBE-SEP-0'));
    assert.ok(makes('KUBE-SEP-') <= leads, `${makes('KUBE-SEP-')} is behind ${leads}`);
    assert.equal(iptables.ruleset.get('nat')?.get('KUBE-SERVICES')?.rules.length, 600);
    assert.deepEqual(iptables.ruleset.get('nat')?.get('KUBE-SVC-499')?.rules, ['-j KUBE-SEP-499']);
  });

  it('starts the program once, however many sections there are', async () => {
    const iptables = await prepared();
    const before = iptables.restored.length;
    const writer = new RestoreWriter(iptables);
    await writer.write(services);
    assert.deepEqual([writer.nWritten, iptables.restored.length - before], [1, 1]);
    assert.ok((iptables.restored.at(-1) ?? '').split('*nat').length > 2);
    assert.equal(iptables.ruleset.get('filter')?.get('OLD')?.rules.length, 0);
  });

  it('goes on in smaller sections behind the one that was too long, and writes nothing twice', async () => {
    const [whole, pieces] = [await prepared(), await prepared()];
    await new RestoreWriter(whole).write(services);
    const writer = new RestoreWriter(small(pieces, 150, 'its line'));
    await writer.write(services);
    assert.deepEqual(sorted(pieces, 'nat'), sorted(whole, 'nat'));
    assert.deepEqual(sorted(pieces, 'filter'), sorted(whole, 'filter'));
  });

  it('a program that does not say where it failed is reported as a refusal, so that the tables are read', async () => {
    const writer = new RestoreWriter(small(await prepared(), 150, 'no line'));
    await assert.rejects(writer.write(services), { failure: 'refused' });
  });

  it('one Service port that is too long by itself is reported as that', async () => {
    const writer = new RestoreWriter(small(await prepared(), 150, 'its line'));
    await assert.rejects(writer.write([service(1, 200)]), { failure: 'too-long' });
  });
});
