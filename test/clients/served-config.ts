import { after, before } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import {
  createTestPki,
  type Running,
  startServer,
  type TestPki,
} from '../../src/apiserver/fixtures/running-server.ts';
import { renderKubeconfig } from '../../src/apiserver/pki/kubeconfig.ts';

/**
 * What leads the JavaScript client to an API server that takes every sample of the kubectl battery. The server runs as
 * long as the tests of the describe that this is called in; the configuration is empty before.
 */
export function servedConfig(): KubeConfig {
  const config = new KubeConfig();
  let pki: TestPki;
  let running: Running;
  before(async () => {
    pki = await createTestPki();
    running = await startServer(pki.pki, {
      config: {
        serviceCidrs: ['10.0.0.0/8', 'fd00:10:96::/112'],
        disabledAdmission: ['DenyServiceExternalIPs'],
      },
    });
    const { caCert, admin } = pki.pki;
    config.loadFromString(renderKubeconfig({ server: running.url, caCert, client: admin }));
  });
  after(async () => {
    await running.stop();
    await pki.remove();
  });
  return config;
}
