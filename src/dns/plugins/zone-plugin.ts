import { CLASS_IN, rcode } from '../wire/model.ts';
import type { DomainName, Message, ResourceRecord } from '../wire/model.ts';
import { decodeMessage } from '../wire/decode.ts';
import { encodeMessage } from '../wire/encode.ts';
import { parseReverseName } from '../zone/reverse-name.ts';
import type { DnsZone, ZoneAnswer } from '../zone/zone.ts';
import type { DnsPlugin, DnsQuery, DnsReply, NextPlugin } from './plugin.ts';

export interface ZonePluginOptions {
  readonly zone: DnsZone;
  /** Whether all objects have been seen once. Before that "there is none" is not known: it is SERVFAIL. */
  readonly isSynced: () => boolean;
}

/** What may come back for the end of a CNAME; it is cut down to what the client takes afterwards. */
const CHASE_UDP_SIZE = 4096;

/** Answers from a zone; names that are not the zone's are handed on, and so is the end of a CNAME that leads out of it. */
export function createZonePlugin({ zone, isSynced }: ZonePluginOptions): DnsPlugin {
  return {
    name: 'zone',
    handle: (query, next) => {
      const { name, type } = query.question;
      const answer = zone.lookup({ name, type });
      if (answer === undefined) {
        const isUnknownYet = !isSynced() && parseReverseName(name.toLowerCase()) !== undefined;
        return isUnknownYet ? { kind: 'message', message: { rcode: rcode.SERVFAIL } } : next(query);
      }
      if (answer.rcode === rcode.NXDOMAIN && !isSynced()) return reply({ ...answer, rcode: rcode.SERVFAIL });
      return answer.outside === undefined
        ? reply(answer)
        : chase(query, next, { answer, target: answer.outside });
    },
  };
}

function reply(answer: ZoneAnswer, more: Partial<Message> = {}): DnsReply {
  const { rcode: code, answers, authorities, additionals } = answer;
  return {
    kind: 'message',
    message: { isAuthoritative: true, rcode: code, answers, authorities, additionals, ...more },
  };
}

interface Chase {
  readonly answer: ZoneAnswer;
  readonly target: DomainName;
}

/**
 * Adds what stands behind the CNAME. When nobody can tell, the CNAME alone is the answer (as CoreDNS does it): the name
 * exists, and a resolver behind us may find its end.
 */
async function chase(query: DnsQuery, next: NextPlugin, { answer, target }: Chase): Promise<DnsReply> {
  const question = { name: target, type: query.question.type, class: CLASS_IN };
  const message: Message = {
    ...query.message,
    isRecursionDesired: true,
    questions: [question],
    additionals: [],
    edns: { udpSize: CHASE_UDP_SIZE, version: 0, isDnssecOk: false, options: [] },
  };
  const bytes = encodeMessage(message);
  const found = await next({ ...query, question, message, bytes, maxBytes: CHASE_UDP_SIZE });
  if (found === undefined) return reply(answer);
  const told = found.kind === 'bytes' ? decodeMessage(found.bytes) : found.message;
  const answers = told.rcode === rcode.NOERROR ? (told.answers ?? []) : [];
  return reply(
    { ...answer, answers: [...answer.answers, ...(answers satisfies readonly ResourceRecord[])] },
    { isTruncated: told.isTruncated ?? false },
  );
}
