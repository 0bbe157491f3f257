import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import type { CapabilityCase } from './capability-cases.ts';
import { VIPS } from './canary.ts';
import { bothProtocols, families, outerIp, service, slices, vip } from './stage.ts';
import type { Expectation, Family } from './stage.ts';

type Named = ReturnType<typeof service>;

const each = (make: (family: Family) => Expectation): Expectation[] => families.map(make);

/** A slice of this Service by another name, with other endpoints. */
function more(name: string, suffix: string, endpoints: (family: Family) => readonly object[]): Named[] {
  return slices(name, []).map((slice, i) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `${slice.metadata.name}-${suffix}` },
    endpoints: endpoints(families[i] ?? 'IPv4'),
  }));
}

const ready = { ready: true };

const ofVirtualIps: CapabilityCase = async (on) => {
  const addresses = (family: Family): object[] =>
    [VIPS[family], vip(family, on.n)].map((address) => ({ addresses: [address], conditions: ready }));
  await on.put(service('loop', on.n), more('loop', 'back', addresses));
  await on.put(slices('loop', [3]));
  await on.expect(...each((family) => ({ from: 'pod1', to: vip(family, on.n), by: [3] })));
};

const oneAddress: CapabilityCase = async (on) => {
  const { n } = on;
  const spec = { externalIPs: families.map((family) => outerIp(family, n)) };
  const [first, second] = [service('older', n, { spec }), service('younger', n + 1, { spec })];
  await on.put(first, slices('older', [2]));
  // Who is older is told by whole seconds.
  const born = Math.floor(Date.now() / 1000);
  await on.until('another second begins', async () => Math.floor(Date.now() / 1000) > born);
  await on.put(second, slices('younger', [3]));
  const shared = (pod: number): Expectation[] =>
    each((family) => ({ from: 'outside', to: outerIp(family, n), by: [pod] }));
  await on.expect(...each((family) => ({ from: 'pod1', to: vip(family, n + 1), by: [3] })), ...shared(2));
  await on.remove(first);
  await on.expect(...shared(3));
  await on.remove(slices('older', []), second);
};

/** As many as make a Service of half a megabyte. */
const N_PORTS = 1000;

const thousandPorts: CapabilityCase = async (on) => {
  const { n } = on;
  const numbers = Array.from({ length: N_PORTS }, (_, i) => 20_000 + i);
  const ports = numbers.map((port) => ({ name: `p${port}`, port, targetPort: podPort }));
  const ofSlices = numbers.map((port) => ({ name: `p${port}`, port: podPort, protocol: 'TCP' }));
  const many = service('ports', n, { spec: { ports } });
  await on.put(many, slices('ports', [2, 3], ofSlices));
  const by = (outcome: Expectation['by']): Promise<void> =>
    on.expect(
      ...[20_000, 20_000 + N_PORTS - 1].flatMap((port) =>
        each((family) => ({ from: 'pod1', to: vip(family, n), port, by: outcome })),
      ),
    );
  await by([2, 3]);
  await on.remove(slices('ports', []));
  await by('refused');
  await on.remove(many);
};

/** A slice holds a thousand at most. */
const PER_SLICE = 1000;

const thousandEndpoints: CapabilityCase = async (on) => {
  const { n } = on;
  const nSlices = on.mode === 'iptables' ? 2 : 5;
  const address = (family: Family, i: number): string =>
    family === 'IPv4' ? `10.245.${i >> 8}.${i & 255}` : `fd00:10:245::${i.toString(16)}`;
  const all = Array.from({ length: nSlices }, (_, s) =>
    more('crowd', `s${s}`, (family) =>
      Array.from({ length: PER_SLICE }, (__, i) => ({
        addresses: [address(family, s * PER_SLICE + i)],
        conditions: ready,
        nodeName: 'node-2',
      })),
    ),
  ).flat();
  const crowd = service('crowd', n, { spec: { ports: bothProtocols().slice(0, 1) } });
  await on.put(crowd, ...all);
  const why = (): Promise<string> =>
    on.lab.run('curl', ['-sS', 'http://127.0.0.1:10249/explain/default/crowd']).catch(() => '');
  const last = address('IPv6', nSlices * PER_SLICE - 1);
  await on.until('all are known', async () => (await why()).includes(`[${last}]:${podPort} `));
  await on.put(slices('crowd', [2]));
  await on.remove(...all);
  await on.expect(...each((family) => ({ from: 'pod1', to: vip(family, n), by: [2] })));
};

const contradiction: CapabilityCase = async (on) => {
  const { n } = on;
  const says =
    (isReady: boolean, nodeName: string) =>
    (family: Family): object[] => [
      { addresses: [labAddresses[family].pod(2)], conditions: { ready: isReady }, nodeName },
    ];
  const [one, other] = [more('torn', 'a', says(true, 'node-1')), more('torn', 'b', says(false, 'node-2'))];
  const by = (outcome: Expectation['by']): Promise<void> =>
    on.expect(...each((family) => ({ from: 'pod1', to: vip(family, n), by: outcome })));
  await on.put(service('torn', n), other, one);
  await by([2]);
  await on.remove(one);
  await by('refused');
  await on.put(one);
  await by([2]);
  await on.remove(other);
  await by([2]);
};

const anyOrder: CapabilityCase = async (on) => {
  const { n } = on;
  const by = (outcome: Expectation['by']): Promise<void> =>
    on.expect(...each((family) => ({ from: 'pod1', to: vip(family, n), by: outcome })));
  const [a, b] = [service('a', n), service('b', n)];
  await on.put(slices('a', [2]), slices('b', [3]));
  await on.put(a);
  await by([2]);
  // The address goes over to another Service while the slices of the first one stay.
  await on.remove(a);
  await on.put(b);
  await by([3]);
  await on.remove(slices('b', []));
  await by('refused');
  await on.remove(b);
  await on.put(a);
  await by([2]);
  await on.remove(slices('a', []), a);
  await by('nobody');
};

/** By sentence; while a canary is called, as everything here. */
export const badInput: Readonly<Record<string, CapabilityCase>> = {
  'endpoints at virtual IPs are left out': ofVirtualIps,
  'of two Services at one address the older has it, and the other inherits it': oneAddress,
  [`${N_PORTS} ports of a Service are served, and go`]: thousandPorts,
  'thousands of endpoints of a Service come and go': thousandEndpoints,
  'slices that contradict each other make one endpoint': contradiction,
  'objects may go in any order': anyOrder,
};
