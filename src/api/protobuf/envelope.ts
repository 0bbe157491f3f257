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
