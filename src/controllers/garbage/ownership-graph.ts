import { apiVersionOf } from '../../api/kind.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import type { Informer } from '../../client/informer.ts';
import type { Informers } from '../../client/informers.ts';
import { createIndex } from '../../client/object-index.ts';

/** An object of any kind, and where it is found. */
export interface GraphNode {
  readonly kind: Kind;
  readonly object: KubeObject;
}

/** Who owns whom, over all kinds. Nodes are named `<apiVersion> <kind> <key>`. */
export interface OwnershipGraph {
  get(id: string): GraphNode | undefined;
  byUid(uid: string): GraphNode | undefined;
  dependentsOf(uid: string): readonly string[];
  /** Calls `onChange` with the node's id and its object before and after. */
  connect(
    onChange: (id: string, prev: KubeObject | undefined, next: KubeObject | undefined) => void,
  ): readonly (() => void)[];
  readonly informers: readonly Informer<KubeObject>[];
}

export function createOwnershipGraph(informers: Informers, kinds: readonly Kind[]): OwnershipGraph {
  const sources = kinds.map((kind) => ({
    kind,
    prefix: `${apiVersionOf(kind)} ${kind.kind} `,
    informer: informers.for(kind),
  }));
  const dependents = createIndex(
    ({ metadata }: KubeObject) => metadata.ownerReferences?.map(({ uid }) => uid) ?? [],
  );
  const idByUid = new Map<string, string>();

  const get = (id: string): GraphNode | undefined => {
    const source = sources.find(({ prefix }) => id.startsWith(prefix));
    const object = source?.informer.get(id.slice(source.prefix.length));
    return source === undefined || object === undefined ? undefined : { kind: source.kind, object };
  };

  const move = (id: string, prev: KubeObject | undefined, next: KubeObject | undefined): void => {
    dependents.move(id, prev, next);
    if (prev?.metadata.uid !== undefined && next === undefined) idByUid.delete(prev.metadata.uid);
    if (next?.metadata.uid !== undefined) idByUid.set(next.metadata.uid, id);
  };

  return {
    get,
    byUid: (uid) => {
      const id = idByUid.get(uid);
      return id === undefined ? undefined : get(id);
    },
    dependentsOf: (uid) => [...dependents.keys(uid)],
    connect: (onChange) =>
      sources.map(({ prefix, informer }) =>
        informer.onChange(({ key, prev, next }) => {
          move(prefix + key, prev, next);
          onChange(prefix + key, prev, next);
        }),
      ),
    informers: sources.map(({ informer }) => informer),
  };
}
