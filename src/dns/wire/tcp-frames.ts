/** Splits a TCP stream into messages: two bytes of length, then so many bytes (RFC 1035 section 4.2.2). */
export interface TcpFrames {
  /** The messages that are complete with this piece. They may share memory with it. */
  push(piece: Buffer): Buffer[];
}

export function createTcpFrames(): TcpFrames {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push: (piece) => {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      const messages: Buffer[] = [];
      let at = 0;
      while (at + 2 <= bytes.length) {
        const end = at + 2 + bytes.readUInt16BE(at);
        if (end > bytes.length) break;
        messages.push(bytes.subarray(at + 2, end));
        at = end;
      }
      rest = bytes.subarray(at);
      return messages;
    },
  };
}

/** A message with its length in front. */
export function tcpFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(message.length + 2);
  frame.writeUInt16BE(message.length, 0);
  frame.set(message, 2);
  return frame;
}
