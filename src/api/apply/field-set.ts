/**
 * A set of fields, as `managedFields[].fieldsV1` holds it: a tree whose keys are path elements, so that nothing has to be
 * turned from one form into another between the store and the rules.
 *
 *     { 'f:spec': { 'f:ports': { '.': {}, 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } } } }
 *
 * `f:` is a field or the key of a map, `k:` an item of a list by its keys, `v:` an item of a set by its value, `i:` one by
 * its index. A node is a member of the set when it holds `.`, or nothing at all; other nodes only lead to members. The
 * root is no member: an empty root is the empty set. Source: structured-merge-diff, fieldpath/set.go and serialize.go.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** A set while it is being built. */
export interface FieldTree {
  [element: string]: FieldTree;
}

const SELF = '.';

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the node itself, and not only something below it, belongs to the set. */
export const isMember = (node: FieldSet | undefined): boolean =>
  node !== undefined && (node[SELF] !== undefined || isEmptySet(node));

/** Whether anything below the node belongs to the set. */
export function hasChildren(node: FieldSet | undefined): boolean {
  for (const element in node) if (element !== SELF) return true;
  return false;
}

/** Adds a path; its parents do not become members by that. An empty path is nothing. */
export function insertPath(root: FieldTree, path: readonly string[]): void {
  let node = root;
  let isNew = path.length === 0;
  for (const [i, element] of path.entries()) {
    const next = node[element];
    // An empty node is a member, and must say so once something stands below it.
    if (!isNew && i > 0 && isEmptySet(node)) node[SELF] = {};
    isNew = next === undefined;
    node = next ?? (node[element] = {});
  }
  if (!isNew && hasChildren(node)) node[SELF] = {};
}

/**
 * Builds a set on a walk through a value, in time linear in its size: a walk knows of each node whether it has put anything
 * into it, where looking would cost the size of the node each time.
 */
export interface SetBuilder {
  readonly set: FieldTree;
  enter(element: string): void;
  leave(): void;
  /** Makes the present place a member; what stands below it must have been added before. */
  add(): void;
}

export function createSetBuilder(): SetBuilder {
  const set: FieldTree = {};
  const elements: string[] = [];
  const nodes: (FieldTree | undefined)[] = [];
  return {
    set,
    enter(element) {
      elements.push(element);
      nodes.push(undefined);
    },
    leave() {
      elements.pop();
      nodes.pop();
    },
    add() {
      const last = nodes.length - 1;
      if (last < 0) return;
      const standing = nodes[last];
      if (standing !== undefined) {
        standing[SELF] = {};
        return;
      }
      let i = last;
      while (i > 0 && nodes[i - 1] === undefined) i--;
      let parent = (i > 0 ? nodes[i - 1] : undefined) ?? set;
      for (; i <= last; i++) parent = nodes[i] = parent[elements[i] ?? ''] = {};
    },
  };
}

/** Whether every member of `b` is one of `a`. */
export function covers(a: FieldSet, b: FieldSet): boolean {
  for (const element in b) {
    const [left, right] = [a[element], b[element]];
    if (element === SELF || right === undefined) continue;
    if (left === undefined || (isMember(right) && !isMember(left)) || !covers(left, right)) return false;
  }
  return true;
}

/** A node from its parts; undefined when it would be neither a member nor lead to one. */
function nodeOf(isSelf: boolean, children: FieldTree): FieldTree | undefined {
  if (isEmptySet(children)) return isSelf ? children : undefined;
  return isSelf ? { [SELF]: {}, ...children } : children;
}

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  if (isEmptySet(b)) return a;
  const out: FieldTree = {};
  for (const element of Object.keys({ ...a, ...b })) {
    const [left, right] = [a[element], b[element]];
    if (left === undefined || right === undefined) out[element] = (left ?? right) as FieldTree;
    else out[element] = unionOfNodes(left, right);
  }
  return out;
}

function unionOfNodes(a: FieldSet, b: FieldSet): FieldTree {
  const isSelf = isMember(a) || isMember(b);
  const { [SELF]: _, ...children } = unionOf(a, b);
  return nodeOf(isSelf, children) ?? {};
}

/** Combines two trees element by element; `undefined` leaves an element out. */
function combine(a: FieldSet, pick: (left: FieldSet, element: string) => FieldSet | undefined): FieldTree {
  const out: FieldTree = {};
  for (const element in a) {
    if (element === SELF) continue;
    const left = a[element];
    const node = left && pick(left, element);
    if (node !== undefined) out[element] = node;
  }
  return out;
}

export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, (left, element) => {
    const right = b[element];
    if (right === undefined) return undefined;
    return nodeOf(isMember(left) && isMember(right), intersectionOf(left, right));
  });
}

/** What of `a` is no member of `b`. A member of `b` takes nothing away that stands below it. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b) && a[SELF] === undefined) return a;
  return combine(a, (left, element) => {
    const right = b[element];
    if (right === undefined) return left;
    return nodeOf(isMember(left) && !isMember(right), differenceOf(left, right));
  });
}

/** What of `a` is neither a member of `b` nor below one. */
export function withoutSubtrees(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b) && a[SELF] === undefined) return a;
  return combine(a, (left, element) => {
    const right = b[element];
    if (right === undefined) return left;
    if (isMember(right)) return undefined;
    return nodeOf(isMember(left), withoutSubtrees(left, right));
  });
}

