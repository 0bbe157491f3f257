import { invalidValue, required, type FieldError } from '../../../api/errors/field-error.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { invalidEach } from './fields.ts';

/** RFC 3986 path characters, percent-encoded ones among them. */
const PATH = /^(?:[A-Za-z0-9/\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+$/;

/** A domain and a path, such as example.com/ingress (upstream: IsDomainPrefixedPath). */
export function domainPathFaults(path: string, value: string): FieldError[] {
  if (value === '') return [required(path)];
  const slash = value.indexOf('/');
  if (slash <= 0 || slash === value.length - 1) {
    return [invalidValue(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const [domain, rest] = [value.slice(0, slash), value.slice(slash + 1)];
  const errors = invalidEach(path, domain, dns1123Subdomain(domain));
  if (!PATH.test(rest)) {
    errors.push(invalidValue(path, rest, `Invalid path (regex used for validation is '${PATH.source}')`));
  }
  return errors;
}
