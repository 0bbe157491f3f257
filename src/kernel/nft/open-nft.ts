import { errnoName } from '../libc/system-error.ts';
import { NetlinkError } from '../netlink/netlink-error.ts';
import { openNetlink } from '../netlink/netlink-socket.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { nfgenmsg, nfnetlinkType, NFNL_SUBSYS_NFTABLES } from '../netlink/nfnetlink.ts';
import { NETLINK_NETFILTER, NLM_F_DUMP_INTR } from '../netlink/protocol.ts';
import type { NetlinkMessage } from '../netlink/reader.ts';
import { attributeText, readAttributes } from '../netlink/reader.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import { decodeComment, decodeCounter, elementCollector } from './decode.ts';
import { encodeTransaction } from './encode.ts';
import { familyNumber } from './encode-rule.ts';
import { describeCommand } from './model.ts';
import type { CounterValue, NftElement, NftSet, TableRef, TableShape, Transaction } from './model.ts';
import { NftError } from './nft-kernel.ts';
import type { NftKernel } from './nft-kernel.ts';
import * as nft from './protocol.ts';

/** How often a dump disturbed by another writer, or a batch the kernel asks to repeat, is tried again. */
const maxTries = 8;
/** E85 is ERESTART, which user space usually never sees and Node has no name for. */
const transient = new Set(['EINTR', 'EAGAIN', 'E85']);

function nftError(what: string, error: unknown): NftError {
  const code = error instanceof NetlinkError ? errnoName(error.errno) : 'failed';
  return new NftError(what, code, { cause: error });
}

function getRequest(message: number, ref: TableRef): NetlinkWriter {
  const writer = new NetlinkWriter(256);
  return nfgenmsg(writer.begin(nfnetlinkType(NFNL_SUBSYS_NFTABLES, message), 0), familyNumber(ref.family));
}

/** Dumps until a pass was not disturbed by a change; `start` is called before each pass. */
function dumpAll(
  socket: NetlinkSocket,
  request: () => Buffer,
  start: () => (message: NetlinkMessage) => void,
): void {
  for (let i = 1; ; i++) {
    const onMessage = start();
    let isDisturbed = false;
    socket.dump(request(), (message) => {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) isDisturbed = true;
      onMessage(message);
    });
    if (!isDisturbed) return;
    if (i === maxTries) throw new NftError('list', 'EINTR');
  }
}

function apply(socket: NetlinkSocket, transaction: Transaction): void {
  const { messages, commandOf } = encodeTransaction(transaction);
  const { family, name } = transaction.table;
  if (messages.length > socket.maxBatchBytes) {
    throw new NftError(`${messages.length} bytes for table ${family} ${name}`, 'EMSGSIZE');
  }
  for (let i = 1; ; i++) {
    const { failures } = socket.batch(messages);
    const [failure] = failures;
    if (failure === undefined) return;
    if (transient.has(failure.code) && i < maxTries) continue;
    const command = commandOf[failure.index];
    const what = command === undefined ? 'transaction' : describeCommand(command);
    const text = failure.text === '' ? '' : ` (${failure.text})`;
    throw new NftError(`table ${family} ${name}: ${what}${text}`, failure.code);
  }
}

function readTable(socket: NetlinkSocket, ref: TableRef): TableShape | undefined {
  let comment = '';
  try {
    const [answer] = socket.request(
      getRequest(nft.GETTABLE, ref).attrString(nft.TABLE_NAME, ref.name).finish(),
    );
    if (answer !== undefined)
      comment = decodeComment(readAttributes(answer.payload, 4).get(nft.TABLE_USERDATA));
  } catch (error) {
    if (error instanceof NetlinkError && errnoName(error.errno) === 'ENOENT') return undefined;
    throw nftError(`get table ${ref.family} ${ref.name}`, error);
  }
  const nRules = new Map<string, number>();
  dumpAll(
    socket,
    () => getRequest(nft.GETRULE, ref).attrString(nft.RULE_TABLE, ref.name).finish(),
    () => {
      nRules.clear();
      return ({ payload }) => {
        const attributes = readAttributes(payload, 4);
        if (attributeText(attributes.get(nft.RULE_TABLE)) !== ref.name) return;
        const chain = attributeText(attributes.get(nft.RULE_CHAIN));
        nRules.set(chain, (nRules.get(chain) ?? 0) + 1);
      };
    },
  );
  return { comment, nRules, sets: readSets(socket, ref) };
}

function readSets(socket: NetlinkSocket, ref: TableRef): Set<string> {
  const sets = new Set<string>();
  dumpAll(
    socket,
    () => getRequest(nft.GETSET, ref).attrString(nft.SET_TABLE, ref.name).finish(),
    () => {
      sets.clear();
      return ({ payload }) => {
        const attributes = readAttributes(payload, 4);
        const flags = attributes.get(nft.SET_FLAGS)?.readUInt32BE(0) ?? 0;
        if ((flags & nft.SET_F_ANONYMOUS) === 0) sets.add(attributeText(attributes.get(nft.SET_NAME)));
      };
    },
  );
  return sets;
}

