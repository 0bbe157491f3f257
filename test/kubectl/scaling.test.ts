import assert from 'node:assert/strict';
import { kubectlServerCases } from './kubectl-server.ts';
import { deployment } from './manifests.ts';

kubectlServerCases('kubectl and what scales', {
  'autoscale makes an autoscaler, which get and describe show': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web'));
    assert.equal(
      await kubectl.ok('autoscale deployment web --min=2 --max=5 --cpu-percent=60'),
      'horizontalpodautoscaler.autoscaling/web autoscaled',
    );
    const again = 'horizontalpodautoscalers.autoscaling "web" already exists';
    assert.match(await kubectl.refuses('autoscale deployment web --max=5'), new RegExp(again));
    assert.match(
      await kubectl.ok('get hpa'),
      /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/web +cpu: <unknown>\/60% +2 +5 +0 +\d+s$/,
    );
    const text = await kubectl.ok('describe hpa web');
    assert.match(text, /^Reference: +Deployment\/web$/m);
    assert.match(text, /resource cpu on pods +\(as a percentage of request\): +<unknown> \/ 60%/);
    assert.match(text, /^Min replicas: +2\nMax replicas: +5$/m);
    assert.match(await kubectl.ok('get all'), /horizontalpodautoscaler\.autoscaling\/web /);
  },
  'each version shows what the other wrote': async (kubectl) => {
    const cpu = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } };
    const memory = { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } };
    const metrics = [cpu, memory].map((resource) => ({ type: 'Resource', resource }));
    const spec = { scaleTargetRef: { kind: 'Deployment', name: 'a' }, maxReplicas: 3, metrics };
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } };
    const metadata = { name: 'a' };
    const autoscaler = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata };
    await kubectl.ok('apply -f -', { ...autoscaler, spec: { ...spec, behavior } });
    assert.match(
      await kubectl.ok('get hpa a --no-headers'),
      /^a +Deployment\/a +cpu: <unknown>\/70%, memory: <unknown>\/1Gi +1 +3 +0 /,
    );
    const old = 'horizontalpodautoscalers.v1.autoscaling/a';
    const shown = '{.spec.targetCPUUtilizationPercentage} {.metadata.annotations}';
    const text = await kubectl.ok(`get ${old} -o 'jsonpath=${shown}'`);
    assert.match(text, /^70 /);
    assert.match(text, /\\"targetAverageValue\\":\\"1Gi\\"/);
    assert.match(text, /\\"ScaleDown\\":\{[^}]*\}?[^}]*\\"StabilizationWindowSeconds\\":60/);
    await kubectl.ok(`patch ${old} -p '{"spec":{"targetCPUUtilizationPercentage":50}}'`);
    const both = '{.spec.metrics[*].resource.name} {.spec.behavior.scaleDown.stabilizationWindowSeconds}';
    assert.equal(await kubectl.ok(`get hpa a -o 'jsonpath=${both}'`), 'memory cpu 60');
    assert.match(
      await kubectl.refuses(`patch hpa a -p '{"spec":{"maxReplicas":0}}'`),
      /spec\.maxReplicas: Invalid value: 0: must be greater than 0/,
    );
  },
});
