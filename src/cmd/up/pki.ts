import { writeKubeconfig } from '../../apiserver/pki/kubeconfig.ts';
import { createPki, type PkiOptions } from '../../apiserver/pki/pki.ts';
import { messageOf } from '../../base/thrown.ts';
import { UserError } from './user-error.ts';

export interface PkiRequest extends PkiOptions {
  readonly kubeconfigs: readonly { readonly file: string; readonly server: string }[];
}

/** Makes or checks the cluster's certificates and writes the kubeconfigs. Rejects with a UserError naming the bad file. */
export async function preparePki({ kubeconfigs, ...options }: PkiRequest): Promise<void> {
  try {
    const { caCert, admin } = await createPki(options);
    await Promise.all(
      kubeconfigs.map(({ file, server }) => writeKubeconfig(file, { server, caCert, client: admin })),
    );
  } catch (error) {
    throw new UserError(`cannot prepare the cluster's certificates: ${messageOf(error)}`);
  }
}