function readGeneration(socket: NetlinkSocket): number {
  const request = nfgenmsg(
    new NetlinkWriter(64).begin(nfnetlinkType(NFNL_SUBSYS_NFTABLES, nft.GETGEN), 0),
    0,
  );
  const [answer] = socket.request(request.finish(), 'get generation');
  const id = answer === undefined ? undefined : readAttributes(answer.payload, 4).get(nft.GEN_ID);
  if (id === undefined) throw new NftError('get generation', 'no answer');
  return id.readUInt32BE(0);
}

/** How often a dump is tried in pieces; other writers disturb those more easily than one that is read at once. */
const maxTriesInPieces = 3;

/** Reads a set in pieces, over a socket of its own, so that the event loop goes on and the other socket stays usable. */
async function readElements(options: NftOptions, ref: TableRef, set: NftSet): Promise<NftElement[]> {
  const request = (): Buffer =>
    getRequest(nft.GETSETELEM, ref)
      .attrString(nft.ELEMENTS_TABLE, ref.name)
      .attrString(nft.ELEMENTS_SET, set.name)
      .finish();
  const socket = openNetlink({ protocol: NETLINK_NETFILTER, ...options });
  let collector = elementCollector(set);
  try {
    for (let i = 1; i <= maxTriesInPieces; i++) {
      collector = elementCollector(set);
      let isDisturbed = false;
      await socket.dumpInPieces(request(), (message) => {
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) isDisturbed = true;
        collector.add(message.payload);
      });
      if (!isDisturbed) return collector.finish();
    }
    dumpAll(socket, request, () => {
      collector = elementCollector(set);
      return ({ payload }) => collector.add(payload);
    });
    return collector.finish();
  } catch (error) {
    throw error instanceof NftError
      ? error
      : nftError(`list set ${ref.family} ${ref.name} ${set.name}`, error);
  } finally {
    socket.close();
  }
}

/** In pieces, as the elements of a set; a counter that comes or goes meanwhile disturbs the dump, which is read again. */
async function readCounters(options: NftOptions, ref: TableRef): Promise<Map<string, CounterValue>> {
  const request = (): Buffer =>
    getRequest(nft.GETOBJ, ref)
      .attrString(nft.OBJ_TABLE, ref.name)
      .attrU32Be(nft.OBJ_TYPE, nft.OBJECT_COUNTER)
      .finish();
  const counters = new Map<string, CounterValue>();
  const add = ({ payload }: NetlinkMessage): void => {
    const found = decodeCounter(payload, ref.name);
    if (found !== undefined) counters.set(...found);
  };
  const socket = openNetlink({ protocol: NETLINK_NETFILTER, ...options });
  try {
    for (let i = 1; i <= maxTriesInPieces; i++) {
      counters.clear();
      let isDisturbed = false;
      await socket.dumpInPieces(request(), (message) => {
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) isDisturbed = true;
        add(message);
      });
      if (!isDisturbed) return counters;
    }
    dumpAll(socket, request, () => {
      counters.clear();
      return add;
    });
    return counters;
  } catch (error) {
    throw error instanceof NftError ? error : nftError(`list counters ${ref.family} ${ref.name}`, error);
  } finally {
    socket.close();
  }
}

export interface NftOptions {
  /** Path of the network namespace; default: the calling thread's. */
  readonly netnsPath?: string;
}

/** Transactions of this process, by the path of the namespace. */
const written = new Map<string, number>();

/** The nf_tables of a network namespace over netlink; the socket is opened at the first call. */
export function openNft(options: NftOptions = {}): NftKernel {
  const place = options.netnsPath ?? '';
  let nOwn = 0;
  let opened: NetlinkSocket | undefined;
  const socket = (): NetlinkSocket => (opened ??= openNetlink({ protocol: NETLINK_NETFILTER, ...options }));
  return {
    apply: async (transaction) => {
      if (transaction.commands.length === 0) return;
      apply(socket(), transaction);
      nOwn++;
      written.set(place, (written.get(place) ?? 0) + 1);
    },
    table: async (ref) => readTable(socket(), ref),
    elements: (ref, set) => readElements(options, ref, set),
    generation: async (of = 'anybody') => {
      const all = readGeneration(socket());
      return of === 'anybody' ? all : (all - ((written.get(place) ?? 0) - nOwn)) >>> 0;
    },
    counters: (ref) => readCounters(options, ref),
    close: () => {
      opened?.close();
      opened = undefined;
    },
  };
}
