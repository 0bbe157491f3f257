import type { PodDNSConfig, PodSpec } from '../../../api/core/v1/pod-spec.ts';
import { invalidValue, required, type FieldError } from '../../../api/errors/field-error.ts';
import { dns1123Subdomain, dns1123SubdomainWithUnderscore } from '../../../api/validation/names.ts';
import { ipFaults } from '../rules/addresses.ts';
import { invalidEach } from '../rules/fields.ts';

// What resolvers of the C library can hold.
const MAX_NAME_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_LENGTH = 2048;

/** How a Pod's containers find names: resolv.conf and /etc/hosts. */
export function nameResolutionFaults(
  { dnsPolicy, dnsConfig, hostAliases = [] }: PodSpec,
  path: string,
): FieldError[] {
  return [
    ...dnsFaults(dnsConfig, dnsPolicy === 'None', `${path}.dnsConfig`),
    ...hostAliases.flatMap(({ ip, hostnames = [] }, i) => {
      const at = `${path}.hostAliases[${i}]`;
      const ofNames = hostnames.flatMap((name, j) =>
        invalidEach(`${at}.hostnames[${j}]`, name, dns1123Subdomain(name)),
      );
      return [...ipFaults(`${at}.ip`, ip), ...ofNames];
    }),
  ];
}

function dnsFaults(config: PodDNSConfig | undefined, isOwn: boolean, path: string): FieldError[] {
  if (config === undefined)
    return isOwn ? [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')] : [];
  const { nameservers = [], searches = [], options = [] } = config;
  if (isOwn && nameservers.length === 0) {
    const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
    return [required(`${path}.nameservers`, detail)];
  }
  const errors: FieldError[] = [];
  const tooMany = (field: string, value: readonly string[], what: string): void =>
    void errors.push(invalidValue(`${path}.${field}`, value, `must not have more than ${what}`));
  if (nameservers.length > MAX_NAME_SERVERS)
    tooMany('nameservers', nameservers, `${MAX_NAME_SERVERS} nameservers`);
  for (const [i, server] of nameservers.entries())
    errors.push(...ipFaults(`${path}.nameservers[${i}]`, server));
  if (searches.length > MAX_SEARCHES) tooMany('searches', searches, `${MAX_SEARCHES} search paths`);
  if (searches.join(' ').length > MAX_SEARCH_LENGTH)
    tooMany('searches', searches, `${MAX_SEARCH_LENGTH} characters (including spaces) in the search list`);
  for (const [i, search] of searches.entries()) {
    if (search === '.') continue;
    const name = search.replace(/\.$/, '');
    errors.push(...invalidEach(`${path}.searches[${i}]`, name, dns1123SubdomainWithUnderscore(name)));
  }
  for (const [i, { name = '' }] of options.entries())
    if (name === '') errors.push(required(`${path}.options[${i}]`, 'must not be empty'));
  return errors;
}
