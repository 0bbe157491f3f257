/** Which keys hold an address. Most addresses have one holder, which costs no set. */
export interface AddressIndex {
  add(address: string, key: string): void;
  remove(address: string, key: string): void;
  has(address: string): boolean;
  holders(address: string): Iterable<string>;
}

export function createAddressIndex(): AddressIndex {
  const byAddress = new Map<string, string | Set<string>>();
  return {
    add: (address, key) => {
      const held = byAddress.get(address);
      if (held === undefined) byAddress.set(address, key);
      else if (typeof held !== 'string') held.add(key);
      else if (held !== key) byAddress.set(address, new Set([held, key]));
    },
    remove: (address, key) => {
      const held = byAddress.get(address);
      if (held === key) byAddress.delete(address);
      else if (typeof held === 'object' && held.delete(key) && held.size === 0) byAddress.delete(address);
    },
    has: (address) => byAddress.has(address),
    holders: (address) => {
      const held = byAddress.get(address);
      return held === undefined ? [] : typeof held === 'string' ? [held] : held;
    },
  };
}
