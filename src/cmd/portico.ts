import { Command, CommanderError } from 'commander';
import { messageOf } from '../base/thrown.ts';
import { UserError } from './up/user-error.ts';

function upFlags(command: Command): Command {
  return command
    .option('--data-dir <folder>', 'keep the cluster in this folder across runs (default: a temporary one)')
    .option('--write-kubeconfig <file>', 'also write the kubeconfig to this file')
    .option('--nodes <n>', 'number of nodes (default: 3 in the sandbox, else 1)')
    .option('--network <mode>', 'sandbox, host or none (default: sandbox)')
    .option(
      '--api-port <port>',
      "the API's port on this machine's loopback (default: 6443 or the next free one)",
    )
    .option(
      '--dns-port <port>',
      "the DNS server's port on this machine's loopback (default: 10053 or the next free one)",
    )
    .option(
      '--proxy-mode <mode>',
      'how Services are made true: nftables, userspace … (default: nftables; userspace with --network none)',
    )
    .option('--log-level <level>', 'debug, info, warn or error (default: info)');
}

/** A program with flags of its own, which it reads itself when it is asked for. */
const aloneCommand = (portico: Command, name: string, description: string): Command =>
  portico
    .command(name)
    .description(description)
    .helpOption(false)
    .allowUnknownOption()
    .argument('[flags...]', `portico ${name} --help shows them`);

function program(): Command {
  const portico = new Command('portico')
    .description(
      'The Kubernetes Service stack: API, endpoints, virtual IPs, names and Pods, from one command.',
    )
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        const sentence = text
          .trim()
          .replace(/^error: /, '')
          .replaceAll('\n', ' ')
          .replace(/\.$/, '');
        write(`portico: ${sentence} (portico --help shows what there is)\n`);
      },
    });
  upFlags(portico.command('up').description('start a cluster and keep it running until Ctrl-C')).action(
    async (flags: object) => (await import('./up/up.ts')).up(flags),
  );
  upFlags(portico.command('demo').description('start a cluster, apply examples/my-service.yaml and call it'))
    .option('--exit', 'end after the proof')
    .action(async (flags: object) => (await import('./demo/demo.ts')).demo(flags));
  portico
    .command('shell')
    .description('run a command (default: a shell) inside the running sandbox, on a node or in a Pod')
    .option('--data-dir <folder>', 'the data directory of the cluster')
    .option('--node <name>', 'the node whose network to enter (default: the first)')
    .option('--pod <pod>', 'the Pod to enter: NAME or NAMESPACE/NAME')
    .argument('[command...]', 'what to run, after --')
    .action(async (command: string[], flags: object) =>
      (await import('./shell/shell.ts')).shell(command, flags),
    );
  aloneCommand(portico, 'apiserver', 'run an API server by itself, with the flags of kube-apiserver').action(
    async (args: string[]) => (await import('./apiserver/apiserver.ts')).apiserver(args),
  );
  aloneCommand(
    portico,
    'controller-manager',
    'run the controllers by themselves, against any API server',
  ).action(async (args: string[]) =>
    (await import('./controller-manager/controller-manager.ts')).controllerManager(args),
  );
  aloneCommand(
    portico,
    'proxy',
    'run the service proxy of a node by itself, in place of kube-proxy and with its flags',
  ).action(async (args: string[]) => (await import('./proxy/proxy.ts')).proxy(args));
  portico
    .command('version')
    .description('print the version')
    .action(async () => (await import('./version.ts')).printVersion());
  return portico;
}

/** The exit code of the command line; errors for people go to standard error as one sentence. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(argv);
    // What a verb set: `shell` ends as its command did.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`portico: ${messageOf(error)}\n`);
    return error.exitCode;
  }
}

// A reader that is gone (`portico up 2>&1 | head`, a closed terminal) must not stop a cluster half-way.
for (const out of [process.stdout, process.stderr]) out.on('error', () => undefined);
process.exitCode = await main(process.argv);
