import { readFileSync } from 'node:fs';
import { createServiceAccountTokens } from '../../apiserver/authentication/service-account-tokens.ts';
import { realClock } from '../../base/clock.ts';
import { messageOf } from '../../base/thrown.ts';
import type { ControllerDeps, EndpointLimits } from '../../controllers/controller.ts';
import { wrongFlag, type Flags } from '../component/flags.ts';
import type { ControllerManagerFlag } from './flags.ts';

type ManagerFlags = Flags<ControllerManagerFlag>;

/** Throws a UserError (exit code 2) for a file that cannot be read. */
export function readPem(flag: ControllerManagerFlag, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw wrongFlag(`--${flag}=${path}: cannot read the file (${messageOf(error)})`);
  }
}

/** What the flags say about the work of single controllers. `ca` is the kubeconfig's authority, PEM. */
export function controllerOptions(
  flags: ManagerFlags,
  ca: string | undefined,
): Pick<ControllerDeps, 'endpointLimits' | 'serviceAccounts'> {
  const rootCa = flags.text('root-ca-file');
  const certificate = rootCa === undefined ? ca : readPem('root-ca-file', rootCa);
  return {
    endpointLimits: endpointLimits(flags),
    ...(certificate === undefined ? {} : { serviceAccounts: { certificate, ...signing(flags) } }),
  };
}

/** Ranges as upstream checks them. */
function endpointLimits(flags: ManagerFlags): EndpointLimits {
  const maxEndpointsPerSlice = flags.number('max-endpoints-per-slice', [1, 1000]);
  const mirroringMaxEndpointsPerSubset = flags.number('mirroring-max-endpoints-per-subset', [1, 1000]);
  const endpointUpdatesBatchMs = flags.durationMs('endpoint-updates-batch-period');
  const endpointSliceUpdatesBatchMs = flags.durationMs('endpointslice-updates-batch-period');
  const mirroringUpdatesBatchMs = flags.durationMs('mirroring-endpointslice-updates-batch-period');
  return {
    ...(maxEndpointsPerSlice === undefined ? {} : { maxEndpointsPerSlice }),
    ...(mirroringMaxEndpointsPerSubset === undefined ? {} : { mirroringMaxEndpointsPerSubset }),
    ...(endpointUpdatesBatchMs === undefined ? {} : { endpointUpdatesBatchMs }),
    ...(endpointSliceUpdatesBatchMs === undefined ? {} : { endpointSliceUpdatesBatchMs }),
    ...(mirroringUpdatesBatchMs === undefined ? {} : { mirroringUpdatesBatchMs }),
  };
}

/** Tokens in Secrets carry an issuer of their own, so the one named here is in none of them. */
function signing(flags: ManagerFlags): Pick<NonNullable<ControllerDeps['serviceAccounts']>, 'sign'> {
  const path = flags.text('service-account-private-key-file');
  if (path === undefined) return {};
  const signingKey = readPem('service-account-private-key-file', path);
  try {
    const tokens = createServiceAccountTokens({ signingKey, issuer: 'kubernetes/serviceaccount' }, realClock);
    return { sign: tokens.signLegacy };
  } catch (error) {
    throw wrongFlag(`--service-account-private-key-file=${path}: no P-256 private key (${messageOf(error)})`);
  }
}
