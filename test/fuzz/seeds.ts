/** Objects that the server takes as they are; what breaks it is near what it takes. */
export const seeds: readonly { readonly path: string; readonly object: Readonly<Record<string, unknown>> }[] =
  [
    {
      path: '/api/v1/namespaces/default/services',
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'svc', labels: { app: 'a' }, annotations: { note: 'x' }, finalizers: ['x.io/y'] },
        spec: {
          type: 'LoadBalancer',
          selector: { app: 'a' },
          ports: [
            { name: 'a', port: 80, targetPort: 'http', protocol: 'TCP' },
            { name: 'b', port: 53, targetPort: 53, protocol: 'UDP' },
          ],
          sessionAffinity: 'ClientIP',
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } },
          externalTrafficPolicy: 'Local',
          loadBalancerSourceRanges: ['10.0.0.0/8'],
          ipFamilies: ['IPv4'],
          ipFamilyPolicy: 'SingleStack',
        },
      },
    },
    {
      path: '/api/v1/namespaces/default/configmaps',
      object: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'cm' },
        data: { k: 'v' },
        binaryData: { b: 'AA==' },
      },
    },
    {
      path: '/api/v1/namespaces/default/pods',
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { generateName: 'pod-' },
        spec: {
          containers: [
            {
              name: 'c',
              image: 'i',
              ports: [{ containerPort: 80 }],
              env: [{ name: 'E', value: 'v' }],
              resources: { requests: { cpu: '100m', memory: '1Gi' } },
              readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
    {
      path: '/apis/apps/v1/namespaces/default/deployments',
      object: {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'dep' },
        spec: {
          replicas: 2,
          selector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] },
          strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
          template: {
            metadata: { labels: { a: 'b' } },
            spec: { containers: [{ name: 'c', image: 'i' }] },
          },
        },
      },
    },
    {
      path: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
      object: {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'slice', labels: { 'kubernetes.io/service-name': 'svc' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true }, nodeName: 'n' }],
        ports: [{ name: 'a', port: 80, protocol: 'TCP' }],
      },
    },
    {
      path: '/apis/coordination.k8s.io/v1/namespaces/default/leases',
      object: {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'lease' },
        spec: { holderIdentity: 'me', leaseDurationSeconds: 5, renewTime: '2026-01-01T00:00:00.000000Z' },
      },
    },
  ];
