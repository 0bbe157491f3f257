import { checked } from '../libc/function.ts';
import { calls } from './calls.ts';
import { pin } from './pinned.ts';

/** Told of a descriptor that is ready: EPOLL_* bits, the descriptor, and the number it was added with. */
export type OnReady = (events: number, fd: number, generation: number) => void;

/** An epoll instance. Descriptors leave it by themselves when they are closed. */
export interface Poller {
  /** `generation` tells a descriptor from an older one of the same number whose event was already waiting. */
  add(fd: number, events: number, generation: number): void;
  remove(fd: number): void;
  /** Waits for at most `timeoutMs` (-1 = without end) and tells of what is ready. */
  wait(timeoutMs: number, onReady: OnReady): void;
  close(): void;
}

const ADD = 1;
const DELETE = 2;
/** struct epoll_event is packed on x86-64 and aligned elsewhere. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const DATA_OFFSET = EVENT_BYTES - 8;
const MAX_EVENTS = 512;

export function openPoller(): Poller {
  const poll = checked('epoll_create1', calls.epollCreate());
  const event = pin(EVENT_BYTES);
  const ready = pin(EVENT_BYTES * MAX_EVENTS);
  return {
    add: (fd, events, generation) => {
      event.bytes.writeUInt32LE(events, 0);
      event.bytes.writeInt32LE(fd, DATA_OFFSET);
      event.bytes.writeUInt32LE(generation, DATA_OFFSET + 4);
      checked('epoll_ctl', calls.epollCtl(poll, ADD, fd, event.address));
    },
    remove: (fd) => void calls.epollCtl(poll, DELETE, fd, event.address),
    wait: (timeoutMs, onReady) => {
      const { bytes } = ready;
      const n = calls.epollWait(poll, ready.address, MAX_EVENTS, timeoutMs);
      for (let i = 0, at = 0; i < n; i++, at += EVENT_BYTES)
        onReady(
          bytes.readUInt32LE(at),
          bytes.readInt32LE(at + DATA_OFFSET),
          bytes.readUInt32LE(at + DATA_OFFSET + 4),
        );
    },
    close: () => void calls.close(poll),
  };
}
