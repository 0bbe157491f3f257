import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestCluster, type Outcome, type TestCluster } from '../../src/testing/test-cluster.ts';

/** What kubectl reads from standard input: text as it is, objects as JSON. */
export type Input = string | object | readonly object[];

/** The real kubectl, in a namespace of its own. Command lines are split at blanks; 'single quotes' keep a part whole. */
export interface Kubectl {
  readonly cluster: TestCluster;
  readonly namespace: string;
  run(line: string, input?: Input): Promise<Outcome>;
  /** Standard output without the last newline; fails the test when kubectl fails. */
  ok(line: string, input?: Input): Promise<string>;
  /** Standard error without the last newline; fails the test when kubectl succeeds. */
  refuses(line: string, input?: Input): Promise<string>;
  /** `get … -o json`, parsed. */
  json<T>(line: string): Promise<T>;
}

export type Case = (kubectl: Kubectl) => Promise<void>;

/** Runs each case of the table against one cluster (of one node), each in a new namespace, several at a time. */
export function kubectlCases(
  title: string,
  cases: Readonly<Record<string, Case>>,
  { nodes = 1, concurrency = 3 }: { readonly nodes?: number; readonly concurrency?: number } = {},
): void {
  describe(title, { concurrency }, () => {
    let cluster: TestCluster | undefined;
    before(async () => {
      cluster = await startTestCluster({ flags: ['--nodes', String(nodes)] });
      const namespaces = Object.keys(cases).map((_, index) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: `case-${index}` },
      }));
      await kubectlIn(cluster, 'default').ok('create -f -', namespaces);
    });
    after(async () => {
      await cluster?.stop();
    });
    Object.entries(cases).forEach(([sentence, run], index) => {
      it(sentence, async () => {
        assert.ok(cluster !== undefined);
        await run(kubectlIn(cluster, `case-${index}`));
      });
    });
  });
}

export function kubectlIn(cluster: TestCluster, namespace: string): Kubectl {
  const run = (line: string, input?: Input): Promise<Outcome> => {
    const args = wordsOf(line);
    const isScoped = args.some((a) => a === '-n' || a === '-A' || a.startsWith('--namespace'));
    return cluster.kubectl(isScoped ? args : ['-n', namespace, ...args], textOf(input));
  };
  const describeRun = (line: string, o: Outcome): string =>
    `kubectl ${line}\nexit code ${o.code}\n${o.stdout}\n${o.stderr}`;
  const ok = async (line: string, input?: Input): Promise<string> => {
    const outcome = await run(line, input);
    assert.equal(outcome.code, 0, describeRun(line, outcome));
    return outcome.stdout.trimEnd();
  };
  return {
    cluster,
    namespace,
    run,
    ok,
    refuses: async (line, input) => {
      const outcome = await run(line, input);
      assert.ok(outcome.code !== 0 && outcome.code !== null, describeRun(line, outcome));
      return withoutDeprecations(outcome.stderr).trimEnd();
    },
    json: async <T>(line: string) => JSON.parse(await ok(`get ${line} -o json`)) as T,
  };
}

/** What kubectl complains of, without the server's advice not to use Endpoints any more. */
export const withoutDeprecations = (errors: string): string =>
  errors.replaceAll(
    'Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n',
    '',
  );

/** The lines that do not speak of the ConfigMap which every namespace gets from a controller. */
export const withoutRootCertificate = (lines: string): string =>
  lines
    .split('\n')
    .filter((line) => !line.includes('kube-root-ca.crt'))
    .join('\n');

function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
}

function textOf(input: Input | undefined): string | undefined {
  if (input === undefined || typeof input === 'string') return input;
  if (Array.isArray(input)) return input.map((o) => JSON.stringify(o)).join('\n');
  return JSON.stringify(input);
}
