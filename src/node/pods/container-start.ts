import { accessSync, constants, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Container } from '../../api/core/v1/container.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { NodeConfig } from '../config.ts';
import { containerEnvironment, type References } from '../environment/container-environment.ts';
import { fqdnOf, hostnameOf, hostsFile, resolvConf } from '../environment/dns.ts';
import { expand } from '../environment/expand.ts';
import { serviceEnvironment } from '../environment/service-environment.ts';
import { findImage, unknownImageMessage } from '../images/images.ts';
import type { BindMount, ContainerInput, ContainerStart, PodNamespaces } from '../runtime/model.ts';
import { prepareVolumes, volumeMounts } from '../volumes/volumes.ts';

/** There is no such image: the container waits with ErrImagePull. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

/** The program cannot be run: the container ends with reason StartError and code 128, as containerd has it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export interface ContainerStartInput {
  readonly config: NodeConfig;
  readonly pod: Pod;
  readonly container: Container;
  readonly podIP: string;
  readonly namespaces: PodNamespaces;
  readonly references: References;
  readonly services: readonly Service[];
  /** The Pod's own folder. */
  readonly podDirectory: string;
  /** How often the container was restarted before this start. */
  readonly nRestarts: number;
  readonly nodeResolvConf: string;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where a container's logs lie: `NAMESPACE_POD_UID/CONTAINER/N.log`, as the kubelet's /var/log/pods. */
export function logPath(
  stateDir: string,
  pod: Pod,
  container: { readonly name: string; readonly nRestarts: number },
): string {
  const { namespace, name, uid } = pod.metadata;
  const folder = `${namespace ?? ''}_${name}_${uid ?? ''}`;
  return join(stateDir, 'logs', folder, container.name, `${container.nRestarts}.log`);
}

const accountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const accountVariable = 'KUBERNETES_SERVICE_ACCOUNT_DIR';

/** Everything a container needs to be started. Rejects with ImageError, ConfigError or StartError. */
export async function containerStart(input: ContainerStartInput): Promise<ContainerStart> {
  const { config, pod, container, podIP, references, podDirectory, nRestarts, namespaces } = input;
  const image = findImage(container.image ?? '');
  if (image === undefined) throw new ImageError(unknownImageMessage(container.image ?? ''));
  const facts = { podIP, hostIP: config.nodeIP };
  const links = pod.spec.enableServiceLinks;
  const services = serviceEnvironment(input.services, pod.metadata.namespace ?? '', {
    ...(links !== undefined && { enableServiceLinks: links }),
  });
  const env: Record<string, string> = {
    PATH: defaultPath,
    HOSTNAME: pod.spec.hostNetwork === true ? config.nodeName : hostnameOf(pod),
    ...(config.network === 'none' && { POD_IP: podIP }),
    ...(container.tty === true && { TERM: 'xterm' }),
    ...(image.isBuiltIn && {
      NODE_COMPILE_CACHE: config.compileCacheDir ?? join(config.stateDir, 'compile-cache'),
    }),
    ...(await containerEnvironment({ pod, container, facts, services, references })),
  };
  const expanded = (texts: readonly string[] | undefined): string[] | undefined =>
    texts?.map((text) => expand(text, (name) => env[name]));
  const argv = image.argv({
    ...container,
    command: expanded(container.command),
    args: expanded(container.args),
  });
  if (argv?.[0] === undefined)
    throw new StartError(`no command specified (the image "${image.name}" has none of its own)`);
  const paths = await prepareVolumes({ pod, directory: podDirectory, facts, references });
  const mounts = volumeMounts(container, { volumes: pod.spec.volumes ?? [], paths, env });
  const account = mounts.find(({ target }) => target === accountPath);
  // Without a file system of its own a container is told where the files are.
  if (config.network === 'none' && account !== undefined) env[accountVariable] = account.source;
  const directory = join(podDirectory, 'containers', container.name, String(nRestarts));
  rmSync(directory, { recursive: true, force: true });
  dropOldRun(input);
  mkdirSync(directory, { recursive: true });
  const workingDir = container.workingDir ?? '/';
  return {
    argv: [findProgram(argv[0], { path: env['PATH'] ?? defaultPath, workingDir }), ...argv.slice(1)],
    env,
    workingDir,
    namespaces,
    mounts: [...nameFiles(input), ...mounts],
    directory,
    logPath: logPath(config.stateDir, pod, { name: container.name, nRestarts }),
    input: inputOf(container),
  };
}

/** How the container's input and terminal are asked for. */
export const inputOf = ({ stdin, stdinOnce, tty }: Container): ContainerInput => ({
  stdin: stdin !== true ? 'none' : stdinOnce === true ? 'once' : 'kept',
  isTty: tty === true,
});

/** The present and the previous run are kept, as `kubectl logs --previous` wants it. */
function dropOldRun({ config, pod, container, podDirectory, nRestarts }: ContainerStartInput): void {
  const old = { name: container.name, nRestarts: nRestarts - 2 };
  if (old.nRestarts < 0) return;
  const log = logPath(config.stateDir, pod, old);
  for (const path of [log, `${log}.1`]) rmSync(path, { force: true });
  rmSync(join(podDirectory, 'containers', old.name, String(old.nRestarts)), { recursive: true, force: true });
}

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** A shell would know names a program search does not, so the program is found before. */
function findProgram(
  name: string,
  { path, workingDir }: { readonly path: string; readonly workingDir: string },
): string {
  const refuse = (why: string): never => {
    throw new StartError(`exec: "${name}": ${why}`);
  };
  if (!name.includes('/')) {
    const found = path.split(':').find((directory) => isProgram(join(directory, name)));
    return found === undefined ? refuse('executable file not found in $PATH') : join(found, name);
  }
  const absolute = isAbsolute(name) ? name : join(workingDir, name);
  return isProgram(absolute) ? absolute : refuse('no such file or directory, or not executable');
}

/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a container, written to the Pod's folder. */
function nameFiles({ config, pod, podIP, podDirectory, nodeResolvConf }: ContainerStartInput): BindMount[] {
  if (config.network === 'none') return [];
  const { clusterDNS, clusterDomain } = config;
  const files: Record<string, string> = {
    '/etc/resolv.conf': resolvConf(pod, { clusterDNS, clusterDomain, nodeResolvConf }),
  };
  if (pod.spec.hostNetwork !== true) {
    const hostname = hostnameOf(pod);
    const fqdn = fqdnOf(pod, clusterDomain);
    files['/etc/hostname'] = `${hostname}\n`;
    files['/etc/hosts'] = hostsFile(pod, { podIP, hostname, ...(fqdn !== undefined && { fqdn }) });
  }
  return Object.entries(files).map(([target, content]) => {
    const source = join(podDirectory, target.replaceAll('/', '-').slice(1));
    writeFileSync(source, content, { mode: 0o644 });
    return { source, target, isReadOnly: false };
  });
}
