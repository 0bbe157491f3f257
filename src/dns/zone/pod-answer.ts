import { parseIp } from '../../net/ip.ts';
import { NODATA, NXDOMAIN, addressAnswer } from './records.ts';
import type { Asked, Finding } from './records.ts';
import type { ZoneContext } from './zone-context.ts';

/**
 * `<a-b-c-d>.<namespace>.pod.<zone>`: the address that the name itself spells, in a namespace that exists. `labels` are
 * those before `pod`, in lower case.
 */
export function podAnswer(
  { view, podRecords }: ZoneContext,
  asked: Asked,
  labels: readonly string[],
): Finding {
  const namespace = labels.at(-1);
  if (namespace === undefined) return NODATA;
  if (podRecords === 'disabled' || !view.hasNamespace(namespace)) return NXDOMAIN;
  const [label] = labels;
  if (labels.length === 1) return NODATA;
  const ip = labels.length === 2 && label !== undefined ? parseDashed(label) : undefined;
  if (ip === undefined) return NXDOMAIN;
  const isIpv4 = ip.family === 'IPv4';
  return addressAnswer(asked, { ipv4: isIpv4 ? [ip.text] : [], ipv6: isIpv4 ? [] : [ip.text] });
}

/** Three single dashes are IPv4, all else is tried as IPv6. */
function parseDashed(label: string): ReturnType<typeof parseIp> {
  const isIpv4 = label.split('-').length === 4 && !label.includes('--');
  return parseIp(label.replaceAll('-', isIpv4 ? '.' : ':'));
}
