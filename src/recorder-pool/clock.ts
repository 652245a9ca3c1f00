/** Time as an argument: what waits in this code waits on one of these, so that tests and simulations have their own. */
export interface Clock {
  /** Milliseconds of a clock that does not step. */
  now(): number;
  setTimeout(then: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (then, ms) => setTimeout(then, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
