import { addressText } from './address.ts';
import { CLASS_IN, WireError, rrType } from './model.ts';
import type { Edns, Message, Question, ResourceRecord } from './model.ts';
import { readName } from './name.ts';

export const HEADER_BYTES = 12;

/** The first twelve bytes. Counts are what they claim, not what is there. */
export interface Header {
  readonly id: number;
  readonly flags: number;
  readonly nQuestions: number;
  readonly nAnswers: number;
  readonly nAuthorities: number;
  readonly nAdditionals: number;
}

/** Undefined when there are fewer than twelve bytes. */
export function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  return {
    id: bytes.readUInt16BE(0),
    flags: bytes.readUInt16BE(2),
    nQuestions: bytes.readUInt16BE(4),
    nAnswers: bytes.readUInt16BE(6),
    nAuthorities: bytes.readUInt16BE(8),
    nAdditionals: bytes.readUInt16BE(10),
  };
}

/** Throws WireError for anything that is not one whole message; bytes behind it are ignored. */
export function decodeMessage(bytes: Buffer): Message {
  const header = readHeader(bytes);
  if (header === undefined) throw new WireError('a message of less than twelve bytes');
  const cursor: Cursor = { bytes, at: HEADER_BYTES, edns: undefined, extendedCode: 0 };
  const questions: Question[] = [];
  for (let i = 0; i < header.nQuestions; i++) questions.push(readQuestion(cursor));
  const answers = readRecords(cursor, header.nAnswers);
  const authorities = readRecords(cursor, header.nAuthorities);
  const additionals = readRecords(cursor, header.nAdditionals);
  const { flags } = header;
  return {
    id: header.id,
    isResponse: (flags & 0x8000) !== 0,
    opcode: (flags >>> 11) & 15,
    isAuthoritative: (flags & 0x0400) !== 0,
    isTruncated: (flags & 0x0200) !== 0,
    isRecursionDesired: (flags & 0x0100) !== 0,
    isRecursionAvailable: (flags & 0x0080) !== 0,
    isAuthenticData: (flags & 0x0020) !== 0,
    isCheckingDisabled: (flags & 0x0010) !== 0,
    rcode: (flags & 15) | (cursor.extendedCode << 4),
    questions,
    answers,
    authorities,
    additionals,
    ...(cursor.edns && { edns: cursor.edns }),
  };
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
  edns: Edns | undefined;
  /** The upper eight bits of the response code. */
  extendedCode: number;
}

function readQuestion(cursor: Cursor): Question {
  const { name, end } = readName(cursor.bytes, cursor.at);
  need(cursor.bytes, end, 4);
  cursor.at = end + 4;
  return { name, type: cursor.bytes.readUInt16BE(end), class: cursor.bytes.readUInt16BE(end + 2) };
}

function need(bytes: Buffer, at: number, nBytes: number): void {
  if (at + nBytes > bytes.length) throw new WireError('the message ends in the middle of a record');
}

