import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import {
  type ChangeRow,
  kindTrials,
  type Row,
  testChanges,
  testNewObjects,
} from '../../fixtures/kind-trials.ts';

const labels = { app: 'a' };
const selector = { matchLabels: labels };
const containers = [{ name: 'c', image: 'i' }];
const template = { metadata: { labels }, spec: { containers } };
const ending = { metadata: { labels }, spec: { containers, restartPolicy: 'Never' } };
const stateful = (changes: JsonObject): JsonObject => ({
  spec: { selector, template, serviceName: 'a', ...changes },
});
const daemon = (changes: JsonObject): JsonObject => ({ spec: { selector, template, ...changes } });
const job = (changes: JsonObject): JsonObject => ({ spec: { template: ending, ...changes } });
const cron = (changes: JsonObject): JsonObject => ({
  spec: { schedule: '* * * * *', jobTemplate: { spec: { template: ending } }, ...changes },
});
const claim = (changes: JsonObject): JsonObject => ({
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...changes },
});

const rows: Readonly<Record<string, Row>> = {
  'a StatefulSet': ['statefulsets', stateful({}), 'accepted'],
  'a StatefulSet whose name has dots': [
    'statefulsets',
    { metadata: { name: 'a.b' }, ...stateful({}) },
    'metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label must consist of',
  ],
  'a StatefulSet without selector': [
    'statefulsets',
    stateful({ selector: undefined }),
    '[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`]',
  ],
  'a StatefulSet with a wrong operator': [
    'statefulsets',
    stateful({ selector: { matchExpressions: [{ key: 'a', operator: 'Is' }] } }),
    '[spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator, spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"Is"}]}]',
  ],
  'a StatefulSet with an empty selector': [
    'statefulsets',
    stateful({ selector: {} }),
    'spec.selector: Invalid value: {}: empty selector is invalid for statefulset',
  ],
  'a StatefulSet that does not select its Pods': [
    'statefulsets',
    stateful({ selector: { matchLabels: { app: 'b' } } }),
    'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
  ],
  'a StatefulSet of Pods that end': [
    'statefulsets',
    stateful({ template: ending }),
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  'a StatefulSet managed in an unknown way': [
    'statefulsets',
    stateful({ podManagementPolicy: 'Any' }),
    `spec.podManagementPolicy: Invalid value: "Any": must be 'OrderedReady' or 'Parallel'`,
  ],
  'a StatefulSet updated in an unknown way': [
    'statefulsets',
    stateful({ updateStrategy: { type: 'Recreate' } }),
    `spec.updateStrategy: Invalid value: {"type":"Recreate"}: must be 'RollingUpdate' or 'OnDelete'`,
  ],
  'a StatefulSet that rolls though it shall not': [
    'statefulsets',
    stateful({ updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } }),
    `spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1,"maxUnavailable":1}: only allowed for updateStrategy 'RollingUpdate'`,
  ],
  'a StatefulSet with less than no partition': [
    'statefulsets',
    stateful({ updateStrategy: { rollingUpdate: { partition: -1 } } }),
    'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
  ],
  'a StatefulSet that may never be short of a Pod': [
    'statefulsets',
    stateful({ updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } }),
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0',
  ],
  'a StatefulSet numbered from below': [
    'statefulsets',
    stateful({ replicas: -1, ordinals: { start: -1 } }),
    '[spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0]',
  ],
  'a StatefulSet that keeps claims in an unknown way': [
    'statefulsets',
    stateful({ persistentVolumeClaimRetentionPolicy: { whenScaled: 'Keep' } }),
    'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Keep": supported values: "Retain", "Delete"',
  ],
  'a DaemonSet': ['daemonsets', daemon({}), 'accepted'],
  'a DaemonSet without selector': [
    'daemonsets',
    daemon({ selector: undefined }),
    'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
  ],
  'a DaemonSet with a wrong operator': [
    'daemonsets',
    daemon({ selector: { matchExpressions: [{ key: 'a', operator: 'Is' }] } }),
    'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
  ],
  'a DaemonSet with an empty selector': [
    'daemonsets',
    daemon({ selector: {} }),
    'spec.selector: Invalid value: {}: empty selector is invalid for daemonset',
  ],
  'a DaemonSet with a bad Pod': [
    'daemonsets',
    daemon({ template: { metadata: { labels }, spec: { containers: [{ name: 'c' }] } } }),
    'spec.template.spec.containers[0].image: Required value',
  ],
  'a DaemonSet that recreates': [
    'daemonsets',
    daemon({ updateStrategy: { type: 'Recreate' } }),
    'spec.updateStrategy.type: Unsupported value: "Recreate": supported values: "OnDelete", "RollingUpdate"',
  ],
  'a DaemonSet that could never move': [
    'daemonsets',
    daemon({ updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } }),
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
  ],
  'a DaemonSet that moves in two ways': [
    'daemonsets',
    daemon({ updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: '10%' } } }),
    'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero',
  ],
  'a ControllerRevision': ['controllerrevisions', { revision: 1, data: { a: 1 } }, 'accepted'],
  'a ControllerRevision of nothing': [
    'controllerrevisions',
    { revision: -1 },
    '[data: Required value: data is mandatory, revision: Invalid value: -1: must be greater than or equal to 0]',
  ],
  'a ReplicationController': ['replicationcontrollers', { spec: { template } }, 'accepted'],
  'a ReplicationController of nothing': [
    'replicationcontrollers',
    { spec: {} },
    '[spec.selector: Required value, spec.template: Required value]',
  ],
  'a ReplicationController that does not select its Pods': [
    'replicationcontrollers',
    { spec: { selector: { app: 'b' }, template } },
    'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
  ],
  'a Job': ['jobs', job({}), 'accepted'],
  'a Job of Pods that stay': [
    'jobs',
    job({ template }),
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  ],
  'a Job with a selector of its own': [
    'jobs',
    job({ selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'x' } } }),
    '[spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"x"}}: `selector` not auto-generated',
  ],
  'a Job with a selector chosen by hand': ['jobs', job({ manualSelector: true, selector }), 'accepted'],
  'a Job with a wrong operator': [
    'jobs',
    job({ manualSelector: true, selector: { matchExpressions: [{ key: 'a', operator: 'Is' }] } }),
    'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
  ],
  'a Job chosen by hand without selector': [
    'jobs',
    job({ manualSelector: true }),
    '[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`]',
  ],
  'a numbered Job without number': [
    'jobs',
    job({ completionMode: 'Indexed', parallelism: 2 }),
    'spec.completions: Required value: when completion mode is Indexed',
  ],
  'a Job that counts failures by number without numbers': [
    'jobs',
    job({ backoffLimitPerIndex: 1 }),
    'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
  ],
  'a Job with negative numbers': [
    'jobs',
    job({ parallelism: -1, backoffLimit: -1 }),
    '[spec.parallelism: Invalid value: -1: must be greater than or equal to 0, spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0]',
  ],
  'a Job of nobody': [
    'jobs',
    job({ managedBy: 'me' }),
    'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
  ],
  'a CronJob': ['cronjobs', cron({ timeZone: 'Etc/UTC' }), 'accepted'],
  'a CronJob each weekday morning': [
    'cronjobs',
    cron({ schedule: '*/5 9-17 * jan,feb mon-fri' }),
    'accepted',
  ],
  'a CronJob with a word': ['cronjobs', cron({ schedule: '@daily' }), 'accepted'],
  'a CronJob never': ['cronjobs', cron({ schedule: '' }), 'spec.schedule: Required value'],
  'a CronJob with four fields': [
    'cronjobs',
    cron({ schedule: '* * * *' }),
    'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]',
  ],
  'a CronJob at minute sixty': [
    'cronjobs',
    cron({ schedule: '60 * * * *' }),
    'spec.schedule: Invalid value: "60 * * * *": end of range (60) above maximum (59): 60',
  ],
  'a CronJob with a zone in the schedule': [
    'cronjobs',
    cron({ schedule: 'TZ=Etc/UTC * * * * *' }),
    'spec.schedule: Invalid value: "TZ=Etc/UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
  ],
  'a CronJob in no zone': [
    'cronjobs',
    cron({ timeZone: 'Mars/Base' }),
    'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base',
  ],
  'a CronJob whose Jobs would have too long names': [
    'cronjobs',
    { metadata: { name: 'a'.repeat(53) }, ...cron({}) },
    `metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`,
  ],
  'a CronJob with an unknown policy': [
    'cronjobs',
    cron({ concurrencyPolicy: 'Wait' }),
    'spec.concurrencyPolicy: Unsupported value: "Wait": supported values: "Allow", "Forbid", "Replace"',
  ],
};

