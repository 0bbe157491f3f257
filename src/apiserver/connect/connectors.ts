import type { Node } from '../../api/core/v1/node.ts';
import type { KubeObject } from '../../api/kind.ts';
import type { Handle } from '../http/call.ts';
import type { Connectors, Subresource } from '../http/subresources.ts';
import type { Resource } from '../rest/rest.ts';
import type { PodStreamsOptions } from './pod-streams.ts';

export interface ConnectorsOptions extends Omit<PodStreamsOptions, 'nodes'> {
  readonly resources: readonly Resource<KubeObject>[];
}

/** Every subresource that leads out of the server. What serves them is loaded with the first request. */
export function createConnectors({ resources, ...options }: ConnectorsOptions): Connectors {
  const readOf = <T extends KubeObject>(plural: string): Resource<T>['read'] | undefined =>
    resources.find(({ kind }) => kind.group === '' && kind.plural === plural)?.read as
      Resource<T>['read'] | undefined;
  const nodes = readOf<Node>('nodes');
  if (nodes === undefined) return () => [];
  const streams: Handle = async (call, warnings) => {
    const { connectPod } = await import('./pod-streams.ts');
    return connectPod({ ...options, nodes }, call, warnings);
  };
  const stream = (name: string, kind: string): Subresource => ({
    name,
    responseKind: { group: '', version: 'v1', kind },
    verbs: { create: streams, get: streams },
  });
  const found = new Map<string, readonly Subresource[]>([
    [
      '/pods',
      [
        stream('attach', 'PodAttachOptions'),
        stream('exec', 'PodExecOptions'),
        stream('portforward', 'PodPortForwardOptions'),
      ],
    ],
  ]);
  return ({ group, plural }) => found.get(`${group}/${plural}`) ?? [];
}