/** Whether a path is a member. */
export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node?.[element];
  return path.length > 0 && isMember(node);
}

/** The paths of all members, each before what stands below it; of one node first the members, as upstream lists them. */
export function pathsOf(set: FieldSet, prefix: readonly string[] = []): (readonly string[])[] {
  const elements = Object.keys(set)
    .filter((element) => element !== SELF)
    .sort(compareElements);
  return [
    ...elements.filter((element) => isMember(set[element])).map((element) => [...prefix, element]),
    ...elements.flatMap((element) => pathsOf(set[element] ?? {}, [...prefix, element])),
  ];
}

/** The set with its elements in upstream's order: fields, then items by key, by value and by index. */
export function sortedSet(set: FieldSet): FieldSet {
  let isSorted = true;
  let changed: Map<string, FieldSet> | undefined;
  let last = '';
  for (const element in set) {
    const child = set[element];
    if (child === undefined) continue;
    const sorted = sortedSet(child);
    if (sorted !== child) (changed ??= new Map()).set(element, sorted);
    if (last !== '' && compareElements(last, element) > 0) isSorted = false;
    last = element;
  }
  if (isSorted && changed === undefined) return set;
  const elements = Object.keys(set);
  if (!isSorted) elements.sort(compareElements);
  const out: FieldTree = {};
  for (const element of elements) out[element] = changed?.get(element) ?? set[element] ?? {};
  return out;
}

/** Of the first character: `.` before `f`, `k`, `v` and `i`. */
function rankOf(element: string): number {
  switch (element.charCodeAt(0)) {
    case 0x2e:
      return 0;
    case 0x66:
      return 1;
    case 0x6b:
      return 2;
    case 0x76:
      return 3;
    default:
      return 4;
  }
}

/** The order of path elements: by their sort, fields by name, keys and values by what they hold. */
export function compareElements(a: string, b: string): number {
  if (a === b) return 0;
  const rank = rankOf(a);
  const byRank = rank - rankOf(b);
  if (byRank !== 0) return byRank;
  if (rank < 2) return a < b ? -1 : 1;
  const [left, right] = [parseElement(a), parseElement(b)];
  if (a.startsWith('k:')) return compareKeys(left, right) || (a < b ? -1 : 1);
  return compareScalars(left, right) || (a < b ? -1 : 1);
}

function compareKeys(a: unknown, b: unknown): number {
  const [left, right] = [Object.entries(a ?? {}), Object.entries(b ?? {})];
  for (const [i, [name, value]] of left.entries()) {
    const [otherName = '', other] = right[i] ?? [];
    if (name !== otherName) return name < otherName ? -1 : 1;
    const order = compareScalars(value, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers come before strings, strings before booleans. */
function compareScalars(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  const rank = (value: unknown): number => ['number', 'string', 'boolean'].indexOf(typeof value);
  return rank(a) - rank(b);
}

/** What a `k:`, `v:` or `i:` element holds; undefined when it is not JSON. */
export function parseElement(element: string): unknown {
  try {
    return JSON.parse(element.slice(2));
  } catch {
    return undefined;
  }
}

/** A path as people read it: `.spec.ports[port=80,protocol="TCP"].targetPort`. */
export function pathText(path: readonly string[]): string {
  return path
    .map((element) => {
      if (element.startsWith('f:')) return `.${element.slice(2)}`;
      const value = parseElement(element);
      if (element.startsWith('i:')) return `[${String(value)}]`;
      if (!element.startsWith('k:')) return `[=${JSON.stringify(value)}]`;
      const keys = Object.entries(value ?? {}).map(([name, part]) => `${name}=${JSON.stringify(part)}`);
      return `[${keys.join(',')}]`;
    })
    .join('');
}

/**
 * A set as a client wrote it, in the one form the rules count on: keys of items in order, unknown elements gone. Throws
 * RangeError for what is no set.
 */
export function readSet(value: unknown): FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RangeError('a set of fields must be an object');
  }
  const out: FieldTree = {};
  for (const [element, below] of Object.entries(value)) {
    const known = canonicalElement(element);
    if (known !== undefined) out[known] = readSet(below);
  }
  return out;
}

function canonicalElement(element: string): string | undefined {
  if (element === SELF || element.startsWith('f:') || element.startsWith('i:')) return element;
  if (!element.startsWith('k:') && !element.startsWith('v:')) return undefined;
  const value = parseElement(element);
  if (value === undefined) throw new RangeError(`${element} is no element of a path`);
  if (element.startsWith('v:')) return valueElement(value);
  if (typeof value !== 'object' || value === null) throw new RangeError(`${element} is no element of a path`);
  return keyElement(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const htmlCharacters = /[<>&\u2028\u2029]/g;

/** JSON as Go writes it, where some characters are escaped that need not be. */
function goJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (text.search(htmlCharacters) < 0) return text;
  return text.replace(htmlCharacters, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export const fieldElement = (name: string): string => `f:${name}`;
export const valueElement = (value: unknown): string => `v:${goJson(value)}`;

/** `pairs` in the order of their names. */
export function keyElement(pairs: readonly (readonly [name: string, value: unknown])[]): string {
  return `k:{${pairs.map(([name, value]) => `${goJson(name)}:${goJson(value)}`).join(',')}}`;
}
