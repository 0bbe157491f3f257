import type { PersistentVolume, PersistentVolumeSpec } from '../../../api/core/v1/persistent-volume.ts';
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { asJson } from '../../../api/kind.ts';
import { parseQuantity } from '../../../api/quantity.ts';
import type { CSIDriver, CSINode, CSINodeDriver } from '../../../api/storage/v1/csi.ts';
import type { StorageClass } from '../../../api/storage/v1/storage-class.ts';
import type { VolumeAttachment } from '../../../api/storage/v1/volume-attachment.ts';
import { dns1123Subdomain, qualifiedName } from '../../../api/validation/names.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { isJsonObject } from '../../../base/json.ts';
import { immutableFaults, invalidEach } from '../rules/fields.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];
const VOLUME_MODES = ['Block', 'Filesystem'];

/** Every source and, of the common ones, the fields that must not be empty. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  hostPath: ['path'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  glusterfs: ['endpoints', 'path'],
  flocker: [],
  nfs: ['server', 'path'],
  rbd: ['monitors', 'image'],
  quobyte: ['registry', 'volume'],
  cephfs: ['monitors'],
  iscsi: ['targetPortal', 'iqn'],
  cinder: ['volumeID'],
  fc: [],
  flexVolume: ['driver'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  local: ['path'],
  storageos: [],
  csi: ['driver', 'volumeHandle'],
};

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === '' || (Array.isArray(value) && value.length === 0);

function sourceFaults(spec: PersistentVolumeSpec): FieldError[] {
  const given = Object.entries(asJson(spec)).filter(
    ([field, value]) => field in SOURCES && value !== undefined,
  );
  if (given.length === 0) return [required('spec', 'must specify a volume type')];
  return given.flatMap(([field, source], i) => {
    const path = `spec.${field}`;
    if (i > 0) return [forbiddenField(path, 'may not specify more than 1 volume type')];
    const fields = isJsonObject(source) ? source : {};
    return (SOURCES[field] ?? [])
      .filter((name) => isEmpty(fields[name]))
      .map((name) => required(`${path}.${name}`));
  });
}

function capacityFaults({ capacity = {} }: PersistentVolumeSpec): FieldError[] {
  const errors = Object.keys(capacity).length === 0 ? [required('spec.capacity')] : [];
  if (capacity.storage === undefined || Object.keys(capacity).length > 1) {
    errors.push(notSupported('spec.capacity', capacity, ['storage']));
  }
  for (const [resource, amount] of Object.entries(capacity)) {
    if ((parseQuantity(amount)?.nano ?? 0n) > 0n) continue;
    errors.push(invalidValue(`spec.capacity[${resource}]`, amount, 'must be greater than zero'));
  }
  return errors;
}

/** Upstream's ValidatePersistentVolume; of rare sources only whether what must be given is. */
export function volumeFaults({ spec }: PersistentVolume): FieldError[] {
  const { accessModes = [], persistentVolumeReclaimPolicy: policy, volumeMode, storageClassName } = spec;
  const errors: FieldError[] = accessModes.length === 0 ? [required('spec.accessModes')] : [];
  for (const mode of accessModes) {
    if (!ACCESS_MODES.includes(mode)) errors.push(notSupported('spec.accessModes', mode, ACCESS_MODES));
  }
  errors.push(...capacityFaults(spec));
  if (policy !== undefined && !RECLAIM_POLICIES.includes(policy)) {
    errors.push(notSupported('spec.persistentVolumeReclaimPolicy', policy, RECLAIM_POLICIES));
  }
  const { nodeAffinity } = spec;
  if (nodeAffinity !== undefined && nodeAffinity.required === undefined) {
    errors.push(required('spec.nodeAffinity.required', 'must specify required node constraints'));
  }
  errors.push(...sourceFaults(spec));
  if (spec.local !== undefined && nodeAffinity?.required === undefined) {
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  if (spec.hostPath !== undefined && /^\/+$/.test(spec.hostPath.path) && policy === 'Recycle') {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbiddenField('spec.persistentVolumeReclaimPolicy', detail));
  }
  if (storageClassName !== undefined) {
    const faults = dns1123Subdomain(storageClassName);
    errors.push(...invalidEach('spec.storageClassName', storageClassName, faults));
  }
  if (volumeMode !== undefined && !VOLUME_MODES.includes(volumeMode)) {
    errors.push(notSupported('spec.volumeMode', volumeMode, VOLUME_MODES));
  }
  return errors;
}

