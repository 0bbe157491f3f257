import type { DataType, NftFamily, NftSet } from './model.ts';

/**
 * What nft keeps with a set declared by `typeof`, so that it can list it: type, length and value of one byte each, nested
 * (libnftnl include/libnftnl/udata.h, nft's expr_ops.build_udata). Without it nft 1.0.6 dies listing a key with an integer in it.
 */
const SET_KEY_BYTEORDER = 0;
const SET_DATA_BYTEORDER = 1;
const SET_KEY_TYPEOF = 3;
const SET_DATA_TYPEOF = 4;
const SET_DATA_INTERVAL = 6;
const TYPEOF_EXPR = 0;
const TYPEOF_DATA = 1;

const EXPR_PAYLOAD = 7;
const EXPR_META = 9;
const EXPR_CONCAT = 13;
const EXPR_NUMGEN = 23;

function item(type: number, ...values: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(values);
  return Buffer.concat([Buffer.from([type, value.length]), value]);
}

function number(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return item(type, bytes);
}

const expr = (kind: number, ...data: readonly Uint8Array[]): Buffer =>
  Buffer.concat([number(TYPEOF_EXPR, kind), item(TYPEOF_DATA, ...data)]);

/** nft's numbers of a header (ip 12, ip6 13, th 11) and of a field in it. */
const payload = (header: number, field: number): Buffer =>
  expr(EXPR_PAYLOAD, number(0, header), number(1, field));

function typeofExpr(type: DataType, family: NftFamily): Buffer {
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return family === 'ip' ? payload(12, 12) : payload(13, 9);
    case 'inet_proto':
      return expr(EXPR_META, number(0, 16));
    case 'inet_service':
      return payload(11, 2);
    case 'mark':
      return expr(EXPR_META, number(0, 3));
    case 'ifname':
      return expr(EXPR_META, number(0, 6));
    case 'integer':
      /** numgen: random, modulus 1, offset 0. */
      return expr(EXPR_NUMGEN, number(0, 1), number(1, 1), number(2, 0));
  }
}

function typeofFields(types: readonly DataType[], family: NftFamily): Buffer {
  const [only] = types;
  if (only !== undefined && types.length === 1) return typeofExpr(only, family);
  return expr(EXPR_CONCAT, ...types.map((type, i) => item(i, typeofExpr(type, family))));
}

/** Whether nft can only declare this set by `typeof`: an integer has no name among its types. */
export function isTypeofSet({ key, data }: NftSet): boolean {
  return key.includes('integer') || (Array.isArray(data) && data.includes('integer'));
}

/** The user data of a set declared by `typeof`. */
export function typeofUserdata(set: NftSet, family: NftFamily): Buffer {
  const parts = [number(SET_KEY_BYTEORDER, 0), number(SET_DATA_BYTEORDER, 1)];
  parts.push(item(SET_KEY_TYPEOF, typeofFields(set.key, family)));
  if (set.data !== undefined && typeof set.data !== 'string') {
    parts.push(item(SET_DATA_TYPEOF, typeofFields(set.data, family)));
  }
  parts.push(number(SET_DATA_INTERVAL, 0));
  return Buffer.concat(parts);
}
