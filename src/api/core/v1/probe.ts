import {
  type Infer,
  inline,
  int32,
  int64,
  intOrString,
  list,
  message,
  optional,
  pointer,
  required,
  string,
} from '../../schema/schema.ts';

export const execAction = message('io.k8s.api.core.v1.ExecAction', 'Runs a command inside the container.', {
  command: optional(
    [1, list(string)],
    'The command and its arguments, without a shell; success is exit status 0.',
  ),
});
export type ExecAction = Infer<typeof execAction>;

export const httpHeader = message('io.k8s.api.core.v1.HTTPHeader', "A header of a probe's request.", {
  name: required([1, string], 'Name of the header.'),
  value: required([2, string], 'Value of the header.'),
});
export type HTTPHeader = Infer<typeof httpHeader>;

export const httpGetAction = message(
  'io.k8s.api.core.v1.HTTPGetAction',
  'Sends an HTTP GET; a status from 200 to 399 is success.',
  {
    path: optional([1, string], 'Path of the request.', { default: '/' }),
    port: required([2, intOrString], "Number or name of the container's port."),
    host: optional([3, string], "Host to connect to; the Pod's IP when empty."),
    scheme: optional([4, string], 'HTTP or HTTPS; certificates are not checked.', {
      default: 'HTTP',
      values: ['HTTP', 'HTTPS'],
    }),
    httpHeaders: optional([5, list(httpHeader)], 'Further headers; repeats are allowed.'),
  },
);
export type HTTPGetAction = Infer<typeof httpGetAction>;

export const tcpSocketAction = message(
  'io.k8s.api.core.v1.TCPSocketAction',
  'Opens a TCP connection; success is that it opens.',
  {
    port: required([1, intOrString], "Number or name of the container's port."),
    host: optional([2, string], "Host to connect to; the Pod's IP when empty."),
  },
);
export type TCPSocketAction = Infer<typeof tcpSocketAction>;

export const grpcAction = message('io.k8s.api.core.v1.GRPCAction', 'Asks the gRPC health service.', {
  port: required([1, int32], 'Number of the port.'),
  service: pointer([2, string], 'Name of the service in the health request.', { default: '' }),
});
export type GRPCAction = Infer<typeof grpcAction>;

export const sleepAction = message('io.k8s.api.core.v1.SleepAction', 'Waits.', {
  seconds: required([1, int64], 'How long to wait.'),
});
export type SleepAction = Infer<typeof sleepAction>;

export const probeHandler = message(
  'io.k8s.api.core.v1.ProbeHandler',
  'What a probe does; exactly one field is set.',
  {
    exec: optional([1, execAction], 'Run a command in the container.'),
    httpGet: optional([2, httpGetAction], 'Send an HTTP GET.'),
    tcpSocket: optional([3, tcpSocketAction], 'Open a TCP connection.'),
    grpc: optional([4, grpcAction], 'Ask the gRPC health service.'),
  },
);
export type ProbeHandler = Infer<typeof probeHandler>;

export const probe = message('io.k8s.api.core.v1.Probe', 'A check that is repeated while a container runs.', {
  ...inline(1, probeHandler),
  initialDelaySeconds: optional([2, int32], "How long after the container's start the first check is made."),
  timeoutSeconds: optional([3, int32], 'How long one check may take.', { default: 1 }),
  periodSeconds: optional([4, int32], 'How long from one check to the next.', { default: 10 }),
  successThreshold: optional([5, int32], 'How many successes in a row count as success after a failure.', {
    default: 1,
  }),
  failureThreshold: optional([6, int32], 'How many failures in a row count as failure after a success.', {
    default: 3,
  }),
  terminationGracePeriodSeconds: pointer(
    [7, int64],
    "Grace period when this probe ends the container; the Pod's own when absent.",
  ),
});
export type Probe = Infer<typeof probe>;

export const lifecycleHandler = message(
  'io.k8s.api.core.v1.LifecycleHandler',
  "What is done at a point of a container's life; exactly one field is set.",
  {
    exec: optional([1, execAction], 'Run a command in the container.'),
    httpGet: optional([2, httpGetAction], 'Send an HTTP GET.'),
    tcpSocket: optional([3, tcpSocketAction], 'Not supported; kept for old objects.'),
    sleep: optional([4, sleepAction], 'Wait.'),
  },
);
export type LifecycleHandler = Infer<typeof lifecycleHandler>;

export const lifecycle = message(
  'io.k8s.api.core.v1.Lifecycle',
  'What is done when a container starts and before it stops.',
  {
    postStart: optional(
      [1, lifecycleHandler],
      'Done right after the start; a failure restarts the container.',
    ),
    preStop: optional(
      [2, lifecycleHandler],
      'Done before the container is stopped; counts against the grace period.',
    ),
    stopSignal: pointer([3, string], "The signal that stops the container; the image's own when absent."),
  },
);
export type Lifecycle = Infer<typeof lifecycle>;
