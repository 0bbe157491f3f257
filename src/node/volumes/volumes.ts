import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Container } from '../../api/core/v1/container.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Volume } from '../../api/core/v1/volume.ts';
import type { ServiceAccountTokenProjection, VolumeProjection } from '../../api/core/v1/volume-projection.ts';
import { ConfigError, type References } from '../environment/container-environment.ts';
import { expand } from '../environment/expand.ts';
import { fieldValue, resourceValue, type PodFacts } from '../environment/field-ref.ts';
import type { BindMount } from '../runtime/model.ts';

export interface VolumesInput {
  readonly pod: Pod;
  /** The Pod's own folder; volumes live below it. */
  readonly directory: string;
  readonly facts: PodFacts;
  readonly references: References;
}

interface FileContent {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
}

interface KeyToPath {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}

interface DataSource {
  readonly items?: readonly KeyToPath[];
  readonly defaultMode?: number;
}

/** Writes the Pod's volumes (again) and says where each is. Rejects with ConfigError for what is missing or cannot be had on this node. */
export async function prepareVolumes(input: VolumesInput): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>();
  for (const volume of input.pod.spec.volumes ?? [])
    paths.set(volume.name, await prepareVolume(input, volume));
  return paths;
}

async function prepareVolume(input: VolumesInput, volume: Volume): Promise<string> {
  if (volume.hostPath !== undefined) return prepareHostPath(volume.name, volume.hostPath);
  const own = join(input.directory, 'volumes', volume.name);
  mkdirSync(own, { recursive: true });
  if (volume.emptyDir !== undefined) return own;
  for (const { path, content, mode } of await filesOf(input, volume)) {
    const target = join(own, normalize(`/${path}`));
    mkdirSync(dirname(target), { recursive: true });
    // A file of mode 0400 cannot be written over by its owner, but replaced.
    rmSync(target, { force: true });
    writeFileSync(target, content, { mode });
    chmodSync(target, mode);
  }
  return own;
}

function prepareHostPath(name: string, { path, type }: NonNullable<Volume['hostPath']>): string {
  if (type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true });
  if (type === 'FileOrCreate' && !existsSync(path)) writeFileSync(path, '');
  if (!existsSync(path))
    throw new ConfigError(`MountVolume.SetUp failed for volume "${name}": ${path} does not exist`);
  return path;
}

/** Configuration, secrets and the downward API as files. */
async function filesOf(input: VolumesInput, volume: Volume): Promise<readonly FileContent[]> {
  if (volume.configMap !== undefined) return configMapFiles(input, volume.configMap);
  if (volume.secret !== undefined) {
    const { secretName, ...rest } = volume.secret;
    return secretFiles(input, { name: secretName ?? '', ...rest });
  }
  if (volume.downwardAPI !== undefined) return downwardFiles(input, volume.downwardAPI);
  if (volume.projected !== undefined) {
    const { defaultMode } = volume.projected;
    const mode = defaultMode === undefined ? {} : { defaultMode };
    const sources = volume.projected.sources ?? [];
    // Together: each may be a question to the API, and a container waits for them.
    return (await Promise.all(sources.map((source) => projectedFiles(input, source, mode)))).flat();
  }
  throw new ConfigError(
    `volume "${volume.name}": this node has emptyDir, hostPath, configMap, secret, downwardAPI and projected volumes only`,
  );
}

async function projectedFiles(
  input: VolumesInput,
  { configMap, secret, downwardAPI, serviceAccountToken }: VolumeProjection,
  mode: { readonly defaultMode?: number },
): Promise<readonly FileContent[]> {
  return [
    ...(configMap === undefined ? [] : await configMapFiles(input, { ...mode, ...configMap })),
    ...(secret === undefined ? [] : await secretFiles(input, { ...mode, ...secret })),
    ...(downwardAPI === undefined ? [] : downwardFiles(input, { ...mode, ...downwardAPI })),
    ...(serviceAccountToken === undefined ? [] : await tokenFiles(input, serviceAccountToken, mode)),
  ];
}

