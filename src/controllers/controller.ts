import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { createWorkQueue } from '../base/work-queue.ts';
import type { WorkQueue } from '../base/work-queue.ts';
import type { Client } from '../client/client.ts';
import { runController } from '../client/controller.ts';
import { hasSynced } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';

/** What may be set of the controllers of endpoints, as kube-controller-manager's flags of similar names do. */
export interface EndpointLimits {
  /** --max-endpoints-per-slice; 100. */
  readonly maxEndpointsPerSlice?: number;
  /** --mirroring-max-endpoints-per-subset; 1000. */
  readonly mirroringMaxEndpointsPerSubset?: number;
  /** --endpoint-updates-batch-period: how long changes of Pods are collected; 0. */
  readonly endpointUpdatesBatchMs?: number;
  /** --endpointslice-updates-batch-period; 0. */
  readonly endpointSliceUpdatesBatchMs?: number;
  /** --mirroring-endpointslice-updates-batch-period; 0. */
  readonly mirroringUpdatesBatchMs?: number;
}

/** What every controller is given. */
export interface ControllerDeps {
  readonly client: Client;
  /**
   * The client of one controller, which acts as the service account of this name in kube-system and has no more rights
   * than upstream's role of the same name; absent: all of them share `client`.
   */
  readonly clientFor?: (account: string) => Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What Pods and Secrets need for service accounts; absent: no certificate is published and no Secret filled. */
  readonly serviceAccounts?: {
    /** PEM of the cluster's authority. */
    readonly certificate: string;
    /** Makes a token without an end; absent: no Secret is filled. */
    readonly sign?: (order: {
      readonly namespace: string;
      readonly account: { readonly name: string; readonly uid: string };
      readonly secretName: string;
    }) => Promise<string>;
  };
  readonly endpointLimits?: EndpointLimits;
}

export interface Controller {
  readonly name: string;
  /** Works until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** A controller before its queue and its workers. */
export interface ControllerPlan {
  readonly name: string;
  /** Nothing is reconciled before all of these are complete: an empty copy would look like an empty cluster. */
  readonly reads: readonly { readonly firstSync: Promise<void> }[];
  /** Connects the informers to the queue; returns what disconnects them. */
  readonly connect: (queue: WorkQueue<string>) => readonly (() => void)[];
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<number | void>;
  readonly workers?: number;
}

export function createController(deps: ControllerDeps, plan: ControllerPlan): Controller {
  const { clock, logger } = deps;
  const { name, reads, connect, reconcile, workers } = plan;
  return {
    name,
    run: async (signal) => {
      const queue = createWorkQueue<string>({ clock, signal, name });
      const disconnect = connect(queue);
      await Promise.all(reads.map((informer) => hasSynced(informer, signal)));
      await runController({ name, reconcile, queue, workers, clock, logger }, signal);
      for (const end of disconnect) end();
    },
  };
}

/** The controller together with what works beside it, such as its event recorder. */
export function alongside(
  controller: Controller,
  ...others: readonly { run(signal: AbortSignal): Promise<void> }[]
): Controller {
  return {
    name: controller.name,
    run: async (signal) => {
      await Promise.all([controller, ...others].map((part) => part.run(signal)));
    },
  };
}
