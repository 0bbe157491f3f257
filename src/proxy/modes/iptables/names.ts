import { hash } from 'node:crypto';
import type { ServicePort } from '../../state/model.ts';

/** Kinds of chains that belong to one Service port, in upstream's words. */
export type ServiceChainKind = 'SVC' | 'SVL' | 'EXT' | 'FW' | 'SEP';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 base32 of the first ten bytes: sixteen letters, as much as fits into a chain's name (28). */
function base32(bytes: Uint8Array): string {
  let [text, bits, value] = ['', 0, 0];
  for (const byte of bytes.subarray(0, 10)) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >> bits) & 31] ?? '';
      value &= (1 << bits) - 1;
    }
  }
  return text;
}

/** `namespace/name:port`, without the colon when the port has no name: how rules and chain names call a Service port. */
export function servicePortName({ namespace, name, portName }: ServicePort): string {
  return portName === '' ? `${namespace}/${name}` : `${namespace}/${name}:${portName}`;
}

/**
 * `KUBE-SVC-` and sixteen letters: SHA-256 over name, protocol in small letters and, for endpoints, `ip:port` (upstream's
 * portProtoHash and servicePortEndpointChainName). `more` tells a second chain of the same kind from the first.
 */
export function serviceChain(kind: ServiceChainKind, port: ServicePort, more = ''): string {
  const text = `${servicePortName(port)}${port.protocol.toLowerCase()}${more}`;
  return `KUBE-${kind}-${base32(hash('sha256', text, 'buffer'))}`;
}

/** Chains of single Services: also those of kube-proxies before 1.24 (KUBE-XLB). */
export const isServiceChain = (chain: string): boolean => /^KUBE-(?:SVC|SVL|EXT|FW|SEP|XLB)-/.test(chain);
