import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../../base/thrown.ts';
import { inClusterAccess, loadKubeconfig } from '../../client/kubeconfig.ts';
import type { ServerAccess } from '../../client/server-access.ts';
import { wrongFlag } from '../component/flags.ts';

/** Of the kubeconfig, else of the Pod's service account, else of `master` alone. Throws a UserError. */
export async function serverAccess(kubeconfig: string, master: string | undefined): Promise<ServerAccess> {
  const override = master === undefined || master === '' ? {} : { server: master };
  if (kubeconfig !== '') {
    try {
      const text = readFileSync(kubeconfig, 'utf8');
      return { ...(await loadKubeconfig(text, { baseDir: dirname(kubeconfig) })), ...override };
    } catch (error) {
      throw wrongFlag(`kubeconfig ${kubeconfig}: ${messageOf(error)}`);
    }
  }
  if (master !== undefined && master !== '') return { server: master };
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (host === undefined || port === undefined) {
    throw wrongFlag(
      'no API server is known: give --kubeconfig=FILE, or clientConnection.kubeconfig in the file of --config',
    );
  }
  try {
    return inClusterAccess({ host, port });
  } catch (error) {
    throw wrongFlag(messageOf(error));
  }
}
