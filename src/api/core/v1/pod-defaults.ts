import { isJsonObject, type JsonObject, type JsonValue } from '../../../base/json.ts';
import type { ObjectRule } from '../../kind.ts';

const containerLists = ['containers', 'initContainers'] as const;

/** A limit without a request is also the request. */
function withRequests(container: JsonObject): JsonObject {
  const { resources } = container;
  if (!isJsonObject(resources) || !isJsonObject(resources.limits)) return container;
  const requests = isJsonObject(resources.requests) ? resources.requests : {};
  if (Object.keys(resources.limits).every((name) => requests[name] !== undefined)) return container;
  return { ...container, resources: { ...resources, requests: { ...resources.limits, ...requests } } };
}

/** In the node's own network a container port is the node's port. */
function withHostPorts(container: JsonObject): JsonObject {
  if (!Array.isArray(container.ports)) return container;
  if (container.ports.every((port) => isJsonObject(port) && port.hostPort !== undefined)) return container;
  const ports = container.ports.map((port): JsonValue =>
    isJsonObject(port) && port.hostPort === undefined ? { ...port, hostPort: port.containerPort } : port,
  );
  return { ...container, ports };
}

/** Fills `hostPort` in all containers of a Pod spec with `hostNetwork: true`. */
export function hostNetworkPorts(spec: JsonObject): JsonObject {
  return spec.hostNetwork === true ? mapContainers(spec, withHostPorts) : spec;
}

function mapContainers(spec: JsonObject, change: (container: JsonObject) => JsonObject): JsonObject {
  let next = spec;
  for (const name of containerLists) {
    const containers = spec[name];
    if (!Array.isArray(containers)) continue;
    const changed = containers.map((c) => (isJsonObject(c) ? change(c) : c));
    if (changed.some((c, i) => c !== containers[i])) next = { ...next, [name]: changed };
  }
  return next;
}

/** What a Pod gets beyond what a Pod template gets (pkg/apis/core/v1/defaults.go, SetDefaults_Pod). */
export const podDefaults: ObjectRule = (pod) => {
  if (!isJsonObject(pod.spec)) return pod;
  let spec = hostNetworkPorts(mapContainers(pod.spec, withRequests));
  if (spec.enableServiceLinks === undefined) spec = { ...spec, enableServiceLinks: true };
  return spec === pod.spec ? pod : { ...pod, spec };
};
