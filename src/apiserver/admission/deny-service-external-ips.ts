import { type Service, services } from '../../api/core/v1/service.ts';
import { forbidden } from '../../api/errors/api-error.ts';
import type { Admission } from './admission.ts';

/** As `--disable-admission-plugins` names it. */
export const DENY_SERVICE_EXTERNAL_IPS = 'DenyServiceExternalIPs';

/**
 * Who may write Services could take any address's traffic by `externalIPs` (CVE-2020-8554), so none is added; those
 * that stand may stay.
 */
export const denyServiceExternalIPs: Admission = ({ operation, kind, name, subresource, object, old }) => {
  if (operation === 'delete' || kind !== services || subresource !== '') return;
  const known = new Set((old as Service | undefined)?.spec.externalIPs);
  const wanted = (object as Service).spec.externalIPs ?? [];
  if (wanted.every((ip) => known.has(ip))) return;
  throw forbidden(kind, name, 'Use of external IPs is denied by admission control');
};
