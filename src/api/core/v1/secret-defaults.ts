import { isJsonObject } from '../../../base/json.ts';
import type { ObjectRule } from '../../kind.ts';

/** `stringData` is for writing only: its entries become entries of `data` and win over those there. */
export const foldStringData: ObjectRule = (secret) => {
  const { stringData, ...rest } = secret;
  if (!isJsonObject(stringData)) return secret;
  const encoded = Object.entries(stringData).map(([key, text]): [string, string] => [
    key,
    Buffer.from(typeof text === 'string' ? text : '').toString('base64'),
  ]);
  const data = isJsonObject(secret.data) ? secret.data : {};
  return { ...rest, data: { ...data, ...Object.fromEntries(encoded) } };
};