async function tokenFiles(
  { pod, references }: VolumesInput,
  wanted: ServiceAccountTokenProjection,
  { defaultMode = 0o644 }: { readonly defaultMode?: number },
): Promise<readonly FileContent[]> {
  if (references.token === undefined) throw new ConfigError('this node gives no service account tokens');
  const token = await references.token(pod, wanted);
  return [{ path: wanted.path, content: Buffer.from(token), mode: defaultMode }];
}

type Named = DataSource & { readonly name?: string; readonly optional?: boolean };

async function configMapFiles(
  { pod, references }: VolumesInput,
  source: Named,
): Promise<readonly FileContent[]> {
  const name = source.name ?? '';
  const found = await references.configMap(pod.metadata.namespace ?? '', name);
  if (found === undefined && source.optional !== true) throw new ConfigError(`configmap "${name}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(found?.data ?? {})) data.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(found?.binaryData ?? {}))
    data.set(key, Buffer.from(value, 'base64'));
  return select(data, source);
}

async function secretFiles(
  { pod, references }: VolumesInput,
  source: Named,
): Promise<readonly FileContent[]> {
  const name = source.name ?? '';
  const found = await references.secret(pod.metadata.namespace ?? '', name);
  if (found === undefined && source.optional !== true) throw new ConfigError(`secret "${name}" not found`);
  const entries = Object.entries(found?.data ?? {});
  return select(new Map(entries.map(([key, value]) => [key, Buffer.from(value, 'base64')])), source);
}

function select(data: ReadonlyMap<string, Uint8Array>, source: Named): FileContent[] {
  const mode = source.defaultMode ?? 0o644;
  if (source.items === undefined) return [...data].map(([path, content]) => ({ path, content, mode }));
  return source.items.flatMap((item) => {
    const content = data.get(item.key);
    if (content !== undefined) return [{ path: item.path, content, mode: item.mode ?? mode }];
    if (source.optional === true) return [];
    throw new ConfigError(`references non-existent key: ${item.key}`);
  });
}

type Downward = NonNullable<Volume['downwardAPI']>;

function downwardFiles({ pod, facts }: VolumesInput, source: Downward): FileContent[] {
  return (source.items ?? []).map(({ path, fieldRef, resourceFieldRef, mode }) => {
    const container = pod.spec.containers.find(({ name }) => name === resourceFieldRef?.containerName);
    const value =
      fieldRef !== undefined
        ? fieldValue(pod, fieldRef.fieldPath, facts)
        : container && resourceValue(container, resourceFieldRef?.resource ?? '', resourceFieldRef?.divisor);
    if (value === undefined) throw new ConfigError(`downward API file ${path}: no such field`);
    return { path, content: Buffer.from(value), mode: mode ?? source.defaultMode ?? 0o644 };
  });
}

/** Files of the API are nobody's to write, as upstream has it. */
const isOfApi = ({ configMap, secret, downwardAPI, projected }: Volume): boolean =>
  (configMap ?? secret ?? downwardAPI ?? projected) !== undefined;

export interface VolumeMountsInput {
  /** The Pod's volumes, and where `prepareVolumes` put them. */
  readonly volumes: readonly Volume[];
  readonly paths: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string>>;
}

/** The bind mounts of a container's volumes. */
export function volumeMounts(container: Container, { volumes, paths, env }: VolumeMountsInput): BindMount[] {
  const unwritable = new Set(volumes.filter(isOfApi).map(({ name }) => name));
  return (container.volumeMounts ?? []).map(({ name, mountPath, subPath, subPathExpr, readOnly }) => {
    const volume = paths.get(name);
    if (volume === undefined)
      throw new ConfigError(`volume "${name}" of container ${container.name} is not in the Pod`);
    const below =
      subPathExpr === undefined ? (subPath ?? '') : expand(subPathExpr, (variable) => env[variable]);
    const source = join(volume, normalize(`/${below}`));
    if (!existsSync(source)) mkdirSync(source, { recursive: true });
    return { source, target: mountPath, isReadOnly: readOnly === true || unwritable.has(name) };
  });
}
