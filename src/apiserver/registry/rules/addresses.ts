import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';
import { type Cidr, cidrContains, cidrOf, parseCidr } from '../../../net/cidr.ts';
import {
  addressBits,
  type Ip,
  type IpFamily,
  ipFromValue,
  isIpv4Mapped,
  isLinkLocal,
  isLinkLocalMulticast,
  isLoopback,
  isUnspecified,
  parseIp,
} from '../../../net/ip.ts';

const IP_MESSAGE = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const CIDR_MESSAGE = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** 010.000.1.2 -> 10.0.1.2: the old parser read such numbers as decimal, others read them as octal. */
const withoutZeros = (text: string): string => text.replace(/(^|[.:/])0+(?=[0-9])/g, '$1');

/** As addresses were read before KEP-4858: leading zeros mean nothing, and a mapped address is IPv4. */
export function sloppyIp(text: string): Ip | undefined {
  const ip = parseIp(text) ?? (text.includes(':') ? undefined : parseIp(withoutZeros(text)));
  return ip !== undefined && isIpv4Mapped(ip) ? ipFromValue('IPv4', ip.value & 0xffff_ffffn) : ip;
}

/** The same for blocks: the address as it was written, and the block it lies in. */
export function sloppyCidr(text: string): { readonly ip: Ip; readonly cidr: Cidr } | undefined {
  const slash = text.indexOf('/');
  const ip = parseIp(text.slice(0, slash)) ?? sloppyIp(text.slice(0, slash));
  const cidr = parseCidr(text) ?? (ip && parseCidr(ip.text + withoutZeros(text.slice(slash))));
  if (ip === undefined || cidr === undefined) return undefined;
  if (!isIpv4Mapped(ip) || cidr.prefix < MAPPED_BITS) return { ip, cidr };
  const mapped = ipFromValue('IPv4', ip.value & 0xffff_ffffn);
  return { ip: mapped, cidr: cidrOf(mapped, cidr.prefix - MAPPED_BITS) };
}

/** `::ffff:0:0/96` is all of IPv4. */
const MAPPED_BITS = 96;

/** Spellings that stand in the stored object already; an update may keep them, wherever it puts them. */
export type Standing = ReadonlySet<string>;

const nothing: Standing = new Set();

/** What stands in an old field: any spelling but the ones that different programs read differently (KEP-4858). */
export function ipFaults(path: string, text: string, standing = nothing): FieldError[] {
  if (standing.has(text) && sloppyIp(text) !== undefined) return [];
  const ip = parseIp(text);
  if (ip === undefined) {
    const detail = sloppyIp(text) === undefined ? IP_MESSAGE : 'must not have leading 0s';
    return [invalidValue(path, text, detail)];
  }
  return isIpv4Mapped(ip) ? [invalidValue(path, text, 'must not be an IPv4-mapped IPv6 address')] : [];
}

/** What stands in a new field: the one canonical spelling. */
export function canonicalIpFaults(path: string, text: string): FieldError[] {
  const errors = ipFaults(path, text);
  const canonical = parseIp(text)?.text ?? text;
  if (errors.length > 0 || canonical === text) return errors;
  return [invalidValue(path, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

export function ipOfFamilyFaults(
  path: string,
  text: string,
  { family, standing = nothing }: { readonly family: IpFamily; readonly standing?: Standing },
): FieldError[] {
  return sloppyIp(text)?.family === family
    ? ipFaults(path, text, standing)
    : [invalidValue(path, text, `must be a valid ${family} address`)];
}

/** Each spelling of `address/prefix` that old fields take; see `ipFaults`. */
export function cidrFaults(path: string, text: string, standing = nothing): FieldError[] {
  if (standing.has(text) && sloppyCidr(text) !== undefined) return [];
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    const detail =
      sloppyCidr(text) !== undefined ? 'must not have leading 0s in IP or prefix length' : CIDR_MESSAGE;
    return [invalidValue(path, text, detail)];
  }
  const ip = parseIp(text.slice(0, text.indexOf('/')));
  if (ip !== undefined && isIpv4Mapped(ip)) {
    return [invalidValue(path, text, 'must not have an IPv4-mapped IPv6 address')];
  }
  if (ip?.value === cidr.base) return [];
  return [invalidValue(path, text, 'must not have bits set beyond the prefix length')];
}

/** The one canonical spelling of a block. */
export function canonicalCidrFaults(path: string, text: string): FieldError[] {
  const errors = cidrFaults(path, text);
  const canonical = parseCidr(text)?.text ?? text;
  if (errors.length > 0 || canonical === text) return errors;
  return [invalidValue(path, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

/** A sentence about an address that is valid and yet unwisely spelled (upstream: GetWarningsForIP). */
export function ipWarnings(path: string, text: string): string[] {
  const sloppy = sloppyIp(text);
  const ip = parseIp(text);
  if (sloppy === undefined) return [];
  if (ip === undefined || isIpv4Mapped(ip)) {
    return [
      `${path}: non-standard IP address "${text}" will be considered invalid in a future Kubernetes release: use "${sloppy.text}"`,
    ];
  }
  if (ip.family === 'IPv4' || ip.text === text) return [];
  return [`${path}: IPv6 address "${text}" should be in RFC 5952 canonical format ("${ip.text}")`];
}

/** The same of a block (upstream: GetWarningsForCIDR). */
export function cidrWarnings(path: string, text: string): string[] {
  const sloppy = sloppyCidr(text);
  if (sloppy === undefined) return [];
  const { ip, cidr } = sloppy;
  const warnings: string[] = [];
  if (ip.value !== cidr.base) {
    const single = cidrOf(ip, addressBits(ip.family)).text;
    warnings.push(
      `${path}: CIDR value "${text}" is ambiguous in this context (should be "${cidr.text}" or "${single}"?)`,
    );
  }
  const strict = parseIp(text.slice(0, text.indexOf('/')));
  if (parseCidr(text) === undefined || (strict !== undefined && isIpv4Mapped(strict))) {
    warnings.push(
      `${path}: non-standard CIDR value "${text}" will be considered invalid in a future Kubernetes release: use "${cidr.text}"`,
    );
  }
  if (warnings.length > 0 || cidr.family === 'IPv4' || cidr.text === text) return warnings;
  return [`${path}: IPv6 CIDR value "${text}" should be in RFC 5952 canonical format ("${cidr.text}")`];
}

/**
 * Addresses that can never be an endpoint or an external IP: the unspecified one, loopback, link-local. Addresses in
 * `exempt` pass (a cluster without its own network has nothing but loopback).
 */
export function specialIpFaults(path: string, text: string, exempt: readonly Cidr[] = []): FieldError[] {
  const ip = sloppyIp(text);
  if (ip === undefined) return [invalidValue(path, text, 'must be a valid IP address')];
  if (exempt.some((cidr) => cidrContains(cidr, ip))) return [];
  const errors: FieldError[] = [];
  const refuse = (detail: string): unknown => errors.push(invalidValue(path, text, detail));
  if (isUnspecified(ip)) refuse(`may not be unspecified (${text})`);
  if (isLoopback(ip)) refuse('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (isLinkLocal(ip)) refuse('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (isLinkLocalMulticast(ip)) {
    refuse('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
  return errors;
}
