import { writeAddress } from './address.ts';
import { CLASS_IN, WireError, rrType } from './model.ts';
import type { Edns, Message, ResourceRecord } from './model.ts';
import { MessageFullError, MessageWriter } from './writer.ts';

/** The largest message TCP's two bytes of length can announce. */
export const MAX_MESSAGE_BYTES = 65535;

/** One for all messages: encoding is synchronous, and what it returns is a copy. */
let shared: MessageWriter | undefined;

/**
 * The bytes of a message, at most `maxBytes` of them (default 65535). When records do not fit, those from the end are
 * left out and TC is set; question and OPT always stay. Throws WireError when the message cannot be written at all.
 */
export function encodeMessage(message: Message, maxBytes = MAX_MESSAGE_BYTES): Buffer {
  const writer = (shared ??= new MessageWriter(Buffer.alloc(MAX_MESSAGE_BYTES)));
  writer.reset();
  writeHeader(writer, message);
  for (const question of message.questions) {
    writer.name(question.name);
    writer.u16(question.type);
    writer.u16(question.class);
  }
  const limit = maxBytes - (message.edns === undefined ? 0 : ednsBytes(message.edns));
  const sections = [message.answers, message.authorities, message.additionals];
  const counts = [0, 0, 0];
  let isTruncated = false;
  for (const [i, records] of sections.entries()) {
    for (const record of records) {
      if (isTruncated || !writeWithin(writer, record, limit)) {
        isTruncated = true;
        break;
      }
      counts[i] = (counts[i] ?? 0) + 1;
    }
  }
  if (message.edns !== undefined) {
    writeEdns(writer, message.edns, message.rcode);
    counts[2] = (counts[2] ?? 0) + 1;
  }
  if (isTruncated) writer.patch16(2, flagsOf(message) | 0x0200);
  for (const [i, count] of counts.entries()) writer.patch16(6 + 2 * i, count);
  return writer.finish();
}

function flagsOf(message: Message): number {
  return (
    (message.isResponse ? 0x8000 : 0) |
    ((message.opcode & 15) << 11) |
    (message.isAuthoritative ? 0x0400 : 0) |
    (message.isTruncated ? 0x0200 : 0) |
    (message.isRecursionDesired ? 0x0100 : 0) |
    (message.isRecursionAvailable ? 0x0080 : 0) |
    (message.isAuthenticData === true ? 0x0020 : 0) |
    (message.isCheckingDisabled === true ? 0x0010 : 0) |
    (message.rcode & 15)
  );
}

function writeHeader(writer: MessageWriter, message: Message): void {
  writer.u16(message.id);
  writer.u16(flagsOf(message));
  writer.u16(message.questions.length);
  writer.u16(0);
  writer.u32(0);
}

function writeWithin(writer: MessageWriter, record: ResourceRecord, limit: number): boolean {
  const start = writer.length;
  try {
    writeRecord(writer, record);
  } catch (error) {
    writer.truncate(start);
    if (error instanceof MessageFullError) return false;
    throw error;
  }
  if (writer.length <= limit) return true;
  writer.truncate(start);
  return false;
}

function writeRecord(writer: MessageWriter, record: ResourceRecord): void {
  writer.name(record.name);
  writer.u16(record.type === 'OTHER' ? record.code : rrType[record.type]);
  writer.u16(record.class ?? CLASS_IN);
  writer.u32(record.ttl);
  const start = writer.length;
  writer.u16(0);
  writeData(writer, record);
  writer.patchLength(start);
}

function writeData(writer: MessageWriter, record: ResourceRecord): void {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return writeAddress(writer, record.type, record.address);
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return writer.name(record.target);
    case 'MX':
      writer.u16(record.preference);
      return writer.name(record.target);
    case 'SRV':
      writer.u16(record.priority);
      writer.u16(record.weight);
      writer.u16(record.port);
      return writer.name(record.target, false);
    case 'TXT':
      for (const text of record.strings) {
        if (text.length > 255) throw new WireError('a string of TXT has at most 255 bytes');
        writer.u8(text.length);
        writer.latin1(text);
      }
      return;
    case 'SOA':
      writer.name(record.mname);
      writer.name(record.rname);
      for (const key of ['serial', 'refresh', 'retry', 'expire', 'minimum'] as const) writer.u32(record[key]);
      return;
    case 'OTHER':
      return writer.bytes(record.rdata);
  }
}

function ednsBytes(edns: Edns): number {
  return edns.options.reduce((sum, { data }) => sum + 4 + data.length, 11);
}

function writeEdns(writer: MessageWriter, edns: Edns, code: number): void {
  writer.u8(0);
  writer.u16(rrType.OPT);
  writer.u16(edns.udpSize);
  writer.u8(code >>> 4);
  writer.u8(edns.version);
  writer.u16(edns.isDnssecOk ? 0x8000 : 0);
  writer.u16(ednsBytes(edns) - 11);
  for (const { code: option, data } of edns.options) {
    writer.u16(option);
    writer.u16(data.length);
    writer.bytes(data);
  }
}
