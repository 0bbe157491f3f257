import { join } from 'node:path';
import type { Container } from '../../api/core/v1/container.ts';

/** What a container's image stands for; the command line is complete but for `$(NAME)`. */
export interface Image {
  readonly name: string;
  readonly description: string;
  /** A program of this package, run by Node. */
  readonly isBuiltIn: boolean;
  /** The program and its arguments for a container, or undefined when the container must say it and does not. */
  argv(container: Container): readonly string[] | undefined;
}

/** Flags of a small, single program; the young generation of the heap is the largest part of an idle one. */
const nodeFlags = ['--max-semi-space-size=1', '--disable-warning=ExperimentalWarning'];

const own = (container: Container): readonly string[] | undefined =>
  container.command === undefined || container.command.length === 0
    ? undefined
    : [...container.command, ...(container.args ?? [])];

/** An image that is a program of this package. */
const builtIn = (name: string, description: string, file: string): Image => ({
  name,
  description,
  isBuiltIn: true,
  argv: (container) =>
    own(container) ?? [
      process.execPath,
      ...nodeFlags,
      join(import.meta.dirname, file),
      ...(container.args ?? []),
    ],
});

/** Every image there is. A further built-in image is a folder and a line here. */
export const images: readonly Image[] = [
  {
    name: 'host',
    description: "the machine's own file system; the container names its command",
    isBuiltIn: false,
    // As with an image without an entry point: arguments alone are the command.
    argv: ({ command = [], args = [] }) =>
      command.length + args.length === 0 ? undefined : [...command, ...args],
  },
  builtIn('portico/echo', 'answers HTTP, TCP and UDP with who answered and who asked', 'echo/echo.ts'),
  builtIn('portico/client', 'calls URLs until so many different answers came', 'client/main.ts'),
];

/** The image of that name; tags, digests and the implied registry `docker.io` are ignored. */
export function findImage(reference: string): Image | undefined {
  const name = reference
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^docker\.io\//, '');
  return images.find((image) => image.name === name);
}

/** What a container with an unknown image is told. */
export function unknownImageMessage(reference: string): string {
  const known = images.map((image) => `"${image.name}" (${image.description})`).join(', ');
  return `Failed to pull image "${reference}": this node runs processes, it does not pull images; there are ${known}`;
}
