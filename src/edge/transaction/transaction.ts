/**
 * One running transaction: the only writer of its state, and the owner of its timers.
 *
 * Owns       state, timers, the last message sent while it may have to be repeated.
 * Leaves to  the machine's table what happens; its owner what passing, acknowledging and ending mean.
 */
import { isReliable, type Path } from '../transport/path.js';
import type { CancelTimer, Clock, Timing } from '../timing.js';
import type { Lingerer, Lingering } from './lingering.js';
import { resends, step, type Machine, type MachineEffect, type MachineEvent, type MachineState, type TimerName } from './machine.js';
import { isLingering, isRetransmission, timerLength } from './timer-lengths.js';

/** What a transaction can't do by itself. */
export type OwnersEffect = Exclude<MachineEffect, 'send' | 'resend'> | 'terminated';

export interface TransactionOwner<M> {
  /**
   * `message` came with the event, `cause` with `unreachable`. `terminated` comes once, and last.
   */
  perform(effect: OwnersEffect, message: M | undefined, cause: string | undefined): void;
}

export interface Environment {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly lingering: Lingering;
}

export class Transaction<M> implements Lingerer {
  #state: MachineState;
  #last: string | undefined;
  #again: CancelTimer | undefined;
  #limit: CancelTimer | undefined;
  #lingersAs: TimerName | undefined;
  #lingersMs = 0;

  constructor(
    private readonly machine: Machine,
    private readonly environment: Environment,
    public path: Path,
    private readonly owner: TransactionOwner<M>,
  ) {
    this.#state = machine.initial;
  }

  get state(): MachineState {
    return this.#state;
  }

  get ended(): boolean {
    return this.#state === 'terminated';
  }

  /** Sends a client transaction's request and starts its timers. */
  start(text: string): void {
    this.#transmit(text);
    if (!this.ended) this.#arm(this.#state);
  }

  /** Feeds a message off the wire, or one's own to be sent as `text`. */
  feed(event: MachineEvent, message?: M, text?: string): boolean {
    const transition = step(this.machine, this.#state, event);
    if (transition === undefined) return false;
    const next = transition[0];
    const entered = next !== this.#state;
    if (entered) {
      this.#disarm();
      this.#state = next;
      if (!resends(this.machine, next)) this.#last = undefined;
      this.#arm(next);
    }
    for (let i = 1; i < transition.length; i += 1) {
      const effect = transition[i] as MachineEffect;
      if (effect === 'send') {
        if (text !== undefined) this.#transmit(text);
      } else if (effect === 'resend') {
        if (this.#last !== undefined) this.#transmit(this.#last);
      } else this.owner.perform(effect, message, text);
    }
    if (entered && next === 'terminated') this.owner.perform('terminated', undefined, undefined);
    return true;
  }

  /** Ends it without telling its user why: the edge closes, or the user gave it up. */
  abandon(): void {
    if (this.ended) return;
    this.#disarm();
    this.#state = 'terminated';
    this.owner.perform('terminated', undefined, undefined);
  }

  lingered(): void {
    const timer = this.#lingersAs;
    this.#lingersAs = undefined;
    if (timer !== undefined) this.feed(timer);
  }

  #transmit(text: string): void {
    if (resends(this.machine, this.#state)) this.#last = text;
    // Never before `start` has returned: the user does not know its transaction until then.
    this.path.send(text, (cause) => queueMicrotask(() => this.feed('unsent', undefined, cause)));
  }

  #arm(state: MachineState): void {
    for (const timer of this.machine.timers[state] ?? []) this.#startTimer(timer, state, 0);
  }

  #startTimer(timer: TimerName, state: MachineState, fired: number): void {
    const ms = timerLength(timer, state, fired, isReliable(this.path), this.environment.timing);
    if (ms === undefined) return;
    if (isLingering(timer)) {
      this.#lingersAs = timer;
      this.#lingersMs = ms;
      this.environment.lingering.add(this, ms);
    } else if (isRetransmission(timer)) {
      this.#again = this.environment.clock.after(ms, () => {
        this.#startTimer(timer, state, fired + 1);
        this.feed(timer);
      });
    } else this.#limit = this.environment.clock.after(ms, () => this.feed(timer));
  }

  #disarm(): void {
    this.#again?.();
    this.#limit?.();
    this.#again = this.#limit = undefined;
    if (this.#lingersAs === undefined) return;
    this.#lingersAs = undefined;
    this.environment.lingering.remove(this, this.#lingersMs);
  }
}