const sourcesOf = (spec: PersistentVolumeSpec): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(spec).filter(([field]) => field in SOURCES));

/** A volume stays where it is; a Secret for making it larger may come. */
export function volumeChangeFaults(next: PersistentVolume, prev: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const before = sourcesOf(prev.spec);
  const after: Record<string, unknown> = { ...sourcesOf(next.spec) };
  if (prev.spec.csi !== undefined && prev.spec.csi.controllerExpandSecretRef === undefined) {
    const { controllerExpandSecretRef: _, ...csi } = next.spec.csi ?? {};
    after.csi = next.spec.csi === undefined ? undefined : csi;
  }
  if (!deepEqual(after, before)) {
    const detail = 'spec.persistentvolumesource is immutable after creation';
    errors.push(forbiddenField('spec.persistentvolumesource', detail));
  }
  errors.push(...immutableFaults('volumeMode', next.spec.volumeMode, prev.spec.volumeMode));
  if (prev.spec.nodeAffinity !== undefined) {
    errors.push(...immutableFaults('nodeAffinity', next.spec.nodeAffinity, prev.spec.nodeAffinity));
  }
  return errors;
}

const MAX_PARAMETERS = 512;
const MAX_PARAMETERS_BYTES = 256 * 1024;
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];

/** Upstream's ValidateStorageClass and its update. */
export function storageClassFaults(next: StorageClass, prev: StorageClass | undefined): FieldError[] {
  const { provisioner, parameters = {}, reclaimPolicy, volumeBindingMode } = next;
  const errors =
    provisioner === ''
      ? [required('provisioner', provisioner)]
      : invalidEach('provisioner', provisioner, qualifiedName(provisioner.toLowerCase()));
  const entries = Object.entries(parameters);
  if (entries.length > MAX_PARAMETERS) errors.push(tooLong('parameters', MAX_PARAMETERS));
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0);
  if (bytes > MAX_PARAMETERS_BYTES) errors.push(tooLong('parameters', MAX_PARAMETERS_BYTES));
  if ('' in parameters) errors.push(invalidValue('parameters', '', 'field can not be empty.'));
  if (reclaimPolicy !== undefined && reclaimPolicy !== '' && !RECLAIM_POLICIES.includes(reclaimPolicy)) {
    errors.push(notSupported('reclaimPolicy', reclaimPolicy, RECLAIM_POLICIES));
  }
  if (volumeBindingMode === undefined) errors.push(required('volumeBindingMode'));
  else if (!BINDING_MODES.includes(volumeBindingMode)) {
    errors.push(notSupported('volumeBindingMode', volumeBindingMode, BINDING_MODES));
  }
  if (prev === undefined) return errors;
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
    if (deepEqual(next[field], prev[field])) continue;
    errors.push(forbiddenField(field, `updates to ${field} are forbidden.`));
  }
  errors.push(...immutableFaults('volumeBindingMode', volumeBindingMode, prev.volumeBindingMode));
  return errors;
}

/** A driver's name is a DNS name of at most 63 characters, in any case. */
function driverNameFaults(path: string, name: string): FieldError[] {
  if (name === '') return [required(path)];
  const errors = invalidEach(path, name, dns1123Subdomain(name.toLowerCase()));
  return name.length > 63 ? [tooLong(path, 63), ...errors] : errors;
}

const GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const LIFECYCLES = ['Ephemeral', 'Persistent'];
const LEAST_TOKEN_SECONDS = 600;

