import { parentPort, workerData } from 'node:worker_threads';
import { ApiError } from '../../api/errors/api-error.ts';
import { strictYamlParse } from '../../api/schema/strict-yaml.ts';
import type { YamlAnswer } from './yaml-aside.ts';

/** The program of a thread that reads one YAML text. */
function answer(text: string): YamlAnswer {
  try {
    const { value, duplicates } = strictYamlParse(text);
    return { json: JSON.stringify(value), duplicates };
  } catch (error) {
    const { message } = error as Error;
    return { error: error instanceof ApiError ? message : `error converting YAML to JSON: ${message}` };
  }
}

parentPort?.postMessage(answer(workerData as string));
