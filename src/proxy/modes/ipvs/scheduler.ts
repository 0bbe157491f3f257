import { schedulers } from '../../../kernel/ipvs/model.ts';
import type { Scheduler } from '../../../kernel/ipvs/model.ts';

/** What a Service gets that asks for nothing, where `ipvs.scheduler` of the configuration is empty (as with kube-proxy). */
const DEFAULT = 'rr';

/** The scheduler of that name, the default for ''; undefined = there is none. */
export const schedulerOf = (name = ''): Scheduler | undefined =>
  schedulers.find((known) => known === (name === '' ? DEFAULT : name));
