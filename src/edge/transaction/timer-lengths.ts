/** How long each transaction timer runs (RFC 3261 table 4, RFC 6026 §7). */
import type { Timing } from '../timing.js';
import type { MachineState, TimerName } from './machine.js';

/** Timers that retransmit: they start again when they fire, doubling. */
export const isRetransmission = (timer: TimerName): boolean => timer === 'A' || timer === 'E' || timer === 'G';

/** Timers of transactions that are over and only swallow repetitions. */
export const isLingering = (timer: TimerName): boolean =>
  timer === 'D' || timer === 'I' || timer === 'J' || timer === 'K' || timer === 'L' || timer === 'M';

/**
 * The length of a timer at its `fired`th start in a state; undefined when it is not needed because
 * the transport is reliable.
 */
export function timerLength(timer: TimerName, state: MachineState, fired: number, reliable: boolean, timing: Timing): number | undefined {
  switch (timer) {
    case 'A':
      return reliable ? undefined : timing.t1Ms * 2 ** fired;
    case 'E':
      // §17.1.2.2: in proceeding, every T2.
      return reliable ? undefined : state === 'proceeding' ? timing.t2Ms : Math.min(timing.t1Ms * 2 ** fired, timing.t2Ms);
    case 'G':
      return reliable ? undefined : Math.min(timing.t1Ms * 2 ** fired, timing.t2Ms);
    case 'B':
    case 'F':
    case 'H':
    case 'L':
    case 'M':
      return 64 * timing.t1Ms;
    case 'D':
    case 'J':
      return reliable ? 0 : 64 * timing.t1Ms;
    case 'I':
    case 'K':
      return reliable ? 0 : timing.t4Ms;
  }
}
