/**
 * Bits of the code of each octet 0 to 255, one digit of base 36 each (RFC 7541, appendix B). The code is canonical, so its
 * lengths are all there is to know: codes of one length follow each other in the order of their octets.
 */
const LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq';

/** End of string: thirty ones. Only its beginning is ever seen, as padding. */
const EOS = 256;
const EOS_LENGTH = 30;
const LONGEST = 30;

/** `tree[2 * node + bit]`: the next node when positive, the complement of an octet when negative. Node 0 is the root. */
let tree: Int16Array | undefined;

function buildTree(): Int16Array {
  const lengths = [...LENGTHS].map((digit) => parseInt(digit, 36));
  lengths.push(EOS_LENGTH);
  const built = new Int16Array(2 * lengths.length);
  let nNodes = 1;
  const insert = (code: number, length: number, symbol: number): void => {
    let node = 0;
    for (let shift = length - 1; shift > 0; shift--) {
      const at = 2 * node + ((code >>> shift) & 1);
      if (built[at] === 0) built[at] = nNodes++;
      node = built[at] ?? 0;
    }
    built[2 * node + (code & 1)] = ~symbol;
  };
  let code = 0;
  for (let length = 1; length <= LONGEST; length++, code *= 2) {
    for (const [symbol, own] of lengths.entries()) if (own === length) insert(code++, length, symbol);
  }
  return built;
}

/** The octets as a string of characters 0 to 255. Undefined when they are no Huffman text (RFC 7541, 5.2). */
export function decodeHuffman(bytes: Uint8Array): string | undefined {
  tree ??= buildTree();
  let text = '';
  let node = 0;
  /** Bits since the last symbol, and whether all of them are ones: what padding looks like. */
  let [nBits, areOnes] = [0, true];
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift--) {
      const bit = (byte >>> shift) & 1;
      const next = tree[2 * node + bit] ?? 0;
      if (next >= 0) {
        node = next;
        nBits++;
        areOnes &&= bit === 1;
        continue;
      }
      if (~next === EOS) return undefined;
      text += String.fromCharCode(~next);
      [node, nBits, areOnes] = [0, 0, true];
    }
  }
  return nBits < 8 && areOnes ? text : undefined;
}
