import { createPublicKey } from 'node:crypto';
import type { ApiServerOptions } from '../../apiserver/config.ts';
import type { Pki } from '../../apiserver/pki/pki.ts';
import { wrongFlag } from '../component/flags.ts';
import type { Flags } from '../component/flags.ts';
import { readFlagFile, readNamedFile } from './files.ts';
import type { ApiserverFlag } from './flags.ts';

type Access = Pick<
  ApiServerOptions,
  | 'authorizationMode'
  | 'anonymous'
  | 'serviceAccount'
  | 'limits'
  | 'audit'
  | 'featureGates'
  | 'disabledAdmission'
>;

/** Who may do what, how much at once, and what is written down of it, as the flags say. */
export function accessOptions(flags: Flags<ApiserverFlag>, pki: Pki | undefined): Access {
  const anonymous = flags.isOn('anonymous-auth');
  const serviceAccount = serviceAccountOptions(flags, pki);
  const audit = auditOptions(flags);
  const featureGates = flags.list('feature-gates').join(',');
  const enabled = new Set(flags.list('enable-admission-plugins'));
  const maxRequestsInflight = flags.number('max-requests-inflight', [0, 1_000_000]);
  const maxMutatingRequestsInflight = flags.number('max-mutating-requests-inflight', [0, 1_000_000]);
  return {
    authorizationMode: flags.list('authorization-mode').join(',') || 'Node,RBAC',
    ...(anonymous === undefined ? {} : { anonymous: anonymous ? 'all' : 'none' }),
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
    limits: {
      ...(maxRequestsInflight === undefined ? {} : { maxRequestsInflight }),
      ...(maxMutatingRequestsInflight === undefined ? {} : { maxMutatingRequestsInflight }),
    },
    ...(audit === undefined ? {} : { audit }),
    ...(featureGates === '' ? {} : { featureGates }),
    disabledAdmission: flags.list('disable-admission-plugins').filter((name) => !enabled.has(name)),
  };
}

/** The tokens of service accounts: signed by the key that was given, else by the one in --cert-dir. */
function serviceAccountOptions(flags: Flags<ApiserverFlag>, pki: Pki | undefined): Access['serviceAccount'] {
  const signingKey =
    readFlagFile(flags, 'service-account-signing-key-file') ?? pki?.serviceAccount.privateKey;
  if (signingKey === undefined) return undefined;
  const audiences = flags.list('api-audiences');
  return {
    signingKey,
    verificationKeys: flags.list('service-account-key-file').map(publicKeyOf),
    issuer: flags.text('service-account-issuer') ?? 'https://kubernetes.default.svc.cluster.local',
    ...(audiences.length === 0 ? {} : { audiences }),
  };
}

/** As upstream, the file may hold a public key, a private one or a certificate. */
function publicKeyOf(path: string): string {
  const flag = 'service-account-key-file';
  const text = readNamedFile(flag, path);
  try {
    return createPublicKey(text).export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    throw wrongFlag(`--${flag}=${path}: there is no key in PEM form in the file`);
  }
}

const AUDIT_MODES = ['batch', 'blocking', 'blocking-strict'] as const;

function auditOptions(flags: Flags<ApiserverFlag>): Access['audit'] {
  const logPath = flags.text('audit-log-path');
  const policy = readFlagFile(flags, 'audit-policy-file');
  if (logPath === undefined && policy === undefined) return undefined;
  if (logPath === undefined)
    throw wrongFlag('--audit-policy-file says what to record; say where with --audit-log-path');
  if (policy === undefined)
    throw wrongFlag('--audit-log-path records nothing by itself; say what with --audit-policy-file');
  const wanted = flags.text('audit-log-mode') ?? 'blocking';
  const mode = AUDIT_MODES.find((known) => known === wanted);
  if (mode === undefined)
    throw wrongFlag(`--audit-log-mode=${wanted}: must be one of ${AUDIT_MODES.join(', ')}`);
  const limit = (name: ApiserverFlag): number => flags.number(name, [0, 1_000_000]) ?? 0;
  return {
    policy,
    logPath,
    mode,
    maxSizeMb: limit('audit-log-maxsize') || 100,
    maxAgeDays: limit('audit-log-maxage'),
    maxBackups: limit('audit-log-maxbackup'),
  };
}
