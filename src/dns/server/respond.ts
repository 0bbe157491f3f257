import type { Logger } from '../../base/logger.ts';
import { chainOf } from '../plugins/plugin.ts';
import type { DnsPlugin, DnsQuery, DnsReply } from '../plugins/plugin.ts';
import { decodeMessage, readHeader } from '../wire/decode.ts';
import type { Header } from '../wire/decode.ts';
import { MAX_MESSAGE_BYTES, encodeMessage } from '../wire/encode.ts';
import { CLASS_IN, opcode, rcode, rrType } from '../wire/model.ts';
import type { Edns, Message, Question } from '../wire/model.ts';

/** What a client that says nothing takes over UDP (RFC 1035 section 4.2.1). */
const MIN_UDP_BYTES = 512;
/** More is not sent in one datagram whatever the client says: fragments get lost, and TCP is there. */
const MAX_UDP_BYTES = 4096;

/** Undefined = say nothing. Synchronous when the answer needs nobody else. Never throws, never rejects. */
export type Respond = (bytes: Buffer, transport: 'udp' | 'tcp') => Answer | Promise<Answer>;
type Answer = Buffer | undefined;

export interface RespondOptions {
  readonly plugins: readonly DnsPlugin[];
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What the server says to a message, whatever the message is. */
export function createRespond({ plugins, logger, signal }: RespondOptions): Respond {
  const chain = chainOf(plugins);
  const failure = (query: DnsQuery, err: unknown): Answer => {
    logger.error('a query could not be answered', { name: query.question.name, err });
    return write(query, { kind: 'message', message: { rcode: rcode.SERVFAIL } });
  };
  return (bytes, transport) => {
    const header = readHeader(bytes);
    // Answering a response could make two servers talk to each other for ever.
    if (header === undefined || (header.flags & 0x8000) !== 0) return undefined;
    const refusal = refusedByHeader(header);
    if (refusal !== undefined) return headerOnly(header, refusal);
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch {
      return headerOnly(header, rcode.FORMERR);
    }
    const [question] = message.questions;
    if (question === undefined) return headerOnly(header, rcode.FORMERR);
    const query = { question, message, bytes, signal, maxBytes: maxBytesOf(message, transport) };
    const code = refusedByQuestion(message, question);
    if (code !== undefined) return write(query, { kind: 'message', message: { rcode: code } });
    try {
      const reply = chain(query);
      if (!(reply instanceof Promise)) return write(query, reply);
      return reply.then((late) => write(query, late)).catch((err: unknown) => failure(query, err));
    } catch (err) {
      return failure(query, err);
    }
  };
}

/** The rules that come before reading: those of the DNS library CoreDNS uses (miekg/dns, acceptfunc.go). */
function refusedByHeader({
  flags,
  nQuestions,
  nAnswers,
  nAuthorities,
  nAdditionals,
}: Header): number | undefined {
  const code = (flags >>> 11) & 15;
  if (code !== opcode.QUERY && code !== opcode.NOTIFY) return rcode.NOTIMP;
  if (nQuestions !== 1 || nAnswers > 1 || nAuthorities > 1 || nAdditionals > 2) return rcode.FORMERR;
  return undefined;
}

function refusedByQuestion(message: Message, question: Question): number | undefined {
  if (message.edns !== undefined && message.edns.version !== 0) return rcode.BADVERS;
  const isTransfer = question.type === rrType.AXFR || question.type === rrType.IXFR;
  return question.class !== CLASS_IN || isTransfer || message.opcode !== opcode.QUERY
    ? rcode.REFUSED
    : undefined;
}

function headerOnly({ id, flags }: Header, code: number): Buffer {
  const answer = Buffer.alloc(12);
  answer.writeUInt16BE(id, 0);
  // Opcode and RD are the query's.
  answer.writeUInt16BE(0x8000 | (flags & 0x7900) | code, 2);
  return answer;
}

function maxBytesOf(message: Message, transport: 'udp' | 'tcp'): number {
  if (transport === 'tcp') return MAX_MESSAGE_BYTES;
  return Math.min(MAX_UDP_BYTES, Math.max(MIN_UDP_BYTES, message.edns?.udpSize ?? 0));
}

/** Undefined = no plugin answers for the name. */
function write(query: DnsQuery, reply: DnsReply | undefined): Buffer {
  if (reply?.kind === 'bytes') return passOn(query, reply.bytes);
  return encodeMessage(answerTo(query, reply?.message ?? { rcode: rcode.REFUSED }), query.maxBytes);
}

function answerTo(
  { message, question }: DnsQuery,
  reply: Partial<Message> & Pick<Message, 'rcode'>,
): Message {
  const edns = message.edns && ednsOf(message.edns);
  return {
    isAuthoritative: false,
    isTruncated: false,
    isRecursionAvailable: false,
    answers: [],
    authorities: [],
    additionals: [],
    ...reply,
    id: message.id,
    isResponse: true,
    opcode: message.opcode,
    isRecursionDesired: message.isRecursionDesired,
    isCheckingDisabled: message.isCheckingDisabled ?? false,
    questions: [question],
    ...(edns && { edns }),
  };
}

/** The client's size and DO bit come back, as from CoreDNS; we speak version 0 and have no options. */
const ednsOf = ({ udpSize, isDnssecOk }: Edns): Edns => ({ udpSize, version: 0, isDnssecOk, options: [] });

/** Somebody else's answer under the client's id; what is too long for the client becomes an empty one with TC. */
function passOn(query: DnsQuery, bytes: Buffer): Buffer {
  if (bytes.length > query.maxBytes) {
    const code = (bytes[3] ?? 0) & 15;
    const reply = { rcode: code, isTruncated: true, isRecursionAvailable: true };
    return encodeMessage(answerTo(query, reply), query.maxBytes);
  }
  bytes.writeUInt16BE(query.message.id, 0);
  return bytes;
}
