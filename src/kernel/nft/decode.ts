import { formatIp, parseIp } from '../../net/ip.ts';
import { align4, attributeHeaderBytes, NLA_TYPE_MASK } from '../netlink/protocol.ts';
import { attributeText, readAttributes } from '../netlink/reader.ts';
import { decodeFields, fieldOfBounds } from './data-types.ts';
import type { CounterValue, NftElement, NftSet, Scalar, Verdict } from './model.ts';
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
  const code = attributes.get(nft.VERDICT_CODE);
  const kind = code === undefined ? undefined : verdictKinds.get(code.readInt32BE(0));
  if (kind === undefined) return undefined;
  return kind === 'goto' || kind === 'jump'
    ? { kind, chain: attributeText(attributes.get(nft.VERDICT_CHAIN)) }
    : { kind };
}

interface RawElement extends NftElement {
  readonly isEnd: boolean;
}

/** Reads the value of the first attribute at `at` (a DATA_VALUE or DATA_VERDICT); no maps and no copies: this runs 100 000 times. */
function decodeData(types: NftSet['data'], buffer: Buffer, at: number): NftElement['data'] {
  const length = buffer.readUInt16LE(at);
  const value = buffer.subarray(at + attributeHeaderBytes, at + length);
  if ((buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK) === nft.DATA_VERDICT) return decodeVerdict(value);
  return types === undefined || typeof types === 'string' ? undefined : decodeFields(types, value);
}

function decodeElement(
  set: NftSet,
  buffer: Buffer,
  range: { start: number; end: number },
): RawElement | undefined {
  let key: Scalar[] | undefined;
  let keyEnd: Scalar[] | undefined;
  let data: NftElement['data'];
  let flags = 0;
  for (let at = range.start; at + attributeHeaderBytes <= range.end;) {
    const length = buffer.readUInt16LE(at);
    if (length < attributeHeaderBytes) break;
    const value = at + attributeHeaderBytes;
    switch (buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK) {
      case nft.ELEM_KEY:
        key = decodeFields(set.key, buffer.subarray(value + attributeHeaderBytes, at + length));
        break;
      case nft.ELEM_KEY_END:
        keyEnd = decodeFields(set.key, buffer.subarray(value + attributeHeaderBytes, at + length));
        break;
      case nft.ELEM_DATA:
        data = decodeData(set.data, buffer, value);
        break;
      case nft.ELEM_OBJREF:
        data = [attributeText(buffer.subarray(value, at + length))];
        break;
      case nft.ELEM_FLAGS:
        flags = buffer.readUInt32BE(value);
    }
    at += align4(length);
  }
  if (key === undefined) return undefined;
  if (keyEnd !== undefined) key = key.map((first, i) => fieldOfBounds(first, keyEnd[i] ?? first));
  const isEnd = (flags & nft.ELEM_F_INTERVAL_END) !== 0;
  return data === undefined ? { key, isEnd } : { key, data, isEnd };
}

/** Puts the first addresses and end marks of an interval set together again as prefixes; what is no prefix is `first-last`. */
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
    for (let at = 0; at + attributeHeaderBytes <= list.length;) {
      const length = list.readUInt16LE(at);
      if (length < attributeHeaderBytes) return;
      const element = decodeElement(set, list, { start: at + attributeHeaderBytes, end: at + length });
      if (element !== undefined) raw.push(element);
      at += align4(length);
    }
  };
  const finish = (): NftElement[] =>
    set.isInterval && set.key.length === 1
      ? toPrefixes(raw)
      : raw.map(({ key, data }) => (data === undefined ? { key } : { key, data }));
  return { add, finish };
}

/** One counter of a dump of objects; undefined = it is something else, or another table's. */
export function decodeCounter(payload: Buffer, table: string): readonly [string, CounterValue] | undefined {
  const attributes = readAttributes(payload, 4);
  const data = attributes.get(nft.OBJ_DATA);
  const isCounter = attributes.get(nft.OBJ_TYPE)?.readUInt32BE(0) === nft.OBJECT_COUNTER;
  if (!isCounter || data === undefined || attributeText(attributes.get(nft.OBJ_TABLE)) !== table)
    return undefined;
  const values = readAttributes(data);
  const number = (attribute: number): number => Number(values.get(attribute)?.readBigUInt64BE(0) ?? 0n);
  const name = attributeText(attributes.get(nft.OBJ_NAME));
  return [name, { packets: number(nft.COUNTER_PACKETS), bytes: number(nft.COUNTER_BYTES) }];
}

/** The comment in a table's user data; the empty string when there is none or it is something else. */
export function decodeComment(userdata: Buffer | undefined): string {
  if (userdata === undefined || userdata.length < 2 || userdata[0] !== 0) return '';
  return attributeText(userdata.subarray(2, 2 + (userdata[1] ?? 0)));
}
