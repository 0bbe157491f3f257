import { string, message, optional, bytes as bytesType } from '../schema/schema.ts';
import { decodeProtobuf } from './decode.ts';
import { WireError } from './reader.ts';

/** What Kubernetes puts in front of every protobuf body (apimachinery serializer/protobuf): `k8s` and a zero byte. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00] as const;

/** runtime.Unknown; facts of upstream's generated.proto. */
const unknown = message('k8s.io.apimachinery.pkg.runtime.Unknown', 'The envelope of an object.', {
  typeMeta: optional(
    [
      1,
      message('k8s.io.apimachinery.pkg.runtime.TypeMeta', 'What the object is.', {
        apiVersion: optional([1, string], 'Group and version.'),
        kind: optional([2, string], 'The kind.'),
      }),
    ],
    'What the object is.',
  ),
  raw: optional([2, bytesType], 'The object.'),
});

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/** Opens the envelope of a body of type application/vnd.kubernetes.protobuf. Throws WireError. */
export function openEnvelope(body: Uint8Array): Envelope {
  if (!MAGIC.every((byte, i) => body[i] === byte)) throw new WireError('the k8s prefix is missing');
  const { typeMeta, raw } = decodeProtobuf(unknown, body.subarray(MAGIC.length)) as {
    typeMeta?: { apiVersion?: string; kind?: string };
    raw?: string;
  };
  return {
    apiVersion: typeMeta?.apiVersion ?? '',
    kind: typeMeta?.kind ?? '',
    raw: Buffer.from(raw ?? '', 'base64'),
  };
}

const encoder = new TextEncoder();

/** A tag of wire type 2 and a length. Field numbers below 16. */
export function delimitedHead(number: number, length: number): number[] {
  const head = [number * 8 + 2];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) head.push((rest % 0x80) | 0x80);
  return [...head, rest];
}

const delimited = (number: number, content: ArrayLike<number>): number[] => [
  ...delimitedHead(number, content.length),
  ...Array.from(content),
];

/** What stands before the bytes of an object in a body: prefix, type and the length of `raw`. */
export function envelopeHead(
  type: { readonly apiVersion: string; readonly kind: string },
  rawLength: number,
): Buffer {
  const typeMeta = [
    ...delimited(1, encoder.encode(type.apiVersion)),
    ...delimited(2, encoder.encode(type.kind)),
  ];
  return Buffer.from([...MAGIC, ...delimited(1, typeMeta), ...delimitedHead(2, rawLength)]);
}

/** What stands after them: neither an encoding nor a content type, as upstream writes it. */
export const ENVELOPE_TAIL = Buffer.from([0x1a, 0x00, 0x22, 0x00]);

/** A whole body of type application/vnd.kubernetes.protobuf. */
export const sealEnvelope = (
  type: { readonly apiVersion: string; readonly kind: string },
  raw: Uint8Array,
): Buffer => Buffer.concat([envelopeHead(type, raw.length), raw, ENVELOPE_TAIL]);
