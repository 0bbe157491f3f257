import { callUntil, parseClientArguments } from './client.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<number> {
  const options = parseClientArguments(args);
  for (const url of options.urls) if (!(await callUntil(url, options, say))) return 1;
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
