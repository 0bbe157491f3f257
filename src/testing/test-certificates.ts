import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority, loadAuthority } from '../apiserver/pki/certificate-authority.ts';
import type { KeyPair } from '../apiserver/config.ts';
import { realClock } from '../base/clock.ts';

/** An authority with a server's and a client's certificate, as text and as files `ca.crt`, `server.crt`, `server.key` in a folder. */
export interface TestCertificates {
  readonly ca: string;
  readonly client: KeyPair;
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
}

export function writeTestCertificates(dir: string, clientName: string): TestCertificates {
  const now = realClock.now();
  const own = createAuthority({ commonName: 'test-ca', days: 1, now });
  const authority = loadAuthority(own);
  const issue = (
    commonName: string,
    hosts: readonly string[],
    usages: readonly ('serverAuth' | 'clientAuth')[],
  ) => authority.issue({ subject: { commonName, organizations: [] }, hosts, usages, days: 1 }, now);
  // etcd's gateway calls the member itself, as a client with the server's certificate.
  const server = issue('etcd', ['127.0.0.1', 'localhost'], ['serverAuth', 'clientAuth']);
  const files = { ca: join(dir, 'ca.crt'), cert: join(dir, 'server.crt'), key: join(dir, 'server.key') };
  writeFileSync(files.ca, own.cert);
  writeFileSync(files.cert, server.cert);
  writeFileSync(files.key, server.key, { mode: 0o600 });
  return { ca: own.cert, client: issue(clientName, [], ['clientAuth']), files };
}
