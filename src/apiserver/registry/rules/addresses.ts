import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';
import { type Cidr, cidrContains, parseCidr } from '../../../net/cidr.ts';
import {
  type Ip,
  type IpFamily,
  isIpv4Mapped,
  isLinkLocal,
  isLinkLocalMulticast,
  isLoopback,
  isUnspecified,
  parseIp,
} from '../../../net/ip.ts';

const IP_MESSAGE = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const CIDR_MESSAGE = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** Strict, as today's API reads addresses (KEP-4858): no leading zeros, no IPv4 dressed as IPv6. */
const strictIp = (text: string): Ip | undefined => {
  const ip = parseIp(text);
  return ip === undefined || isIpv4Mapped(ip) ? undefined : ip;
};

export function ipFaults(path: string, text: string): FieldError[] {
  return strictIp(text) === undefined ? [invalidValue(path, text, IP_MESSAGE)] : [];
}

export function ipOfFamilyFaults(path: string, text: string, family: IpFamily): FieldError[] {
  return strictIp(text)?.family === family
    ? []
    : [invalidValue(path, text, `must be a valid ${family} address`)];
}

export function cidrFaults(path: string, text: string): FieldError[] {
  return parseCidr(text) === undefined ? [invalidValue(path, text, CIDR_MESSAGE)] : [];
}

/**
 * Addresses that can never be an endpoint or an external IP: the unspecified one, loopback, link-local. Addresses in
 * `exempt` pass (a cluster without its own network has nothing but loopback).
 */
export function specialIpFaults(path: string, text: string, exempt: readonly Cidr[] = []): FieldError[] {
  const ip = parseIp(text);
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
