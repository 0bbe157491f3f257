import type { ConfigMap } from '../../api/core/v1/config-map.ts';
import type { Container } from '../../api/core/v1/container.ts';
import type { EnvVar } from '../../api/core/v1/env.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Secret } from '../../api/core/v1/secret.ts';
import type { ServiceAccountTokenProjection } from '../../api/core/v1/volume-projection.ts';
import { expand } from './expand.ts';
import { fieldValue, resourceValue, type PodFacts } from './field-ref.ts';
import type { Environment } from './service-environment.ts';

/** The objects that environments and volumes refer to; undefined when there is none of that name. */
export interface References {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** A token of the Pod's service account; absent where there are none. */
  readonly token?: (pod: Pod, wanted: ServiceAccountTokenProjection) => Promise<string>;
}

export interface EnvironmentInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly facts: PodFacts;
  readonly services: Environment;
  readonly references: References;
}

/** Something a container refers to does not exist; it waits with reason CreateContainerConfigError. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The text of a Secret's values. */
export const decodeSecret = (value: string): string => Buffer.from(value, 'base64').toString('utf8');

/**
 * The environment of a container as it starts: Services first, then `envFrom`, then `env`, later ones winning and able to use earlier ones by `$(NAME)`.
 * Rejects with ConfigError, in upstream's words, when something it needs is missing.
 */
export async function containerEnvironment(input: EnvironmentInput): Promise<Environment> {
  const { container, services } = input;
  const found: Record<string, string> = {};
  for (const source of container.envFrom ?? []) {
    for (const [name, value] of Object.entries(await envFromData(input, source))) {
      found[`${source.prefix ?? ''}${name}`] = value;
    }
  }
  const lookup = (name: string): string | undefined => found[name] ?? services[name];
  for (const variable of container.env ?? []) {
    const value =
      variable.valueFrom === undefined
        ? expand(variable.value ?? '', lookup)
        : await valueFrom(input, variable);
    if (value !== undefined) found[variable.name] = value;
  }
  return { ...services, ...found };
}

async function envFromData(
  input: EnvironmentInput,
  source: NonNullable<Container['envFrom']>[number],
): Promise<Readonly<Record<string, string>>> {
  const { configMapRef, secretRef } = source;
  if (configMapRef !== undefined) {
    return (
      (await configMapData(input, { name: configMapRef.name ?? '', isOptional: configMapRef.optional })) ?? {}
    );
  }
  if (secretRef === undefined) return {};
  return (await secretData(input, { name: secretRef.name ?? '', isOptional: secretRef.optional })) ?? {};
}

interface Wanted {
  readonly name: string;
  readonly isOptional: boolean | undefined;
}

async function configMapData(
  { pod, references }: Pick<EnvironmentInput, 'pod' | 'references'>,
  { name, isOptional }: Wanted,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await references.configMap(pod.metadata.namespace ?? '', name);
  if (found === undefined && isOptional !== true) throw new ConfigError(`configmap "${name}" not found`);
  return found === undefined ? undefined : (found.data ?? {});
}

async function secretData(
  { pod, references }: Pick<EnvironmentInput, 'pod' | 'references'>,
  { name, isOptional }: Wanted,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await references.secret(pod.metadata.namespace ?? '', name);
  if (found === undefined && isOptional !== true) throw new ConfigError(`secret "${name}" not found`);
  if (found === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(found.data ?? {}).map(([key, value]) => [key, decodeSecret(value)]),
  );
}

async function valueFrom(
  input: EnvironmentInput,
  { name, valueFrom: from }: EnvVar,
): Promise<string | undefined> {
  const { pod, container, facts } = input;
  const namespace = pod.metadata.namespace ?? '';
  if (from?.fieldRef !== undefined) {
    const value = fieldValue(pod, from.fieldRef.fieldPath, facts);
    if (value === undefined)
      throw new ConfigError(`unsupported fieldPath: ${from.fieldRef.fieldPath} (of ${name})`);
    return value;
  }
  if (from?.resourceFieldRef !== undefined) {
    const { resource, divisor } = from.resourceFieldRef;
    const value = resourceValue(container, resource, divisor);
    if (value === undefined)
      throw new ConfigError(`unsupported container resource: ${resource} (of ${name})`);
    return value;
  }
  const map = from?.configMapKeyRef;
  if (map !== undefined) {
    const wanted = { name: map.name ?? '', isOptional: map.optional };
    return keyOf(await configMapData(input, wanted), {
      ...map,
      where: `ConfigMap ${namespace}/${wanted.name}`,
    });
  }
  const secret = from?.secretKeyRef;
  if (secret === undefined) return '';
  const wanted = { name: secret.name ?? '', isOptional: secret.optional };
  return keyOf(await secretData(input, wanted), { ...secret, where: `Secret ${namespace}/${wanted.name}` });
}

function keyOf(
  data: Readonly<Record<string, string>> | undefined,
  wanted: { readonly key: string; readonly optional?: boolean; readonly where: string },
): string | undefined {
  const value = data?.[wanted.key];
  if (value === undefined && wanted.optional !== true) {
    throw new ConfigError(`couldn't find key ${wanted.key} in ${wanted.where}`);
  }
  return value;
}
