const newline = 0x0a;

/**
 * The JSON values of a stream that writes one per line, wherever its chunks begin and end: bytes are joined before they
 * are decoded, so no character is torn. Throws when a line is not JSON, which includes a last line cut short.
 */
export async function* jsonFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  let pieces: Uint8Array[] = [];
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      pieces.push(chunk.subarray(start, end));
      start = end + 1;
      const line = textOf(pieces);
      pieces = [];
      if (line !== '') yield parseFrame(line);
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
  const rest = textOf(pieces);
  if (rest !== '') yield parseFrame(rest);
}

/** A whole body as text. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of body) pieces.push(chunk);
  return textOf(pieces);
}

function textOf(pieces: readonly Uint8Array[]): string {
  const [only] = pieces;
  if (only === undefined) return '';
  const bytes = pieces.length === 1 ? only : Buffer.concat(pieces);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8').trim();
}

function parseFrame(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`not JSON in a stream of JSON lines: ${line.slice(0, 80)}`, { cause });
  }
}
