import { uncovered } from '../../src/testing/coverage.ts';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Answer, Call, Load, LoadReport, Order, Reply } from './prober.ts';

const PROBER = join(import.meta.dirname, 'prober.ts');

/** A load that goes on, and what became of it so far or at its end. */
export interface RunningLoad {
  soFar(): Promise<LoadReport>;
  end(): Promise<LoadReport>;
}

/** Somewhere on the network, with a client that makes calls from there. */
export interface Place {
  /** Every answer, in the order they came. */
  answers(call: Call): Promise<Answer[]>;
  /** The texts of the answers; rejects when a call failed. */
  texts(call: Call): Promise<string[]>;
  /** The answer to one call; rejects when it failed. */
  text(call: Call): Promise<string>;
  /** Starts a steady load and resolves at once. */
  load(load: Load): Promise<RunningLoad>;
  /** Answers TCP and UDP on the port with the name, from here. */
  serve(name: string, port: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts the client by a command line that runs a program there: `program` is what to put at its end. */
export function openPlace(commandLine: (program: readonly string[]) => readonly string[]): Place {
  const [command = '', ...args] = commandLine([process.execPath, PROBER]);
  const child = spawn(command, args, {
    env: { ...process.env, ...uncovered },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting: PromiseWithResolvers<Reply>[] = [];
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  createInterface({ input: child.stdout }).on('line', (line) =>
    waiting.shift()?.resolve(JSON.parse(line) as Reply),
  );
  void closed.then(() => {
    for (const { reject } of waiting) reject(new Error(`the client of ${command} ${args.join(' ')} ended`));
  });
  child.stdin.on('error', () => undefined);
  const order = <T extends Reply>(what: Order): Promise<T> => {
    const reply = Promise.withResolvers<Reply>();
    waiting.push(reply);
    child.stdin.write(`${JSON.stringify(what)}\n`);
    return reply.promise as Promise<T>;
  };
  const answers = (call: Call): Promise<Answer[]> => order<Answer[]>({ do: 'call', call });
  const texts = async (call: Call): Promise<string[]> =>
    (await answers(call)).map(({ text, error }) => {
      if (text === undefined) throw new Error(`calling ${call.host}:${call.port}: ${error}`);
      return text;
    });
  return {
    answers,
    texts,
    text: async (call) => (await texts({ ...call, n: 1 })).join(),
    load: async (load) => {
      await order({ do: 'start-load', load });
      return {
        soFar: () => order<LoadReport>({ do: 'look-at-load' }),
        end: () => order<LoadReport>({ do: 'end-load' }),
      };
    },
    serve: async (name, port) => void (await order({ do: 'serve', name, port })),
    close: () => {
      child.stdin.end();
      return closed;
    },
  };
}
