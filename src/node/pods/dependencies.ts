import type { Service } from '../../api/core/v1/service.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { NodeConfig } from '../config.ts';
import type { References } from '../environment/container-environment.ts';
import type { Ipam } from '../network/ipam.ts';
import type { PodNetwork } from '../network/plain-pod-network.ts';
import type { ContainerRuntime } from '../runtime/model.ts';
import type { StateFiles } from './state-files.ts';
import type { StatusWriter } from './status-writer.ts';

/** What all Pods of a node are run with. */
export interface PodDependencies {
  readonly config: NodeConfig;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runtime: ContainerRuntime;
  readonly network: PodNetwork;
  readonly ipam: Ipam;
  readonly files: StateFiles;
  readonly references: References;
  readonly events: EventRecorder;
  readonly status: StatusWriter;
  /** The Services there are now. */
  readonly services: () => readonly Service[];
  /** The node's own resolv.conf. */
  readonly nodeResolvConf: string;
  /** Ends when the agent does; Pods go on. */
  readonly signal: AbortSignal;
}
