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

export const execAction = message('io.k8s.api.core.v1.ExecAction', '-', {
  command: optional([1, list(string)], '-'),
});
export type ExecAction = Infer<typeof execAction>;

export const httpHeader = message('io.k8s.api.core.v1.HTTPHeader', '-', {
  name: required([1, string], '-'),
  value: required([2, string], '-'),
});
export type HTTPHeader = Infer<typeof httpHeader>;

export const httpGetAction = message('io.k8s.api.core.v1.HTTPGetAction', '-', {
  path: optional([1, string], '-', { default: '/' }),
  port: required([2, intOrString], '-'),
  host: optional([3, string], '-'),
  scheme: optional([4, string], '-', { default: 'HTTP', values: ['HTTP', 'HTTPS'] }),
  httpHeaders: optional([5, list(httpHeader)], '-'),
});
export type HTTPGetAction = Infer<typeof httpGetAction>;

export const tcpSocketAction = message('io.k8s.api.core.v1.TCPSocketAction', '-', {
  port: required([1, intOrString], '-'),
  host: optional([2, string], '-'),
});
export type TCPSocketAction = Infer<typeof tcpSocketAction>;

export const grpcAction = message('io.k8s.api.core.v1.GRPCAction', '-', {
  port: required([1, int32], '-'),
  service: pointer([2, string], '-', { default: '' }),
});
export type GRPCAction = Infer<typeof grpcAction>;

export const sleepAction = message('io.k8s.api.core.v1.SleepAction', '-', {
  seconds: required([1, int64], '-'),
});
export type SleepAction = Infer<typeof sleepAction>;

export const probeHandler = message('io.k8s.api.core.v1.ProbeHandler', '-', {
  exec: optional([1, execAction], '-'),
  httpGet: optional([2, httpGetAction], '-'),
  tcpSocket: optional([3, tcpSocketAction], '-'),
  grpc: optional([4, grpcAction], '-'),
});
export type ProbeHandler = Infer<typeof probeHandler>;

export const probe = message('io.k8s.api.core.v1.Probe', '-', {
  ...inline(1, probeHandler),
  initialDelaySeconds: optional([2, int32], '-'),
  timeoutSeconds: optional([3, int32], '-', { default: 1 }),
  periodSeconds: optional([4, int32], '-', { default: 10 }),
  successThreshold: optional([5, int32], '-', { default: 1 }),
  failureThreshold: optional([6, int32], '-', { default: 3 }),
  terminationGracePeriodSeconds: pointer([7, int64], '-'),
});
export type Probe = Infer<typeof probe>;

export const lifecycleHandler = message('io.k8s.api.core.v1.LifecycleHandler', '-', {
  exec: optional([1, execAction], '-'),
  httpGet: optional([2, httpGetAction], '-'),
  tcpSocket: optional([3, tcpSocketAction], '-'),
  sleep: optional([4, sleepAction], '-'),
});
export type LifecycleHandler = Infer<typeof lifecycleHandler>;

export const lifecycle = message('io.k8s.api.core.v1.Lifecycle', '-', {
  postStart: optional([1, lifecycleHandler], '-'),
  preStop: optional([2, lifecycleHandler], '-'),
  stopSignal: pointer([3, string], '-'),
});
export type Lifecycle = Infer<typeof lifecycle>;
