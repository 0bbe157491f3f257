import type { Readable, Writable } from 'node:stream';

/** How a container's process ended. */
export interface Exit {
  /** 128 + signal for a process ended by a signal, as a shell has it. */
  readonly exitCode: number;
  /** True when nobody saw the end: after a reboot, or with the file of exit codes lost. */
  readonly isUnknown?: boolean;
}

/** What survives the agent: enough to find a container's process again and be sure it is the same one. */
export interface ProcessRecord {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat (clock ticks after boot); the empty string where there is no /proc. */
  readonly startTime: string;
  /** Where the supervising shell writes the exit code. */
  readonly exitFile: string;
}

export interface BindMount {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
}

/** The namespaces all containers of a Pod share, by path; absent members are the node's own. */
export interface PodNamespaces {
  readonly net?: string;
  readonly uts?: string;
  readonly ipc?: string;
}

export interface ContainerStart {
  /** Absolute path of the program, then its arguments. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly namespaces: PodNamespaces;
  /** Made in the container's own mount namespace; ignored by a runtime without namespaces. */
  readonly mounts: readonly BindMount[];
  /** A folder of this run of the container; it exists and is empty. */
  readonly directory: string;
  /** File of the log in the CRI's format. */
  readonly logPath: string;
  readonly input: ContainerInput;
}

/** What a container's spec says of its input. */
export interface ContainerInput {
  /** `once`: ends with the first client that was attached to it; `kept`: never. */
  readonly stdin: 'none' | 'once' | 'kept';
  readonly isTty: boolean;
}

/** A running container's streams, for who is attached to it. */
export interface ContainerIo {
  /** Hears what it prints from now on (with a terminal all of it as stdout); returns how to stop. */
  listen(hear: (stream: 'stdout' | 'stderr', chunk: Buffer) => void): () => void;
  /** Undefined when it has no input. Throws when it reads none any more. */
  openStdin(): Writable | undefined;
  resize(size: { readonly width: number; readonly height: number }): void;
}

export interface ContainerProcess {
  readonly io: ContainerIo;
  readonly record: ProcessRecord;
  /** Resolves once, when the container's first process has ended. */
  readonly exited: Promise<Exit>;
  /** Sends a signal to the container's first process. Nothing happens when it has ended. */
  signal(name: NodeJS.Signals): void;
  /** Ends every process of the container at once. */
  kill(): void;
  /** Lets go of it: the process runs on, for a later `adopt`. */
  release(): void;
}

export interface ExecResult {
  readonly exitCode: number;
  /** Both streams, cut to 10 kB as upstream does for probes. */
  readonly output: string;
}

export interface ExecRequest {
  readonly argv: readonly string[];
  readonly hasStdin: boolean;
  /** With a terminal there is no stderr of its own. */
  readonly isTty: boolean;
}

/** A command that runs in a container with its streams open. Each stream must be read or destroyed. */
export interface ExecProcess {
  /** Ending it is the end of the command's input. */
  readonly stdin?: Writable;
  readonly stdout: Readable;
  readonly stderr?: Readable;
  /** Of the terminal's window, in columns and rows; nothing without one. */
  resize(size: { readonly width: number; readonly height: number }): void;
  /** The exit code; 128 + signal for a command ended by a signal. Children it left behind may keep the streams open. */
  readonly exited: Promise<number>;
  /** Ends it with everything that it started. */
  kill(): void;
}

/** Runs containers as processes. Processes outlive it; `adopt` finds them again. */
export interface ContainerRuntime {
  /** Throws when the process cannot be started. */
  start(spec: ContainerStart): ContainerProcess;
  /** The process of an earlier agent and its log; when it is gone the exit resolves at once with what the exit file says. */
  adopt(
    record: ProcessRecord,
    run: { readonly directory: string; readonly logPath: string; readonly input: ContainerInput },
  ): ContainerProcess;
  /** Runs a command inside a running container with its environment; -1 when the time is over. */
  exec(record: ProcessRecord, argv: readonly string[], timeoutMs: number): Promise<ExecResult>;
  /** Starts a command inside a running container. Rejects with an Error that says why it cannot be run. */
  openExec(record: ProcessRecord, request: ExecRequest): Promise<ExecProcess>;
}