const changes: Readonly<Record<string, ChangeRow>> = {
  'a StatefulSet may be scaled and updated': [
    'statefulsets',
    stateful({}),
    'accepted',
    { spec: { replicas: 3, minReadySeconds: 1, revisionHistoryLimit: 1, ordinals: { start: 1 } } },
  ],
  'a StatefulSet keeps its Service': [
    'statefulsets',
    stateful({}),
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    { spec: { serviceName: 'b' } },
  ],
  'a StatefulSet has no more ready Pods than Pods': [
    'statefulsets',
    stateful({}),
    'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
    { status: { replicas: 1, readyReplicas: 2 } },
    'status',
  ],
  'a DaemonSet keeps its selector': [
    'daemonsets',
    daemon({ template: { metadata: { labels: { app: 'a', b: 'c' } }, spec: { containers } } }),
    'spec.selector: Invalid value: {"matchLabels":{"app":"a","b":"c"}}: field is immutable',
    { spec: { selector: { matchLabels: { b: 'c' } } } },
  ],
  'a ControllerRevision keeps its data': [
    'controllerrevisions',
    { revision: 1, data: { a: 1 } },
    'data: Invalid value: {"a":2}: field is immutable',
    { data: { a: 2 } },
  ],
  'a ControllerRevision may count on': [
    'controllerrevisions',
    { revision: 1, data: {} },
    'accepted',
    { revision: 2 },
  ],
  'a Job keeps what it is to do': [
    'jobs',
    job({}),
    'spec.completions: Invalid value: 5: field is immutable',
    { spec: { completions: 5 } },
  ],
  'a Job may run on more Pods at a time': ['jobs', job({}), 'accepted', { spec: { parallelism: 5 } }],
  'a running Job keeps its place': [
    'jobs',
    job({}),
    'spec.template: Invalid value: ',
    { spec: { template: { spec: { nodeSelector: { a: 'b' } } } } },
  ],
  'a Job that waits may be sent elsewhere': [
    'jobs',
    job({ suspend: true }),
    'accepted',
    { spec: { template: { spec: { nodeSelector: { a: 'b' } } } } },
  ],
};

