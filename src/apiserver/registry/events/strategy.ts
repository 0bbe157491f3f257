import type { Event } from '../../../api/core/v1/event.ts';
import type { Strategy } from '../strategy.ts';
import { eventFaults } from './validation.ts';

export const eventStrategy: Strategy<Event> = {
  prepare: ({ next }) => next,
  validate: ({ next }) => eventFaults(next),
};
