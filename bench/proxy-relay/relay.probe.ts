// One role of the relay benchmark in a process of its own: `serve`, `relay PORT`, `load PORT CLIENTS SECONDS`. Prints a line.
import { createThreadedRelay } from '../../src/proxy/modes/userspace/threaded-relay.ts';
import { connectionsPerSecond, gigabitsPerSecond, serve } from './raw-sockets.ts';

const [role, ...numbers] = process.argv.slice(2);
const [port = 0, nClients = 0, seconds = 0] = numbers.map(Number);
const say = (line: number | string): boolean => process.stdout.write(`${line}\n`);

if (role === 'serve') serve(say);
if (role === 'relay') {
  const relay = createThreadedRelay();
  const endpoints = [{ ip: '127.0.0.1', port, isLocal: true }];
  relay.setPool('pool', { endpoints, affinitySeconds: 0, memory: 'pool' });
  const { address } = await relay.listen('pool', { host: '127.0.0.1', port: 0 });
  say(address.port);
}
if (role === 'load') {
  const perSecond = connectionsPerSecond(port, nClients, seconds);
  say(JSON.stringify({ perSecond, gigabits: gigabitsPerSecond(port, seconds) }));
}
