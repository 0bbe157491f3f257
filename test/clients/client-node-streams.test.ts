import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import {
  AppsV1Api,
  Attach,
  CoreV1Api,
  Cp,
  Exec,
  KubeConfig,
  Log,
  PortForward,
  type V1Status,
} from '@kubernetes/client-node';
import { eventually, startTestCluster, type TestCluster } from '../../src/testing/test-cluster.ts';
import { serviceSamples } from '../kubectl/battery-services.ts';

const labels = { app: 'MyApp' };
/** Says what it is told, and serves HTTP on the port that the samples send people to. */
const spec = {
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: 'main',
      image: 'portico/echo',
      env: [{ name: 'PORT', value: '9376' }],
      ports: [{ name: 'http-web-svc', containerPort: 9376 }],
    },
    {
      name: 'reader',
      image: 'host',
      stdin: true,
      command: [
        'sh',
        '-c',
        'echo begun; while read l; do echo "got $l"; if [ "$l" = end ]; then exit; fi; done',
      ],
    },
  ],
};

/** What was written to it so far. */
function collector(): { readonly stream: PassThrough; readonly text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return { stream, text: () => text };
}

describe('the streams of @kubernetes/client-node', () => {
  let cluster: TestCluster | undefined;
  const config = new KubeConfig();
  const pod = 'web';
  const folder = mkdtempSync(join(tmpdir(), 'portico-copy-'));
  before(async () => {
    cluster = await startTestCluster({ flags: ['--nodes', '1'] });
    config.loadFromFile(cluster.kubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    const selector = { matchLabels: labels };
    const body = { metadata: { name: 'web' }, spec: { selector, template: { metadata: { labels }, spec } } };
    await config.makeApiClient(AppsV1Api).createNamespacedDeployment({ namespace: 'default', body });
    await core.createNamespacedPod({ namespace: 'default', body: { metadata: { name: pod, labels }, spec } });
    await eventually(
      'both Pods to be ready',
      async () => {
        const { items } = await core.listNamespacedPod({ namespace: 'default' });
        const ready = items.filter(({ status }) =>
          status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
        );
        return ready.length === 2 || undefined;
      },
      60_000,
    );
  });
  after(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true });
  });

  const run = async (
    command: readonly string[],
    input?: string,
  ): Promise<{ out: string; error: string; status: V1Status }> => {
    const [out, error] = [collector(), collector()];
    const stdin = input === undefined ? null : new PassThrough();
    const status = await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec('default', pod, 'main', [...command], out.stream, error.stream, stdin, false, resolve)
        .catch(reject);
      stdin?.end(input);
    });
    return { out: out.text(), error: error.text(), status };
  };

  it('exec: output, errors, input and the exit code', async () => {
    const well = await run(['sh', '-c', 'echo out; echo err >&2']);
    assert.deepEqual([well.out, well.error, well.status.status], ['out\n', 'err\n', 'Success']);
    const ill = await run(['sh', '-c', 'exit 7']);
    assert.deepEqual([ill.status.status, ill.status.reason], ['Failure', 'NonZeroExitCode']);
    assert.deepEqual(ill.status.details?.causes, [{ reason: 'ExitCode', message: '7' }]);
    const fed = await run(['sh', '-c', 'read l; echo "got $l"'], 'hello\n');
    assert.equal(fed.out, 'got hello\n');
  });

  it('attach: what goes in comes out', async () => {
    const out = collector();
    const stdin = new PassThrough();
    const socket = await new Attach(config).attach('default', pod, 'reader', out.stream, null, stdin, false);
    stdin.write('one\n');
    await eventually('the answer', async () => out.text().includes('got one\n') || undefined);
    socket.close();
  });

  it('logs: all of them, the last line, and as they come', async () => {
    const log = new Log(config);
    const whole = collector();
    await log.log('default', pod, 'reader', whole.stream);
    await eventually('the log', async () => whole.text().startsWith('begun\n') || undefined);
    const followed = collector();
    await log.log('default', pod, 'reader', followed.stream, { follow: true, tailLines: 1 });
    await new Attach(config).attach(
      'default',
      pod,
      'reader',
      new PassThrough(),
      null,
      new PassThrough().end('two\nend\n'),
      false,
    );
    await eventually('the end of the container', async () => followed.stream.writableEnded || undefined);
    assert.match(followed.text(), /got two\ngot end\n$/);
  });

  it('copies a folder there and back', async () => {
    const text = 'some text\n'.repeat(1000);
    const written = new Date('2020-02-02T20:20:20Z');
    mkdirSync(join(folder, 'there'));
    mkdirSync(join(folder, 'back'));
    writeFileSync(join(folder, 'there', 'file'), text);
    utimesSync(join(folder, 'there', 'file'), written, written);
    const { out } = await run(['mktemp', '-d']);
    const inside = out.trim();
    const cp = new Cp(config);
    await cp.cpToPod('default', pod, 'main', join(folder, 'there'), inside);
    // It says that it is done before the program at the other end is, and before its own files are.
    await eventually(
      'the whole file',
      async () => (await run(['wc', '-c', `${inside}/file`])).out.startsWith(`${text.length} `) || undefined,
    );
    await cp.cpFromPod('default', pod, 'main', 'file', join(folder, 'back'), inside);
    const copy = join(folder, 'back', 'file');
    await eventually(
      'the copy, as old as the original',
      async () => statSync(copy, { throwIfNoEntry: false })?.mtimeMs === written.getTime() || undefined,
    );
    assert.equal(readFileSync(copy, 'utf8'), text);
  });

  /** One request through a forwarded port. */
  const askThrough = async (
    forward: (output: PassThrough, input: PassThrough) => Promise<unknown>,
  ): Promise<string> => {
    const out = collector();
    const input = new PassThrough();
    const made = await forward(out.stream, input);
    input.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await eventually('the answer', async () => out.text().includes('\r\n\r\n') || undefined);
    const socket = (typeof made === 'function' ? (made as () => unknown)() : made) as {
      close(): void;
    } | null;
    socket?.close();
    return out.text();
  };

  it('forwards to a Pod and to a Deployment', async () => {
    const forward = new PortForward(config);
    const toPod = await askThrough((output, input) =>
      forward.portForward('default', pod, [9376], output, null, input),
    );
    assert.match(toPod, /^HTTP\/1\.1 200 OK\r\n/);
    const toDeployment = await askThrough((output, input) =>
      forward.portForwardDeployment('default', 'web', [9376], output, null, input),
    );
    assert.match(toDeployment, /^HTTP\/1\.1 200 OK\r\n/);
  });

  it('forwards to each Service that has a selector, and tells when there is none', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const forward = new PortForward(config);
    for (const [index, [sentence, sample]] of Object.entries(serviceSamples).entries()) {
      const spec = sample.object['spec'] as { selector?: object; externalIPs?: object; clusterIP?: string };
      const isElsewhere = spec.clusterIP?.startsWith('10.0.') === true || spec.externalIPs !== undefined;
      // Those need a cluster that was set up for them.
      if (sample.needsTwoFamilies === true || isElsewhere) continue;
      const name = `service-${index}`;
      await core.createNamespacedService({
        namespace: 'default',
        body: { metadata: { name }, spec } as never,
      });
      const attempt = askThrough((output, input) =>
        forward.portForwardService('default', name, [9376], output, null, input),
      );
      if (spec.selector === undefined) await assert.rejects(attempt, sentence);
      else assert.match(await attempt, /^HTTP\/1\.1 200 OK\r\n/, sentence);
    }
  });
});
