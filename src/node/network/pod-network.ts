import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mount, MS_BIND, unmount } from '../../kernel/libc/mounts.ts';
import {
  createNamedIpc,
  createNamedNetns,
  createNamedUts,
  deleteNamedNamespace,
  isNamespaceBound,
} from '../../kernel/netns/named-netns.ts';
import { applyPlan, withStack } from './node-network.ts';
import type { PodNetwork } from './plain-pod-network.ts';
import { podLinkName, podNetworkPlan, sandboxSysctls } from './plan.ts';

/** Makes the folder a mount of its own, so that a container's mount namespace can drop it with all that is bound below in one call. */
function ensureMountPoint(directory: string): void {
  const isMounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === directory);
  if (!isMounted) mount({ source: directory, target: directory, flags: MS_BIND });
}

/** Pods with namespaces, routed by the namespace this thread is in. `directory` holds a folder of bound namespaces per Pod. */
export function createNamespacedPodNetwork(directory: string, nodeIP: string): PodNetwork {
  mkdirSync(directory, { recursive: true });
  ensureMountPoint(directory);
  const pathOf = (uid: string, kind: string): string => join(directory, uid, kind);
  return {
    setUp: ({ uid, hostname, ip, isHostNetwork }) => {
      const ipc = pathOf(uid, 'ipc');
      const isNew = !isNamespaceBound(ipc);
      mkdirSync(join(directory, uid), { recursive: true });
      if (isNew) createNamedIpc(ipc);
      if (isHostNetwork) return { namespaces: { ipc }, isNew };
      const [net, uts] = [pathOf(uid, 'net'), pathOf(uid, 'uts')];
      if (!isNamespaceBound(uts)) createNamedUts(uts, hostname);
      withStack(undefined, (node) => {
        if (!isNamespaceBound(net)) {
          node.remove({ kind: 'link', name: podLinkName(ip) });
          createNamedNetns(net);
        }
        const plan = podNetworkPlan({ podIP: ip, nodeIP, netnsPath: net });
        applyPlan(node, plan.node);
        withStack(net, (pod) => {
          for (const [name, value] of Object.entries(sandboxSysctls)) pod.sysctl(name, value);
          applyPlan(pod, plan.pod);
        });
      });
      return { namespaces: { ipc, uts, net }, isNew };
    },
    tearDown: (uid, ip) => {
      if (ip !== '') withStack(undefined, (node) => node.remove({ kind: 'link', name: podLinkName(ip) }));
      for (const kind of ['net', 'uts', 'ipc']) deleteNamedNamespace(pathOf(uid, kind));
      rmSync(join(directory, uid), { recursive: true, force: true });
    },
    list: () => (existsSync(directory) ? readdirSync(directory) : []),
    dispose: () => void unmount(directory),
  };
}
