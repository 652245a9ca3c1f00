/**
 * Sending again until someone acknowledges: 2xx to INVITE until the ACK (RFC 3261 §13.3.1.4),
 * reliable provisionals until the PRACK (RFC 3262 §3). Intervals start at T1 and double; after 64 T1
 * it is given up.
 */
import type { CancelTimer } from '../timing.js';
import type { Environment } from './transaction.js';

export class Retransmission {
  #next: CancelTimer;
  readonly #end: CancelTimer;

  /** `capMs` bounds the interval; Infinity for none. */
  constructor(private readonly environment: Environment, private readonly capMs: number, private readonly again: () => void, expired: () => void) {
    const { clock, timing } = environment;
    this.#next = this.#after(timing.t1Ms);
    this.#end = clock.after(64 * timing.t1Ms, () => {
      this.#next();
      expired();
    });
  }

  stop(): void {
    this.#next();
    this.#end();
  }

  #after(ms: number): CancelTimer {
    return this.environment.clock.after(ms, () => {
      this.#next = this.#after(Math.min(ms * 2, this.capMs));
      // Last, for it may stop everything.
      this.again();
    });
  }
}
