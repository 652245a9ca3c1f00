/** For tests: a clock that stands until it is told to go on. */
import type { Clock } from '../timing.js';

export function standingClock(): Clock & { advance(ms: number): void; readonly armed: number } {
  let now = 0;
  let last = 0;
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  return {
    now: () => now,
    after: (ms, run) => {
      const own = (last += 1);
      timers.set(own, { at: now + ms, run });
      return () => timers.delete(own);
    },
    advance: (ms) => {
      const end = now + ms;
      for (;;) {
        const [due] = [...timers].filter(([, timer]) => timer.at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b);
        if (due === undefined) break;
        timers.delete(due[0]);
        now = due[1].at;
        due[1].run();
      }
      now = end;
    },
    get armed() {
      return timers.size;
    },
  };
}
