import type {
  PodSecurityContext,
  SeccompProfile,
  SecurityContext,
  Sysctl,
} from '../../../api/core/v1/security-context.ts';
import type { PodSpec } from '../../../api/core/v1/pod-spec.ts';
import {
  duplicate,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { localPathFaults } from './paths.ts';

const MAX_ID = 2 ** 31 - 1;
const SYSCTL_PATTERN = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const MAX_SYSCTL_LENGTH = 253;
const FS_GROUP_CHANGES = ['Always', 'OnRootMismatch'];
const SECCOMP_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const PROC_MOUNTS = ['Default', 'Unmasked'];

const idFaults = (path: string, id: number | bigint | undefined): FieldError[] =>
  id === undefined || (id >= 0 && id <= MAX_ID)
    ? []
    : [invalidValue(path, Number(id), `must be between 0 and ${MAX_ID}, inclusive`)];

/** What all containers of a Pod may do. */
export function podSecurityFaults(
  { securityContext: context, hostPID, shareProcessNamespace }: PodSpec,
  path: string,
): FieldError[] {
  const at = `${path}.securityContext`;
  const errors = context === undefined ? [] : contextFaults(context, at);
  if (hostPID === true && shareProcessNamespace === true) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalidValue(`${at}.shareProcessNamespace`, true, detail));
  }
  return errors;
}

function contextFaults(context: PodSecurityContext, path: string): FieldError[] {
  const { supplementalGroups = [], sysctls = [], fsGroupChangePolicy: change, seccompProfile } = context;
  const errors = [
    ...idFaults(`${path}.fsGroup`, context.fsGroup),
    ...idFaults(`${path}.runAsUser`, context.runAsUser),
    ...idFaults(`${path}.runAsGroup`, context.runAsGroup),
    ...supplementalGroups.flatMap((id, i) => idFaults(`${path}.supplementalGroups[${i}]`, id)),
    ...sysctlFaults(sysctls, `${path}.sysctls`),
  ];
  if (change !== undefined && !FS_GROUP_CHANGES.includes(change))
    errors.push(notSupported(`${path}.fsGroupChangePolicy`, change, FS_GROUP_CHANGES));
  return [...errors, ...seccompFaults(seccompProfile, `${path}.seccompProfile`)];
}

function sysctlFaults(sysctls: readonly Sysctl[], path: string): FieldError[] {
  const pattern = new RegExp(SYSCTL_PATTERN);
  const normal = (name: string): string => name.replaceAll('/', '.');
  return sysctls.flatMap(({ name }, i) => {
    const at = `${path}[${i}].name`;
    if (name === '') return [required(at)];
    if (name.length > MAX_SYSCTL_LENGTH || !pattern.test(name)) {
      const detail = `must have at most ${MAX_SYSCTL_LENGTH} characters and match regex ${SYSCTL_PATTERN}`;
      return [invalidValue(at, name, detail)];
    }
    const isAgain = sysctls.slice(0, i).some((before) => normal(before.name) === normal(name));
    return isAgain ? [duplicate(at, name)] : [];
  });
}

function seccompFaults(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${path}.type`, 'type is required when seccompProfile is set'));
  else if (!SECCOMP_TYPES.includes(type)) errors.push(notSupported(`${path}.type`, type, SECCOMP_TYPES));
  const at = `${path}.localhostProfile`;
  if (type === 'Localhost') {
    if (localhostProfile === undefined)
      errors.push(required(at, 'must be set when seccomp type is Localhost'));
    else errors.push(...localPathFaults(at, localhostProfile));
  } else if (localhostProfile !== undefined) {
    errors.push(invalidValue(at, profile, 'can only be set when seccomp type is Localhost'));
  }
  return errors;
}

/** What one container may do. */
export function containerSecurityFaults(context: SecurityContext | undefined, path: string): FieldError[] {
  if (context === undefined) return [];
  const { procMount, privileged, allowPrivilegeEscalation: mayRise, capabilities } = context;
  const errors = [
    ...idFaults(`${path}.runAsUser`, context.runAsUser),
    ...idFaults(`${path}.runAsGroup`, context.runAsGroup),
  ];
  if (procMount !== undefined && !PROC_MOUNTS.includes(procMount))
    errors.push(notSupported(`${path}.procMount`, procMount, PROC_MOUNTS));
  errors.push(...seccompFaults(context.seccompProfile, `${path}.seccompProfile`));
  if (mayRise !== false) return errors;
  const contradiction = (what: string): FieldError =>
    invalidValue(path, context, `cannot set \`allowPrivilegeEscalation\` to false and ${what}`);
  if (privileged === true) errors.push(contradiction('`privileged` to true'));
  if (capabilities?.add?.includes('CAP_SYS_ADMIN') === true)
    errors.push(contradiction('`capabilities.Add` CAP_SYS_ADMIN'));
  return errors;
}
