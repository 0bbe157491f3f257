import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl } from './kubectl-cases.ts';
import type { Manifest } from './manifests.ts';

const sleeping = {
  name: 'main',
  image: 'host',
  command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'],
};

function workload(kind: string, name: string, spec: Manifest = {}): Manifest {
  const labels = { app: name };
  const template = {
    metadata: { labels },
    spec: { terminationGracePeriodSeconds: 1, containers: [sleeping] },
  };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: { selector: { matchLabels: labels }, template, ...spec },
  };
}

const namesOf = async (kubectl: Kubectl, what: string): Promise<readonly string[]> =>
  (await kubectl.ok(`get ${what} -o name`)).split('\n').filter((line) => line !== '');

const environment = async (kubectl: Kubectl, what: string): Promise<string> =>
  kubectl.ok(`get ${what} -o 'jsonpath={.spec.template.spec.containers[0].env[*].name}'`);

/** A change, what the history says of it, and the way back: the same for every workload with ControllerRevisions. */
async function goesThereAndBack(kubectl: Kubectl, what: string): Promise<void> {
  await kubectl.ok(`set env ${what} COLOUR=blue`);
  await kubectl.ok(`annotate ${what} 'kubernetes.io/change-cause=blue'`);
  await kubectl.ok(`rollout status ${what} --timeout=60s`);
  assert.match(await kubectl.ok(`rollout history ${what}`), /^REVISION .*\n1 .*\n2 /m);
  assert.match(await kubectl.ok(`rollout history ${what} --revision=2`), /COLOUR:\s+blue/);
  assert.doesNotMatch(await kubectl.ok(`rollout history ${what} --revision=1`), /COLOUR/);
  assert.match(await kubectl.ok(`rollout undo ${what}`), / rolled back$/);
  assert.equal(await environment(kubectl, what), '');
  await kubectl.ok(`rollout status ${what} --timeout=60s`);
  await eventually('the first revision as the third', async () =>
    /^2 .*\n3 /m.test(await kubectl.ok(`rollout history ${what}`)) ? true : undefined,
  );
  await kubectl.ok(`rollout undo ${what} --to-revision=2`);
  assert.equal(await environment(kubectl, what), 'COLOUR');
  assert.match(await kubectl.ok(`rollout restart ${what}`), / restarted$/);
  await kubectl.ok(`rollout status ${what} --timeout=60s`);
}

