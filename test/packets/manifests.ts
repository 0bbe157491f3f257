import type { Manifest } from '../kubectl/manifests.ts';

/** A Pod or a Pod template's inside that runs portico/echo, is asked every second whether it is ready, and ends at once. */
export interface EchoOptions {
  readonly args?: readonly string[];
  readonly ports?: readonly Manifest[];
  readonly env?: readonly Manifest[];
  readonly nodeName?: string;
  /** Path that the readiness probe asks; default `/readyz`. */
  readonly readyPath?: string;
  readonly readyPort?: number | string;
  readonly graceSeconds?: number;
}

const POD_NAME = { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } };

export function echoSpec(options: EchoOptions = {}): Manifest {
  const { args = [], ports = [], env = [], nodeName, readyPath = '/readyz', readyPort = 9376 } = options;
  return {
    ...(nodeName === undefined ? {} : { nodeName }),
    terminationGracePeriodSeconds: options.graceSeconds ?? 5,
    containers: [
      {
        name: 'echo',
        image: 'portico/echo',
        args,
        ports,
        env: [POD_NAME, ...env],
        readinessProbe: {
          httpGet: { path: readyPath, port: readyPort },
          periodSeconds: 1,
          failureThreshold: 1,
          timeoutSeconds: 5,
        },
      },
    ],
  };
}

/** Echo Pods under a Deployment; `app: NAME` is the selector. */
export function echoDeployment(name: string, replicas: number, options: EchoOptions = {}): Manifest {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: echoSpec(options) },
    },
  };
}

/** One echo Pod, labelled `app: APP`. */
export function echoPod(name: string, app: string, options: EchoOptions = {}): Manifest {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app } }, spec: echoSpec(options) };
}

/** A Pod that does nothing: somewhere to call from. */
export function clientPod(name: string, nodeName: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'host', command: ['sleep', '3600'] }],
    },
  };
}

/** A Service in front of `app: NAME`, port 80 to 9376. */
export function echoService(name: string, spec: Manifest = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 9376 }], ...spec },
  };
}
