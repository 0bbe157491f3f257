// A program of its own: making certificates loads 20 MB of code that no long-lived process should carry.
import { createPki, type PkiNode } from '../../apiserver/pki/pki.ts';
import { writeKubeconfig } from '../../apiserver/pki/kubeconfig.ts';
import { realClock } from '../../base/clock.ts';
import { messageOf } from './user-error.ts';

export interface PkiRequest {
  readonly dir: string;
  readonly nodes: readonly PkiNode[];
  readonly apiServerHosts: readonly string[];
  readonly kubeconfigs: readonly { readonly file: string; readonly server: string }[];
}

async function main(request: PkiRequest): Promise<void> {
  const pki = await createPki({ ...request, nodes: [], clock: realClock });
  // The API server can start; the nodes' certificates are made meanwhile.
  process.stdout.write('server\n');
  await createPki({ ...request, clock: realClock });
  for (const { file, server } of request.kubeconfigs) {
    await writeKubeconfig(file, { server, caCert: pki.caCert, client: pki.admin });
  }
}

main(JSON.parse(process.argv[2] ?? '{}') as PkiRequest).catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
});
