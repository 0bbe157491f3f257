import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { isAlreadyExists } from '../../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/kind.ts';
import { allKinds } from '../../api/kinds.ts';
import type { Client } from '../../client/client.ts';
import { UserError } from '../up/user-error.ts';

/** The objects of a manifest file, in order. Throws a UserError naming the file and the line that is not YAML. */
export function readManifest(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(file, 'utf8'), { version: '1.1' }).map((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw new UserError(`${file}: ${problem.message}`);
    return document.toJS() as KubeObject;
  });
}

function kindOf(object: KubeObject, file: string): Kind {
  const found = allKinds.find((k) => k.kind === object.kind && apiVersionOf(k) === object.apiVersion);
  if (found === undefined) throw new UserError(`${file}: no kind ${object.kind} in ${object.apiVersion}`);
  return found;
}

/** Creates every object of the file in the namespace `default`; one that is there already is merged with it. */
export async function applyFile(client: Client, file: string): Promise<readonly string[]> {
  const applied: string[] = [];
  for (const object of readManifest(file)) {
    const kind = kindOf(object, file);
    const namespaced = { ...object, metadata: { namespace: 'default', ...object.metadata } };
    const { name, namespace } = namespaced.metadata;
    try {
      await client.create(kind, namespaced);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await client.patch(kind, { name, namespace }, { type: 'strategic', body: namespaced });
    }
    applied.push(`${kind.singular}/${name}`);
  }
  return applied;
}
