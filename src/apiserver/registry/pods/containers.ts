import type { Container } from '../../../api/core/v1/container.ts';
import type { PodSpec } from '../../../api/core/v1/pod-spec.ts';
import type { LifecycleHandler, Probe } from '../../../api/core/v1/probe.ts';
import {
  duplicate,
  fieldNotFound,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { parseQuantity } from '../../../api/quantity.ts';
import { dns1123Label, portName, portNumber } from '../../../api/validation/names.ts';
import { invalidEach, nonNegativeFields } from '../rules/fields.ts';
import { portNumberOrNameFaults, PROTOCOLS } from '../rules/ports.ts';
import { envFaults, envFromFaults } from './environment.ts';
import { localPathFaults } from './paths.ts';
import { containerSecurityFaults } from './security.ts';

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const SCHEMES = ['HTTP', 'HTTPS'];
const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError'];

export interface ContainerPlace {
  readonly path: string;
  /** The names of the Pod's volumes. */
  readonly volumes: ReadonlySet<string>;
  readonly isInit: boolean;
}

export function containerFaults(
  container: Container,
  { path, volumes, isInit }: ContainerPlace,
): FieldError[] {
  const { name, image = '', imagePullPolicy = '', terminationMessagePolicy: message = '' } = container;
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${path}.name`));
  else errors.push(...invalidEach(`${path}.name`, name, dns1123Label(name)));
  if (image === '') errors.push(required(`${path}.image`));
  else if (image !== image.trim()) {
    errors.push(invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  }
  if (message === '') errors.push(required(`${path}.terminationMessagePolicy`));
  else if (!MESSAGE_POLICIES.includes(message))
    errors.push(notSupported(`${path}.terminationMessagePolicy`, message, MESSAGE_POLICIES));
  if (imagePullPolicy !== '' && !PULL_POLICIES.includes(imagePullPolicy)) {
    errors.push(notSupported(`${path}.imagePullPolicy`, imagePullPolicy, PULL_POLICIES));
  }
  errors.push(
    ...portFaults(container, `${path}.ports`),
    ...envFaults(container.env ?? [], `${path}.env`),
    ...envFromFaults(container.envFrom ?? [], `${path}.envFrom`),
    ...mountFaults(container, path, volumes),
    ...resourceFaults(container, `${path}.resources`),
    ...containerSecurityFaults(container.securityContext, `${path}.securityContext`),
  );
  const isSidecar = container.restartPolicy === 'Always';
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (probe === undefined) continue;
    if (isInit && !isSidecar)
      errors.push(
        forbiddenField(`${path}.${field}`, 'may not be set for init containers without restartPolicy=Always'),
      );
    else errors.push(...probeFaults(probe, `${path}.${field}`, field === 'readinessProbe'));
  }
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = container.lifecycle?.[hook];
    if (handler !== undefined) errors.push(...handlerFaults(handler, `${path}.lifecycle.${hook}`));
  }
  return errors;
}

function portFaults({ ports = [] }: Container, path: string): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap(({ name = '', containerPort, hostPort = 0, protocol = '' }, i) => {
    const at = `${path}[${i}]`;
    const errors = name === '' ? [] : invalidEach(`${at}.name`, name, portName(name));
    if (name !== '' && names.size === names.add(name).size) errors.push(duplicate(`${at}.name`, name));
    if (containerPort === 0) errors.push(required(`${at}.containerPort`));
    else errors.push(...invalidEach(`${at}.containerPort`, containerPort, portNumber(containerPort)));
    if (hostPort !== 0) errors.push(...invalidEach(`${at}.hostPort`, hostPort, portNumber(hostPort)));
    if (protocol === '') errors.push(required(`${at}.protocol`));
    else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS));
    return errors;
  });
}

function resourceFaults(
  { resources: { limits = {}, requests = {} } = {} }: Container,
  path: string,
): FieldError[] {
  const nano = (text: string): bigint => parseQuantity(text)?.nano ?? 0n;
  const negative = (field: string, amounts: Readonly<Record<string, string>>): FieldError[] =>
    Object.entries(amounts)
      .filter(([, amount]) => nano(amount) < 0n)
      .map(([name, amount]) =>
        invalidValue(`${path}.${field}[${name}]`, amount, 'must be greater than or equal to 0'),
      );
  const above = Object.entries(requests).flatMap(([name, request]) => {
    const limit = limits[name];
    if (limit === undefined || nano(request) <= nano(limit)) return [];
    const detail = `must be less than or equal to ${name} limit of ${limit}`;
    return [invalidValue(`${path}.requests`, request, detail)];
  });
  return [...negative('limits', limits), ...negative('requests', requests), ...above];
}

/** Two containers cannot have one port of the node; a Pod in the node's network has no other ports. */
export function hostPortFaults({ containers, hostNetwork }: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap(({ ports = [] }, i) =>
    ports.flatMap(({ hostPort = 0, containerPort, protocol = '', hostIP = '' }, j) => {
      const at = `${path}.containers[${i}].ports[${j}]`;
      const errors: FieldError[] = [];
      if (hostNetwork === true && hostPort !== containerPort) {
        const detail = 'must match `containerPort` when `hostNetwork` is true';
        errors.push(invalidValue(`${at}.hostPort`, hostPort, detail));
      }
      if (hostPort === 0) return errors;
      const id = `${protocol}/${hostIP}/${hostPort}`;
      if (seen.size === seen.add(id).size) errors.push(duplicate(`${at}.hostPort`, id));
      return errors;
    }),
  );
}

function mountFaults(
  { volumeMounts = [] }: Container,
  path: string,
  volumes: ReadonlySet<string>,
): FieldError[] {
  const seen = new Set<string>();
  return volumeMounts.flatMap(({ name, mountPath, subPath = '', subPathExpr = '' }, i) => {
    const at = `${path}.volumeMounts[${i}]`;
    const errors: FieldError[] = [];
    if (name === '') errors.push(required(`${at}.name`));
    if (!volumes.has(name)) errors.push(fieldNotFound(`${at}.name`, name));
    if (mountPath === '') errors.push(required(`${at}.mountPath`));
    if (seen.size === seen.add(mountPath).size)
      errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'));
    if (subPath !== '') errors.push(...localPathFaults(`${at}.subPath`, subPath));
    if (subPathExpr !== '' && subPath !== '') {
      errors.push(
        invalidValue(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      );
    }
    return errors;
  });
}

const PROBE_FIELDS = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

function probeFaults(probe: Probe, path: string, isReadiness: boolean): FieldError[] {
  const errors = handlerFaults(probe, path);
  errors.push(...nonNegativeFields(path, probe, PROBE_FIELDS));
  const { successThreshold = 1, terminationGracePeriodSeconds: grace } = probe;
  if (!isReadiness && successThreshold !== 1)
    errors.push(invalidValue(`${path}.successThreshold`, successThreshold, 'must be 1'));
  if (isReadiness && grace !== undefined) {
    errors.push(
      invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'),
    );
  } else if (grace !== undefined && grace <= 0) {
    errors.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
  return errors;
}

function handlerFaults(handler: Probe & LifecycleHandler, path: string): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  const given = Object.entries({ exec, httpGet, tcpSocket, grpc, sleep }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length === 0) return [required(path, 'must specify a handler type')];
  const errors = given
    .slice(1)
    .map(([field]) => forbiddenField(`${path}.${field}`, 'may not specify more than 1 handler type'));
  if (exec !== undefined && (exec.command ?? []).length === 0) errors.push(required(`${path}.exec.command`));
  if (httpGet !== undefined) {
    const { path: at = '', port, scheme = '' } = httpGet;
    if (at === '') errors.push(required(`${path}.httpGet.path`));
    errors.push(...portNumberOrNameFaults(`${path}.httpGet.port`, port));
    if (!SCHEMES.includes(scheme)) errors.push(notSupported(`${path}.httpGet.scheme`, scheme, SCHEMES));
  }
  if (tcpSocket !== undefined)
    errors.push(...portNumberOrNameFaults(`${path}.tcpSocket.port`, tcpSocket.port));
  if (grpc !== undefined) errors.push(...invalidEach(`${path}.grpc.port`, grpc.port, portNumber(grpc.port)));
  return errors;
}
