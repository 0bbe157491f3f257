import type { Secret } from '../../../api/core/v1/secret.ts';
import { invalidValue, required, tooLong, type FieldError } from '../../../api/errors/field-error.ts';
import { configMapKey } from '../../../api/validation/names.ts';
import { isJsonObject } from '../../../base/json.ts';
import { base64Bytes, MAX_DATA_BYTES, sealedFaults } from '../configmaps/validation.ts';
import { immutableFaults, invalidEach } from '../rules/fields.ts';

const ACCOUNT = 'kubernetes.io/service-account.name';

/** The keys a type cannot do without; the first group that is there suffices. */
const NEEDED: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);

export function secretFaults(secret: Secret): FieldError[] {
  const { data = {} } = secret;
  const errors: FieldError[] = [];
  let nBytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...invalidEach(`data[${key}]`, key, configMapKey(key)));
    nBytes += base64Bytes(value);
  }
  if (nBytes > MAX_DATA_BYTES) errors.push(tooLong('data', MAX_DATA_BYTES));
  return [...errors, ...typeFaults(secret)];
}

function typeFaults({ type = '', data = {}, metadata }: Secret): FieldError[] {
  if (type === 'kubernetes.io/service-account-token') {
    return metadata.annotations?.[ACCOUNT] ? [] : [required(`metadata.annotations[${ACCOUNT}]`)];
  }
  if (type === 'kubernetes.io/basic-auth') {
    return 'username' in data || 'password' in data
      ? []
      : [required('data[username]'), required('data[password]')];
  }
  return (NEEDED.get(type) ?? []).flatMap((key) => {
    const value = data[key];
    if (value === undefined) return [required(`data[${key}]`)];
    if (!key.startsWith('.docker') || isJson(value)) return [];
    return [invalidValue(`data[${key}]`, '<secret contents redacted>', 'is not a JSON object')];
  });
}

function isJson(base64: string): boolean {
  try {
    return isJsonObject(JSON.parse(Buffer.from(base64, 'base64').toString()));
  } catch {
    return false;
  }
}

export const secretChangeFaults = (next: Secret, prev: Secret): FieldError[] => [
  ...immutableFaults('type', next.type, prev.type),
  ...sealedFaults(next, prev, ['data']),
];
