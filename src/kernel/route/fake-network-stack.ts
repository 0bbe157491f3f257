import { deepEqual } from '../../base/deep-equal.ts';
import type { AddressSpec, Link, NetworkObject, NetworkStack, RouteSpec, VethSpec } from './model.ts';

/** A namespace in memory with the rules the kernel has: addresses and routes go with their link, a veth with its peer. */
export interface FakeNetworkStack extends NetworkStack {
  readonly objects: readonly NetworkObject[];
  readonly sysctls: ReadonlyMap<string, string>;
}

const identity = (object: NetworkObject): string => {
  switch (object.kind) {
    case 'link':
      return `link ${object.name}`;
    case 'address':
      return `address ${object.link} ${object.address}`;
    case 'route':
      return `${object.isLocal === true ? 'local ' : ''}route ${object.to}`;
    case 'neighbour':
      return `neighbour ${object.link} ${object.ip}`;
  }
};

class FakeStack implements FakeNetworkStack {
  readonly sysctls = new Map<string, string>();
  readonly #objects = new Map<string, NetworkObject>([['link lo', { kind: 'link', name: 'lo' }]]);
  readonly #peers: ReadonlyMap<string, NetworkStack>;

  constructor(peers: ReadonlyMap<string, NetworkStack>) {
    this.#peers = peers;
  }

  get objects(): NetworkObject[] {
    return [...this.#objects.values()];
  }

  ensure(object: NetworkObject | readonly AddressSpec[]): boolean {
    if (!('kind' in object)) return object.map((each) => this.ensure(each)).some(Boolean);
    const key = identity(object);
    const before = this.#objects.get(key);
    if (object.kind !== 'link') this.#requireLink(object.link);
    else {
      this.#requireLink(object.master);
      if (before === undefined && object.create === undefined) this.#requireLink(object.name);
      if (before === undefined && object.create?.type === 'veth') this.#addPeer(object.name, object.create);
    }
    const next = before?.kind === 'link' ? { ...before, ...object } : object;
    this.#objects.set(key, next);
    return !deepEqual(before, next);
  }

  remove(object: NetworkObject | readonly AddressSpec[]): boolean {
    if (!('kind' in object)) return object.map((each) => this.remove(each)).some(Boolean);
    const found = this.#objects.get(identity(object));
    if (found === undefined) return false;
    this.#objects.delete(identity(object));
    if (found.kind !== 'link') return true;
    for (const [key, other] of this.#objects) {
      if (other.kind !== 'link' && other.link === found.name) this.#objects.delete(key);
    }
    if (found.create?.type === 'veth') {
      const { name, netnsPath } = found.create.peer;
      if (netnsPath === undefined) this.#objects.delete(`link ${name}`);
      else this.#peers.get(netnsPath)?.remove({ kind: 'link', name });
    }
    return true;
  }

  links(): Link[] {
    const specs = this.objects.filter((o) => o.kind === 'link');
    return specs.map((spec, i) => ({
      index: i + 1,
      name: spec.name,
      type: spec.create?.type ?? '',
      isUp: spec.isUp ?? false,
      mtu: spec.mtu ?? 1500,
      mac: spec.mac ?? '',
      master: specs.findIndex((s) => s.name === spec.master) + 1,
    }));
  }

  list(kind: 'address' | 'route'): (AddressSpec | RouteSpec)[] {
    return this.objects.filter(
      (o): o is AddressSpec | RouteSpec => o.kind === kind && !(o.kind === 'route' && o.isLocal === true),
    );
  }

  sysctl(name: string, value: string): boolean {
    const isChanged = this.sysctls.get(name) !== value;
    this.sysctls.set(name, value);
    return isChanged;
  }

  close(): void {
    /* Nothing is open. */
  }

  #addPeer(name: string, { peer: { netnsPath, ...peer } }: VethSpec): void {
    if (netnsPath === undefined) {
      const spec: NetworkObject = { kind: 'link', ...peer, create: { type: 'veth', peer: { name } } };
      this.#objects.set(identity(spec), spec);
      return;
    }
    const stack = this.#peers.get(netnsPath);
    if (stack === undefined) throw new Error(`there is no network namespace ${netnsPath}`);
    stack.ensure({ kind: 'link', ...peer, create: { type: 'bridge' } });
  }

  #requireLink(name: string | undefined): void {
    if (name !== undefined && !this.#objects.has(`link ${name}`)) {
      throw new Error(`there is no network device ${name}`);
    }
  }
}

/** Starts with `lo` only. `peers` gives the stacks that veth peers are made in, by path. */
export function fakeNetworkStack(peers: ReadonlyMap<string, NetworkStack> = new Map()): FakeNetworkStack {
  return new FakeStack(peers);
}
