/** `answerer.probe.ts NAME PORT`: prints `ready`, and answers each TCP connection over IPv4 and IPv6 with `NAME ` and its end. */
import { checked } from '../../src/kernel/libc/function.ts';
import { EPOLL_IN, calls } from '../../src/kernel/streams/calls.ts';
import { pin } from '../../src/kernel/streams/pinned.ts';
import { openPoller } from '../../src/kernel/streams/poller.ts';
import { socketAddress } from '../../src/kernel/streams/socket-address.ts';
import { allowReuse } from '../../src/kernel/streams/socket-options.ts';

const BACKLOG = 4096;

function serve(name: string, port: number): void {
  const text = Buffer.from(`${name} `);
  const answer = pin(text.length);
  answer.bytes.set(text);
  const everywhere = socketAddress('::', port);
  const listener = checked('socket', calls.socket(everywhere.domain));
  // Without more, one socket serves both families.
  allowReuse(listener);
  checked('bind', calls.bind(listener, everywhere.address, everywhere.length));
  checked('listen', calls.listen(listener, BACKLOG));
  const poller = openPoller();
  poller.add(listener, EPOLL_IN, 0);
  console.log('ready');
  for (;;) {
    poller.wait(-1, () => {
      for (let fd = calls.accept(listener, 0, 0); fd >= 0; fd = calls.accept(listener, 0, 0)) {
        calls.send(fd, answer.address, text.length);
        calls.close(fd);
      }
    });
  }
}

const [name = '', port = ''] = process.argv.slice(2);
serve(name, Number(port));