/** Upstream's ValidateCSIDriver; since 1.23 some fields of the spec may change. */
export function csiDriverFaults(next: CSIDriver, prev: CSIDriver | undefined): FieldError[] {
  const { spec } = next;
  const errors = driverNameFaults('metadata.name', next.metadata.name);
  for (const field of ['attachRequired', 'podInfoOnMount', 'storageCapacity'] as const) {
    if (spec[field] === undefined) errors.push(required(`spec.${field}`));
  }
  if (spec.fsGroupPolicy !== undefined && !GROUP_POLICIES.includes(spec.fsGroupPolicy)) {
    errors.push(notSupported('spec.fsGroupPolicy', spec.fsGroupPolicy, GROUP_POLICIES));
  }
  for (const [i, { expirationSeconds }] of (spec.tokenRequests ?? []).entries()) {
    if (expirationSeconds === undefined || expirationSeconds >= LEAST_TOKEN_SECONDS) continue;
    const path = `spec.tokenRequests[${i}].expirationSeconds`;
    errors.push(invalidValue(path, expirationSeconds, 'may not specify a duration less than 10 minutes'));
  }
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (!LIFECYCLES.includes(mode)) errors.push(notSupported('spec.volumeLifecycleModes', mode, LIFECYCLES));
  }
  if (prev === undefined) return errors;
  for (const field of ['attachRequired', 'volumeLifecycleModes'] as const) {
    errors.push(...immutableFaults(`spec.${field}`, next.spec[field], prev.spec[field]));
  }
  return errors;
}

const MAX_NODE_ID_BYTES = 256;

function nodeDriverFaults(driver: CSINodeDriver, path: string): FieldError[] {
  const errors = driverNameFaults(`${path}.name`, driver.name);
  if (driver.nodeID === '') errors.push(required(`${path}.nodeID`));
  if (Buffer.byteLength(driver.nodeID) > MAX_NODE_ID_BYTES) {
    const detail = `must be ${MAX_NODE_ID_BYTES} characters or less`;
    errors.push(invalidValue(`${path}.nodeID`, driver.nodeID, detail));
  }
  for (const key of driver.topologyKeys ?? []) {
    if (key === '') errors.push(required(`${path}.topologyKeys`, key));
    else errors.push(...invalidEach(`${path}.topologyKeys`, key, qualifiedName(key)));
  }
  return errors;
}

/** Upstream's ValidateCSINode: a driver that is there stays as it is. */
export function csiNodeFaults(next: CSINode, prev: CSINode | undefined): FieldError[] {
  const errors = next.spec.drivers.flatMap((driver, i) => nodeDriverFaults(driver, `spec.drivers[${i}]`));
  for (const driver of prev?.spec.drivers ?? []) {
    const same = next.spec.drivers.find(({ name }) => name === driver.name);
    if (same === undefined || deepEqual({ ...same, allocatable: 0 }, { ...driver, allocatable: 0 })) continue;
    errors.push(invalidValue('CSINodeDriver', same, 'field is immutable'));
  }
  return errors;
}

/** Upstream's ValidateVolumeAttachment of v1. */
export function volumeAttachmentFaults(
  next: VolumeAttachment,
  prev: VolumeAttachment | undefined,
): FieldError[] {
  const { attacher, source, nodeName } = next.spec;
  const errors = driverNameFaults('spec.attacher', attacher);
  const { inlineVolumeSpec, persistentVolumeName: name } = source;
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (inlineVolumeSpec === undefined && name === undefined) errors.push(required('spec.source', one));
  if (inlineVolumeSpec !== undefined && name !== undefined) errors.push(forbiddenField('spec.source', one));
  if (name === '') {
    const detail = 'must specify non empty persistentVolumeName';
    errors.push(required('spec.source.persistentVolumeName', detail));
  } else if (name !== undefined) {
    errors.push(...invalidEach('spec.source.persistentVolumeName', name, dns1123Subdomain(name)));
  }
  errors.push(...invalidEach('spec.nodeName', nodeName, dns1123Subdomain(nodeName)));
  return prev === undefined ? errors : [...errors, ...immutableFaults('spec', next.spec, prev.spec)];
}
