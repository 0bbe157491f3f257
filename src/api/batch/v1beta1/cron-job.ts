import type { KindVersion } from '../../kind-version.ts';
import { message } from '../../schema/schema.ts';
import { cronJob, cronJobs } from '../v1/job.ts';

/** Nothing differs but the name of the version. Controllers of Kubernetes 1.20 know no other. */
export const cronJobsV1beta1: KindVersion = {
  kind: {
    ...cronJobs,
    version: 'v1beta1',
    schema: message('io.k8s.api.batch.v1beta1.CronJob', cronJob.description, cronJob.fields),
  },
  stored: cronJobs,
  toStored: (object) => object,
  fromStored: (object) => object,
};
