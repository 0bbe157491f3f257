import type { JsonObject } from '../base/json.ts';
import type { Kind } from './kind.ts';

/**
 * A further version (or group) of a kind. Only one version is stored; this one is converted on the way in and out. Both
 * conversions are pure, take objects that lack fields (a server-side apply names only some), and leave apiVersion and
 * kind to the caller.
 */
export interface KindVersion {
  readonly kind: Kind;
  readonly stored: Kind;
  readonly toStored: (object: JsonObject) => JsonObject;
  readonly fromStored: (object: JsonObject) => JsonObject;
  /** Field selectors of this version and what they are called in the stored one; the same names when absent. */
  readonly fieldLabels?: Readonly<Record<string, string>>;
}
