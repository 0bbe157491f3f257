import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { JsonObject } from '../../src/base/json.ts';
import { kindSamples, NAMESPACE, type Sample } from './battery-objects.ts';
import { serviceSamples } from './battery-services.ts';
import { withoutDeprecations, type Kubectl } from './kubectl-cases.ts';

/** One sample as it stands in the server. */
export interface Patient {
  readonly sentence: string;
  readonly sample: Sample;
  readonly name: string;
  readonly manifest: JsonObject;
  readonly apiVersion: string;
  readonly kind: string;
  /** As kubectl calls it in its answers: `deployment.apps/a-deployment`. */
  readonly full: string;
}

/** Where they stand. */
export const NAMESPACE_NAME = 'battery';

/** A name made of a sentence. */
export const slug = (sentence: string): string =>
  sentence
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 50);

function patientOf(sentence: string, sample: Sample): Patient {
  const name = sample.name ?? slug(sentence).replace(/-$/, '');
  const object = JSON.parse(
    JSON.stringify(sample.object).replaceAll(NAMESPACE, NAMESPACE_NAME),
  ) as Sample['object'];
  const manifest = { ...object, metadata: { ...object.metadata, name } } as JsonObject;
  const [group = ''] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : [];
  const { apiVersion } = object;
  const kind = object['kind'] as string;
  const full = `${sample.resource}${group && `.${group}`}/${name}`;
  return { sentence, sample, name, manifest, apiVersion, kind, full };
}

export const patients: readonly Patient[] = Object.entries({ ...serviceSamples, ...kindSamples }).map(
  ([sentence, sample]) => patientOf(sentence, sample),
);
/** Every apiVersion among them. */
export const groups: readonly string[] = [...new Set(patients.map(({ apiVersion }) => apiVersion))];

/** The sentences of the samples for which it does not hold, so that a failure names them. */
export const failing = (holds: (patient: Patient) => boolean): readonly string[] =>
  patients.filter((patient) => !holds(patient)).map(({ sentence }) => sentence);

export const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');
/** The line kubectl ends with `ending` for each. */
export const fulls = (ending: string | ((patient: Patient) => string)): readonly string[] =>
  patients.map((patient) => patient.full + (typeof ending === 'string' ? ending : ending(patient)));

/** With the fields that its sample changes. */
export function changed({ manifest, sample }: Patient): JsonObject {
  return sample.change === undefined ? manifest : merged(manifest, sample.change as JsonObject);
}

function merged(base: JsonObject, change: JsonObject): JsonObject {
  const result: Record<string, JsonObject[string]> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const before = base[key];
    result[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return result;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Calls `act` for each, two at a time. */
export async function twoAtATime<T>(list: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = [...list];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await act(item);
  };
  await Promise.all([worker(), worker()]);
}

/** What discovery says of a group's version. */
export interface Resources {
  readonly groupVersion: string;
  readonly resources: readonly {
    readonly name: string;
    readonly singularName: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

/** A list as `get -o json` gives it. */
export interface Listed {
  readonly items: readonly (JsonObject & {
    readonly kind: string;
    readonly metadata: {
      readonly name: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
  })[];
}

/** How many watches run at the same time. */
export const WATCHERS = 6;

/** A `kubectl get -w` that runs. */
export interface Watching {
  readonly type: string;
  /** How often the object was named. */
  readonly seen: () => number;
  readonly stop: () => Promise<void>;
}

/** Watches all objects of the type, and counts how often `full` is named. */
export function watch({ cluster, namespace }: Kubectl, type: string, full: string): Watching {
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, KUBECACHEDIR: join(cluster.root, 'cache') };
  const child = spawn('kubectl', ['-n', namespace, 'get', type, '-w', '-o', 'name'], { env });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed += withoutDeprecations(text)));
  return {
    type,
    seen: () => lines(printed).filter((line) => line === full).length,
    stop: () => {
      child.kill();
      return ended;
    },
  };
}
