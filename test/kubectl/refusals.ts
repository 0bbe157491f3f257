import assert from 'node:assert/strict';
import { kubectlCases, type Case, type Input, type Kubectl } from './kubectl-cases.ts';

/** A wrong request and its answer. */
export interface Refusal {
  /** Objects that are there before. */
  readonly given?: Input;
  /** The command line; default: `create -f -`. {ns} in it, in `input` and in `says` stands for the case's namespace, {server} for the API. */
  readonly run?: string;
  readonly input?: Input;
  /** The whole of what kubectl says on standard error, or a pattern of it. */
  readonly says: string | RegExp;
}

/** Each refusal must be said in Kubernetes' words and leave every object of the namespace as it was. */
export function refusalCases(title: string, refusals: Readonly<Record<string, Refusal>>): void {
  const cases = Object.entries(refusals).map(([sentence, refusal]): [string, Case] => [
    sentence,
    (kubectl) => check(kubectl, refusal),
  ]);
  kubectlCases(title, Object.fromEntries(cases));
}

async function check(kubectl: Kubectl, { given, run = 'create -f -', input, says }: Refusal): Promise<void> {
  if (given !== undefined) await kubectl.ok('create -f -', inNamespace(kubectl, given));
  const before = given === undefined ? {} : await stateOf(kubectl);
  const said = await kubectl.refuses(
    run
      .replaceAll('{ns}', kubectl.namespace)
      .replaceAll('{server}', `https://127.0.0.1:${kubectl.cluster.apiPort}`),
    input && inNamespace(kubectl, input),
  );
  if (typeof says === 'string') assert.equal(said, says.replaceAll('{ns}', kubectl.namespace));
  else assert.match(said, says);
  assert.deepEqual(await stateOf(kubectl), before);
}

function inNamespace({ namespace }: Kubectl, input: Input): Input {
  return JSON.parse(JSON.stringify(input).replaceAll('{ns}', namespace)) as Input;
}

interface Listed {
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: {
      readonly name: string;
      readonly resourceVersion: string;
      readonly ownerReferences?: unknown;
    };
    readonly spec?: unknown;
  }[];
}

/** What a person wrote there: kinds that no controller writes to, with their revisions. Deployments by their spec. */
async function stateOf(kubectl: Kubectl): Promise<Readonly<Record<string, unknown>>> {
  const { items } = await kubectl.json<Listed>('services,configmaps,secrets,pods,deployments');
  return Object.fromEntries(
    items
      .filter((o) => o.metadata.ownerReferences === undefined && o.metadata.name !== 'kube-root-ca.crt')
      .map((o) => [
        `${o.kind} ${o.metadata.name}`,
        o.kind === 'Deployment' ? o.spec : o.metadata.resourceVersion,
      ]),
  );
}