function readRecords(cursor: Cursor, count: number): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  for (let i = 0; i < count; i++) {
    const record = readRecord(cursor);
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** Undefined for OPT, which goes to the cursor. */
function readRecord(cursor: Cursor): ResourceRecord | undefined {
  const { bytes } = cursor;
  const { name, end } = readName(bytes, cursor.at);
  need(bytes, end, 10);
  const type = bytes.readUInt16BE(end);
  const recordClass = bytes.readUInt16BE(end + 2);
  const start = end + 10;
  const length = bytes.readUInt16BE(end + 8);
  need(bytes, start, length);
  cursor.at = start + length;
  if (type === rrType.OPT) {
    if (cursor.edns !== undefined) throw new WireError('two OPT records');
    if (name !== '.') throw new WireError('an OPT record that is not at the root');
    cursor.extendedCode = bytes[end + 4] ?? 0;
    cursor.edns = {
      udpSize: recordClass,
      version: bytes[end + 5] ?? 0,
      isDnssecOk: ((bytes[end + 6] ?? 0) & 0x80) !== 0,
      options: readOptions(bytes.subarray(start, cursor.at)),
    };
    return undefined;
  }
  // The top bit of a TTL must be clear; RFC 2181 section 8 reads one that is set as zero.
  const ttl = bytes.readUInt32BE(end + 4);
  const head = {
    name,
    ttl: ttl > 0x7fffffff ? 0 : ttl,
    ...(recordClass !== CLASS_IN && { class: recordClass }),
  };
  return { ...head, ...readData(bytes, { type, start, end: cursor.at }) };
}

function readOptions(data: Buffer): Edns['options'] {
  const options: { code: number; data: Uint8Array }[] = [];
  for (let at = 0; at < data.length;) {
    need(data, at, 4);
    const length = data.readUInt16BE(at + 2);
    need(data, at + 4, length);
    options.push({
      code: data.readUInt16BE(at),
      data: Uint8Array.from(data.subarray(at + 4, at + 4 + length)),
    });
    at += 4 + length;
  }
  return options;
}

interface DataAt {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

type RecordData = ResourceRecord extends infer R
  ? R extends ResourceRecord
    ? Omit<R, 'name' | 'ttl' | 'class'>
    : never
  : never;

function readData(bytes: Buffer, { type, start, end }: DataAt): RecordData {
  const nameIn = (at: number): string => {
    const found = readName(bytes, at);
    if (found.end !== end) throw new WireError('the data of a record is longer or shorter than its name');
    return found.name;
  };
  switch (type) {
    case rrType.A:
    case rrType.AAAA:
      if (end - start !== (type === rrType.A ? 4 : 16)) throw new WireError('an address of a wrong length');
      return { type: type === rrType.A ? 'A' : 'AAAA', address: addressText(bytes.subarray(start, end)) };
    case rrType.CNAME:
      return { type: 'CNAME', target: nameIn(start) };
    case rrType.NS:
      return { type: 'NS', target: nameIn(start) };
    case rrType.PTR:
      return { type: 'PTR', target: nameIn(start) };
    case rrType.MX:
      need(bytes, start, 2);
      return { type: 'MX', preference: bytes.readUInt16BE(start), target: nameIn(start + 2) };
    case rrType.SRV: {
      need(bytes, start, 6);
      const [priority, weight, port] = [0, 2, 4].map((at) => bytes.readUInt16BE(start + at));
      return {
        type: 'SRV',
        priority: priority ?? 0,
        weight: weight ?? 0,
        port: port ?? 0,
        target: nameIn(start + 6),
      };
    }
    case rrType.TXT:
      return { type: 'TXT', strings: readStrings(bytes, start, end) };
    case rrType.SOA:
      return readSoa(bytes, start, end);
    default:
      return { type: 'OTHER', code: type, rdata: Uint8Array.from(bytes.subarray(start, end)) };
  }
}

function readStrings(bytes: Buffer, start: number, end: number): string[] {
  const strings: string[] = [];
  for (let at = start; at < end;) {
    const next = at + 1 + (bytes[at] ?? 0);
    if (next > end) throw new WireError('a string goes past the end of its record');
    strings.push(bytes.toString('latin1', at + 1, next));
    at = next;
  }
  return strings;
}

function readSoa(bytes: Buffer, start: number, end: number): RecordData {
  const mname = readName(bytes, start);
  const rname = readName(bytes, mname.end);
  const at = rname.end;
  if (at + 20 !== end) throw new WireError('an SOA record of a wrong length');
  return {
    type: 'SOA',
    mname: mname.name,
    rname: rname.name,
    serial: bytes.readUInt32BE(at),
    refresh: bytes.readUInt32BE(at + 4),
    retry: bytes.readUInt32BE(at + 8),
    expire: bytes.readUInt32BE(at + 12),
    minimum: bytes.readUInt32BE(at + 16),
  };
}