kubectlCases('kubectl and the other workloads', {
  'a StatefulSet: rollout, history, undo, restart, scale, describe': async (kubectl) => {
    await kubectl.ok('create -f -', workload('StatefulSet', 'db', { replicas: 2, serviceName: 'db' }));
    assert.match(
      await kubectl.ok('rollout status statefulset/db --timeout=60s'),
      /partitioned roll out complete|rolling update complete 2 pods at revision/,
    );
    assert.deepEqual(await namesOf(kubectl, 'pods'), ['pod/db-0', 'pod/db-1']);
    assert.match(await kubectl.ok('get sts'), /^NAME +READY +AGE\ndb +2\/2 /);
    assert.match(await kubectl.ok('get sts -o wide'), /CONTAINERS +IMAGES\ndb +2\/2 +\S+ +main +host$/);
    await goesThereAndBack(kubectl, 'statefulset/db');
    assert.match(
      await kubectl.ok('get controllerrevisions'),
      /NAME +CONTROLLER +REVISION +AGE\ndb-\S+ +statefulset.apps\/db +\d/,
    );
    assert.equal(await kubectl.ok('scale statefulset/db --replicas=1'), 'statefulset.apps/db scaled');
    await eventually('one Pod', async () =>
      (await namesOf(kubectl, 'pods')).join() === 'pod/db-0' ? true : undefined,
    );
    const text = await kubectl.ok('describe statefulset db');
    assert.match(text, /Replicas: +1 desired \| 1 total/);
    assert.match(text, /Update Strategy: +RollingUpdate\n +Partition: +0/);
    assert.match(text, /SuccessfulCreate .*create Pod db-0 in StatefulSet db successful/);
  },
  'a DaemonSet: rollout, history, undo, restart, describe': async (kubectl) => {
    await kubectl.ok('create -f -', workload('DaemonSet', 'agent'));
    assert.match(
      await kubectl.ok('rollout status daemonset/agent --timeout=60s'),
      /daemon set "agent" successfully rolled out$/,
    );
    assert.match(
      await kubectl.ok('get ds'),
      /^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE\nagent +1 +1 +1 +1 +1 +<none> /,
    );
    await goesThereAndBack(kubectl, 'daemonset/agent');
    assert.match(
      await kubectl.refuses('scale daemonset/agent --replicas=2'),
      /could not find the requested resource/,
    );
    const text = await kubectl.ok('describe daemonset agent');
    assert.match(text, /Desired Number of Nodes Scheduled: 1/);
    assert.match(text, /Pods Status: +1 Running \/ 0 Waiting \/ 0 Succeeded \/ 0 Failed/);
    assert.match(text, /SuccessfulCreate .*Created pod: agent-/);
  },
  'a Job: create, wait, logs, describe, delete': async (kubectl) => {
    await kubectl.ok('create job hello --image=host -- echo hi');
    assert.equal(
      await kubectl.ok('wait job/hello --for=condition=complete --timeout=60s'),
      'job.batch/hello condition met',
    );
    assert.equal(await kubectl.ok('logs job/hello'), 'hi');
    assert.match(
      await kubectl.ok('get jobs'),
      /^NAME +STATUS +COMPLETIONS +DURATION +AGE\nhello +Complete +1\/1 /,
    );
    const text = await kubectl.ok('describe job hello');
    assert.match(text, /Pods Statuses: +0 Active \(0 Ready\) \/ 1 Succeeded \/ 0 Failed/);
    assert.match(text, /Completed .*Job completed/);
    assert.equal(await kubectl.ok('delete job hello'), `job.batch "hello" deleted`);
    await eventually('no Pod', async () =>
      (await namesOf(kubectl, 'pods')).length === 0 ? true : undefined,
    );
  },
  'a Job that fails': async (kubectl) => {
    const template = {
      spec: { restartPolicy: 'Never', containers: [{ ...sleeping, command: ['sh', '-c', 'exit 3'] }] },
    };
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'bad' },
      spec: { backoffLimit: 0, template },
    };
    await kubectl.ok('create -f -', job);
    await kubectl.ok('wait job/bad --for=condition=failed --timeout=60s');
    assert.match(await kubectl.ok('get jobs'), /\nbad +Failed +0\/1 /);
    assert.match(
      await kubectl.ok('describe job bad'),
      /BackoffLimitExceeded .*Job has reached the specified backoff limit/,
    );
  },
  'a CronJob, and a Job made from it': async (kubectl) => {
    await kubectl.ok("create cronjob nightly --image=host '--schedule=0 3 * * *' -- echo hi");
    assert.match(
      await kubectl.ok('get cronjobs'),
      /^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE\nnightly +0 3 \* \* \* +<none> +False +0 +<none> /,
    );
    await kubectl.ok('create job now --from=cronjob/nightly');
    await kubectl.ok('wait job/now --for=condition=complete --timeout=60s');
    assert.match(await kubectl.ok('describe cronjob nightly'), /Schedule: +0 3 \* \* \*/);
  },
  'a ReplicationController': async (kubectl) => {
    const labels = { app: 'old' };
    const spec = { replicas: 1, template: { metadata: { labels }, spec: { containers: [sleeping] } } };
    await kubectl.ok('create -f -', {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'old' },
      spec,
    });
    await kubectl.ok('wait pod -l app=old --for=create --timeout=30s');
    await kubectl.ok('wait pod -l app=old --for=condition=ready --timeout=60s');
    assert.equal(await kubectl.ok('scale rc/old --replicas=2'), 'replicationcontroller/old scaled');
    await eventually('two', async () => ((await namesOf(kubectl, 'pods')).length === 2 ? true : undefined));
    assert.match(await kubectl.ok('get rc'), /^NAME +DESIRED +CURRENT +READY +AGE\nold +2 /);
    assert.match(await kubectl.ok('describe rc old'), /Selector: +app=old/);
  },
  'an Ingress and its class': async (kubectl) => {
    await kubectl.ok(
      "create ingress web --class=nginx '--rule=shop.example.com/cart*=cart:80' --default-backend=web:http",
    );
    assert.match(
      await kubectl.ok('get ingress'),
      /^NAME +CLASS +HOSTS +ADDRESS +PORTS +AGE\nweb +nginx +shop.example.com +80 /,
    );
    const text = await kubectl.ok('describe ingress web');
    assert.match(text, /shop.example.com\s+\/cart +cart:80/);
    assert.match(text, /Ingress Class: +nginx/);
    assert.match(
      await kubectl.refuses("create ingress bad '--rule=10.0.0.1/=a:80'"),
      /spec.rules\[0\].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address/,
    );
    const name = `class-${kubectl.namespace}`;
    const ingressClass = { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name } };
    await kubectl.ok('create -f -', { ...ingressClass, spec: { controller: 'example.com/ingress' } });
    assert.match(
      await kubectl.ok(`get ingressclass ${name}`),
      /CONTROLLER +PARAMETERS +AGE\n\S+ +example.com\/ingress +<none> /,
    );
    assert.match(await kubectl.ok(`describe ingressclass ${name}`), /Controller: +example.com\/ingress/);
  },
  'a NetworkPolicy, a budget and a claim': async (kubectl) => {
    const policy = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'deny' },
      spec: { podSelector: { matchLabels: { app: 'a' } } },
    };
    await kubectl.ok('create -f -', policy);
    assert.match(await kubectl.ok('get netpol'), /^NAME +POD-SELECTOR +AGE\ndeny +app=a /);
    assert.match(await kubectl.ok('describe netpol deny'), /Policy Types: Ingress/);
    await kubectl.ok('create pdb keep --selector=app=a --min-available=50%');
    assert.match(
      await kubectl.ok('get pdb'),
      /^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE\nkeep +50% +N\/A +0 /,
    );
    assert.match(await kubectl.ok('describe pdb keep'), /Min available: +50%/);
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    await kubectl.ok('create -f -', claim);
    assert.match(
      await kubectl.ok('get pvc'),
      /^NAME +STATUS +VOLUME +CAPACITY +ACCESS MODES +STORAGECLASS +VOLUMEATTRIBUTESCLASS +AGE\ndata +Pending +<unset> /,
    );
    assert.match(await kubectl.ok('describe pvc data'), /Status: +Pending/);
  },
  'a quota, a range of limits and a priority class': async (kubectl) => {
    await kubectl.ok('create quota few --hard=pods=5,limits.cpu=2');
    assert.match(
      await kubectl.ok('get quota'),
      /^NAME +REQUEST +LIMIT +AGE\nfew +pods: 0\/5 +limits.cpu: 0\/2 /,
    );
    assert.match(await kubectl.ok('describe quota few'), /Name: +few/);
    const limits = [{ type: 'Container', max: { cpu: '2' }, default: { cpu: '500m' } }];
    await kubectl.ok('create -f -', {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'some' },
      spec: { limits },
    });
    assert.match(await kubectl.ok('describe limits some'), /Container +cpu +- +2 +\S+ +500m/);
    const name = `class-${kubectl.namespace}`;
    await kubectl.ok(`create priorityclass ${name} --value=1000 '--description=mine'`);
    assert.match(
      await kubectl.ok(`get pc ${name}`),
      /GLOBAL-DEFAULT +AGE +PREEMPTIONPOLICY\n\S+ +1000 +false +\S+ +PreemptLowerPriority$/,
    );
    const spec = { priorityClassName: name, schedulerName: 'nobody', containers: [sleeping] };
    await kubectl.ok('create -f -', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
    assert.match(
      await kubectl.ok('describe pod p'),
      new RegExp(`Priority: +1000\\nPriority Class Name: +${name}`),
    );
    assert.match(
      await kubectl.refuses('delete pc system-node-critical'),
      /is a system priority class and cannot be deleted/,
    );
  },
  'get all shows them, and explain knows them': async (kubectl) => {
    await kubectl.ok('create -f -', workload('StatefulSet', 'db', { replicas: 0, serviceName: 'db' }));
    await kubectl.ok("create cronjob nightly --image=host '--schedule=0 3 * * *' -- echo hi");
    const all = await kubectl.ok('get all -o name');
    for (const name of ['statefulset.apps/db', 'cronjob.batch/nightly']) assert.ok(all.includes(name), all);
    for (const field of [
      'statefulset.spec.volumeClaimTemplates.spec.accessModes',
      'daemonset.spec.updateStrategy.rollingUpdate.maxSurge',
      'job.spec.completionMode',
      'ingress.spec.rules.http.paths.backend.service.port',
      'networkpolicy.spec.ingress.from.ipBlock',
      'pdb.spec.minAvailable',
    ]) {
      assert.match(await kubectl.ok(`explain ${field}`), /FIELD: /);
    }
  },
});
