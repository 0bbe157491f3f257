import { attributeText, eachAttribute, readAttributes } from '../netlink/reader.ts';
import { decodeFields } from './data-types.ts';
import { formatIp, parseIp } from '../../net/ip.ts';
import type { NftElement, NftSet, Scalar, Verdict } from './model.ts';
import * as nft from './protocol.ts';

const verdictKinds = new Map<number, Verdict['kind']>([
  [nft.VERDICT_ACCEPT, 'accept'],
  [nft.VERDICT_DROP, 'drop'],
  [nft.VERDICT_RETURN, 'return'],
  [nft.VERDICT_GOTO, 'goto'],
  [nft.VERDICT_JUMP, 'jump'],
]);

function decodeVerdict(data: Buffer): Verdict | undefined {
  const attributes = readAttributes(data);
  const kind = verdictKinds.get(attributes.get(nft.VERDICT_CODE)?.readInt32BE(0) ?? 0);
  if (kind === undefined) return undefined;
  return kind === 'goto' || kind === 'jump'
    ? { kind, chain: attributeText(attributes.get(nft.VERDICT_CHAIN)) }
    : { kind };
}

function decodeData(types: NftSet['data'], data: Buffer): NftElement['data'] {
  const attributes = readAttributes(data);
  const verdict = attributes.get(nft.DATA_VERDICT);
  if (verdict !== undefined) return decodeVerdict(verdict);
  const value = attributes.get(nft.DATA_VALUE);
  return value === undefined || types === undefined || types === 'verdict'
    ? undefined
    : decodeFields(types, value);
}

interface RawElement extends NftElement {
  readonly isEnd: boolean;
}

function decodeElement(set: NftSet, data: Buffer): RawElement | undefined {
  const attributes = readAttributes(data);
  const keyNest = attributes.get(nft.ELEM_KEY);
  const value = keyNest === undefined ? undefined : readAttributes(keyNest).get(nft.DATA_VALUE);
  if (value === undefined) return undefined;
  const key = decodeFields(set.key, value);
  const flags = attributes.get(nft.ELEM_FLAGS)?.readUInt32BE(0) ?? 0;
  const isEnd = (flags & nft.ELEM_F_INTERVAL_END) !== 0;
  const dataNest = attributes.get(nft.ELEM_DATA);
  const decoded = dataNest === undefined ? undefined : decodeData(set.data, dataNest);
  return decoded === undefined ? { key, isEnd } : { key, data: decoded, isEnd };
}

/** Puts the first addresses and end marks of an interval set together again as prefixes; what is no prefix is `first-after`. */
function toPrefixes(elements: readonly RawElement[]): NftElement[] {
  const points = elements
    .flatMap(({ key: [text], isEnd }) => {
      const ip = parseIp(String(text));
      return ip === undefined ? [] : [{ ...ip, isEnd }];
    })
    .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : Number(b.isEnd) - Number(a.isEnd)));
  return points.flatMap((point, i): NftElement[] => {
    if (point.isEnd) return [];
    const bits = point.family === 'IPv4' ? 32 : 128;
    const end = points[i + 1]?.value ?? 1n << BigInt(bits);
    const hostBits = (end - point.value).toString(2).length - 1;
    const isPrefix = end - point.value === 1n << BigInt(hostBits);
    const text: Scalar = isPrefix
      ? `${point.text}/${bits - hostBits}`
      : `${point.text}-${formatIp(point.family, end - 1n)}`;
    return [{ key: [text] }];
  });
}

/** Collects the parts of a dump of one set's elements. */
export function elementCollector(set: NftSet): { add(payload: Buffer): void; finish(): NftElement[] } {
  const raw: RawElement[] = [];
  const add = (payload: Buffer): void => {
    const list = readAttributes(payload, 4).get(nft.ELEMENTS_LIST);
    if (list === undefined) return;
    eachAttribute(list, 0, (_, data) => {
      const element = decodeElement(set, data);
      if (element !== undefined) raw.push(element);
    });
  };
  const finish = (): NftElement[] => {
    if (set.isInterval) return toPrefixes(raw);
    return raw.map(({ key, data }) => (data === undefined ? { key } : { key, data }));
  };
  return { add, finish };
}

/** The comment in a table's user data; the empty string when there is none or it is something else. */
export function decodeComment(userdata: Buffer | undefined): string {
  if (userdata === undefined || userdata.length < 2 || userdata[0] !== 0) return '';
  return attributeText(userdata.subarray(2, 2 + (userdata[1] ?? 0)));
}
