import type { PodSpec } from '../../../api/core/v1/pod-spec.ts';
import type { DownwardAPIVolumeFile } from '../../../api/core/v1/volume-projection.ts';
import type { Volume } from '../../../api/core/v1/volume.ts';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { invalidEach } from '../rules/fields.ts';
import { FILE_FIELDS, fieldRefFaults, resourceRefFaults } from './downward.ts';
import { localPathFaults } from './paths.ts';

/** Each volume has a unique name and exactly one source, which says where the data is. */
export function volumeFaults({ volumes = [] }: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return volumes.flatMap((volume, i) => {
    const at = `${path}.volumes[${i}]`;
    const { name } = volume;
    const errors =
      name === '' ? [required(`${at}.name`)] : invalidEach(`${at}.name`, name, dns1123Label(name));
    if (name !== '' && seen.size === seen.add(name).size) errors.push(duplicate(`${at}.name`, name));
    return [...errors, ...sourceFaults(volume, at)];
  });
}

function sourceFaults(volume: Volume, path: string): FieldError[] {
  const sources = Object.entries(volume).filter(
    ([field, source]) => field !== 'name' && source !== undefined,
  );
  if (sources.length === 0) return [required(path, 'must specify a volume type')];
  const errors = sources
    .slice(1)
    .map(([field]) => forbiddenField(`${path}.${field}`, 'may not specify more than 1 volume type'));
  const { configMap, secret, hostPath, persistentVolumeClaim: claim } = volume;
  if (configMap !== undefined && !configMap.name) errors.push(required(`${path}.configMap.name`));
  if (secret !== undefined && !secret.secretName) errors.push(required(`${path}.secret.secretName`));
  if (hostPath?.path === '') errors.push(required(`${path}.hostPath.path`));
  if (claim?.claimName === '') errors.push(required(`${path}.persistentVolumeClaim.claimName`));
  const items = [
    ...(configMap?.items ?? []).map((item, i) => [`${path}.configMap.items[${i}]`, item] as const),
    ...(secret?.items ?? []).map((item, i) => [`${path}.secret.items[${i}]`, item] as const),
  ];
  for (const [at, { key, path: file }] of items) {
    if (key === '') errors.push(required(`${at}.key`));
    if (file === '') errors.push(required(`${at}.path`));
    else errors.push(...localPathFaults(`${at}.path`, file));
  }
  const files = (volume.downwardAPI?.items ?? []).map(
    (file, i) => [`${path}.downwardAPI.items[${i}]`, file] as const,
  );
  return [...errors, ...files.flatMap(([at, file]) => fileFaults(file, at))];
}

/** A file with a fact of the Pod. */
function fileFaults(
  { path: file, fieldRef, resourceFieldRef: resource }: DownwardAPIVolumeFile,
  path: string,
): FieldError[] {
  const errors = file === '' ? [required(`${path}.path`)] : localPathFaults(`${path}.path`, file);
  if (fieldRef !== undefined) {
    errors.push(...fieldRefFaults(fieldRef, FILE_FIELDS, `${path}.fieldRef`));
    if (resource !== undefined)
      errors.push(
        invalidValue(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
      );
  } else if (resource === undefined) {
    errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  } else if (!resource.containerName) {
    errors.push(required(`${path}.resourceFieldRef.containerName`));
  } else errors.push(...resourceRefFaults(resource, `${path}.resourceFieldRef`));
  return errors;
}