const bench = kindTrials();
testNewObjects(bench, rows);
testChanges(bench, changes);

describe('what the server fills in', () => {
  const made = async (plural: string, body: JsonObject): Promise<JsonObject> => {
    const object = await bench.create(plural, body);
    await bench.remove(plural);
    return object;
  };
  it('of a StatefulSet', async () => {
    const claimTemplate = { metadata: { name: 'data' }, ...claim({}) };
    const { spec, status, metadata } = await made(
      'statefulsets',
      stateful({ volumeClaimTemplates: [claimTemplate] }),
    );
    const { template: _1, selector: _2, volumeClaimTemplates, ...rest } = spec as JsonObject;
    assert.deepEqual(rest, {
      replicas: 1,
      serviceName: 'a',
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 1 } },
      revisionHistoryLimit: 10,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    });
    const [first] = volumeClaimTemplates as JsonObject[];
    assert.deepEqual(
      [first?.apiVersion, first?.kind, first?.status, (first?.spec as JsonObject).volumeMode],
      ['v1', 'PersistentVolumeClaim', { phase: 'Pending' }, 'Filesystem'],
    );
    assert.deepEqual([status, (metadata as JsonObject).generation], [{ replicas: 0 }, 1]);
  });

  it('of a DaemonSet, whose templates are counted', async () => {
    const { spec, status, metadata } = await bench.create('daemonsets', daemon({}));
    const annotation = 'deprecated.daemonset.template.generation';
    assert.deepEqual((metadata as JsonObject).annotations, { [annotation]: '1' });
    assert.deepEqual((spec as JsonObject).updateStrategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
    });
    assert.deepEqual(status, {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    });
    const generations: unknown[] = [];
    for (const patch of [
      { spec: { minReadySeconds: 1 } },
      { spec: { template: { metadata: { annotations: { a: 'b' } } } } },
    ]) {
      const { metadata: changed } = await bench.change('daemonsets', patch);
      generations.push(((changed as JsonObject).annotations as JsonObject)[annotation]);
    }
    await bench.remove('daemonsets');
    assert.deepEqual(generations, ['1', '2']);
  });

  it('of a Job, with labels that no other Job has', async () => {
    const { spec, metadata } = await made('jobs', job({}));
    const { uid } = metadata as JsonObject;
    const { template: filled, ...rest } = spec as JsonObject;
    assert.deepEqual(rest, {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } },
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
    });
    assert.deepEqual(((filled as JsonObject).metadata as JsonObject).labels, {
      'controller-uid': uid,
      'job-name': 'it',
      'batch.kubernetes.io/controller-uid': uid,
      'batch.kubernetes.io/job-name': 'it',
      app: 'a',
    });
    assert.deepEqual((metadata as JsonObject).labels, labels);
  });

  it('of a Job that knows how many run at a time, but not how often', async () => {
    const { spec } = await made('jobs', job({ parallelism: 3 }));
    assert.equal((spec as JsonObject).completions, undefined);
  });

  it('of a CronJob, and nothing of the Jobs that it will make', async () => {
    const { spec } = await made('cronjobs', cron({}));
    const { concurrencyPolicy, suspend, successfulJobsHistoryLimit, failedJobsHistoryLimit } =
      spec as JsonObject;
    assert.deepEqual(
      [concurrencyPolicy, suspend, successfulJobsHistoryLimit, failedJobsHistoryLimit],
      ['Allow', false, 3, 1],
    );
    const { spec: ofJob } = (spec as { jobTemplate: { spec: JsonObject } }).jobTemplate;
    assert.deepEqual(Object.keys(ofJob), ['template']);
    assert.equal((ofJob['template'] as { spec: JsonObject }).spec['dnsPolicy'], 'ClusterFirst');
  });

  it('of a ReplicationController, from its template', async () => {
    const { spec, metadata } = await made('replicationcontrollers', { spec: { template } });
    assert.deepEqual([(spec as JsonObject).selector, (metadata as JsonObject).labels], [labels, labels]);
  });
});
