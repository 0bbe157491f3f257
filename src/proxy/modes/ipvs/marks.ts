/** Numbers for virtual servers that are known by a packet mark. */
export interface Marks {
  /** The owner's mark: the same for as long as it is not released, and after a restart unless two owners want the same one. */
  of(owner: string): number;
  release(owner: string): void;
}

/** The upper bits tell our marks from others'. */
const ours = 0x50000000;
/** Bits 14 and 15 mean something to kube-proxy and the kubelet: masquerade, and drop. */
const freeBits = 0x0fff3fff;

/** Whether a virtual server of that mark can only be ours. */
export const isOwnMark = (mark: number): boolean => (mark & ~freeBits) >>> 0 === ours;

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

export function createMarks(): Marks {
  const byOwner = new Map<string, number>();
  const taken = new Set<number>();
  return {
    of: (owner) => {
      const known = byOwner.get(owner);
      if (known !== undefined) return known;
      let mark = ours;
      for (let i = 0; mark === ours || taken.has(mark); i++) {
        mark = (ours | (hashOf(i === 0 ? owner : `${owner}~${i}`) & freeBits)) >>> 0;
      }
      byOwner.set(owner, mark);
      taken.add(mark);
      return mark;
    },
    release: (owner) => {
      const mark = byOwner.get(owner);
      if (mark !== undefined) taken.delete(mark);
      byOwner.delete(owner);
    },
  };
}
