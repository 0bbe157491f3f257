/** Short ways to say a manifest in a test. What they leave out, the API server defaults. */

export type Manifest = Readonly<Record<string, unknown>>;

export function service(name: string, spec: Manifest = {}, metadata: Manifest = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...metadata },
    spec: { ports: [{ port: 80 }], ...spec },
  };
}

/** A Pod that no scheduler takes: it stays as it was written. */
export function pod(name: string, spec: Manifest = {}, metadata: Manifest = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'host' }], ...spec },
  };
}

export function configMap(name: string, data: Manifest = { a: '1' }, metadata: Manifest = {}): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

/** A Deployment whose Pods no scheduler takes. `app: NAME` is its selector. */
export function deployment(name: string, spec: Manifest = {}, podSpec: Manifest = {}): Manifest {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'host' }], ...podSpec },
      },
      ...spec,
    },
  };
}

export function endpoints(name: string, subsets: readonly Manifest[]): Manifest {
  return { apiVersion: 'v1', kind: 'Endpoints', metadata: { name }, subsets };
}

export function endpointSlice(name: string, fields: Manifest, labels: Manifest = {}): Manifest {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels },
    addressType: 'IPv4',
    endpoints: [],
    ports: [],
    ...fields,
  };
}
