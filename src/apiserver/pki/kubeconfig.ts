import type { KeyPair } from '../config.ts';
import { writeFileAtomically } from './atomic-file.ts';

export interface KubeconfigOptions {
  /** URL of the API server. */
  readonly server: string;
  /** PEM. */
  readonly caCert: string;
  /** Client certificate and key, PEM. */
  readonly client: KeyPair;
  /** Name of the cluster, its user and the context. Default `portico`. */
  readonly name?: string;
}

/** A kubeconfig with everything inside, so that the file may be carried elsewhere. */
export function renderKubeconfig({ server, caCert, client, name = 'portico' }: KubeconfigOptions): string {
  const data = (pem: string): string => Buffer.from(pem).toString('base64');
  const text = JSON.stringify;
  return `apiVersion: v1
kind: Config
clusters:
- name: ${text(name)}
  cluster:
    server: ${text(server)}
    certificate-authority-data: ${data(caCert)}
contexts:
- name: ${text(name)}
  context:
    cluster: ${text(name)}
    user: ${text(`${name}-admin`)}
current-context: ${text(name)}
users:
- name: ${text(`${name}-admin`)}
  user:
    client-certificate-data: ${data(client.cert)}
    client-key-data: ${data(client.key)}
`;
}

/** Writes `renderKubeconfig` to `file`, which only its owner may read: it holds a private key. */
export function writeKubeconfig(file: string, options: KubeconfigOptions): Promise<void> {
  return writeFileAtomically(file, renderKubeconfig(options));
}
