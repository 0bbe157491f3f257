// A threaded relay in a process of its own, to the port it is given; prints the port where it listens.
import { createThreadedRelay } from '../proxy/modes/userspace/threaded-relay.ts';

const relay = createThreadedRelay();
const endpoints = [{ ip: '127.0.0.1', port: Number(process.argv[2]), isLocal: true }];
relay.setPool('pool', { endpoints, affinitySeconds: 0, memory: 'pool' });
const { address } = await relay.listen('pool', { host: '127.0.0.1', port: 0 });
process.stdout.write(`${address.port}\n`);
