/**
 * One running transaction: the only writer of its state, and the owner of its timers.
 *
 * Owns       state, timers, the last message sent.
 * Leaves to  the machine's table what happens; its keeper what passing, acknowledging and ending mean.
 */
import { isReliable, type Path } from '../transport/path.js';
import type { CancelTimer, Clock, Timing } from '../timing.js';
import { step, type Machine, type MachineEvent, type MachineState, type TimerName } from './machine.js';
import { isRetransmission, timerLength } from './timer-lengths.js';

export interface TransactionHooks<M> {
  /** The message that came with the event goes to the user. */
  passed(message: M): void;
  /** A failure came (again): it is to be acknowledged. */
  acknowledge(message: M): void;
  timedOut(): void;
  unreachable(cause: string): void;
  notAcknowledged(): void;
  /** Called once, last. */
  terminated(): void;
}

export interface Environment {
  readonly clock: Clock;
  readonly timing: Timing;
}

export class Transaction<M> {
  #state: MachineState;
  #last: string | undefined;
  readonly #timers = new Map<TimerName, CancelTimer>();

  constructor(
    private readonly machine: Machine,
    private readonly environment: Environment,
    public path: Path,
    private readonly hooks: TransactionHooks<M>,
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
    const [next, ...effects] = transition;
    const entered = next !== this.#state;
    if (entered) {
      this.#disarm();
      this.#state = next;
      this.#arm(next);
    }
    for (const effect of effects) {
      switch (effect) {
        case 'send':
          if (text !== undefined) this.#transmit(text);
          break;
        case 'resend':
          if (this.#last !== undefined) this.#transmit(this.#last);
          break;
        case 'ack':
          if (message !== undefined) this.hooks.acknowledge(message);
          break;
        case 'pass':
          if (message !== undefined) this.hooks.passed(message);
          break;
        case 'timeout':
          this.hooks.timedOut();
          break;
        case 'unreachable':
          this.hooks.unreachable(text ?? 'unsent');
          break;
        case 'no-ack':
          this.hooks.notAcknowledged();
          break;
      }
    }
    if (entered && next === 'terminated') this.hooks.terminated();
    return true;
  }

  /** Ends it without telling its user: the edge closes, or the user gave it up. */
  abandon(): void {
    if (this.ended) return;
    this.#disarm();
    this.#state = 'terminated';
    this.hooks.terminated();
  }

  #transmit(text: string): void {
    this.#last = text;
    // Never before `start` has returned: the user does not know its transaction until then.
    this.path.send(text, (cause) => queueMicrotask(() => this.feed('unsent', undefined, cause)));
  }

  #arm(state: MachineState): void {
    for (const timer of this.machine.timers[state] ?? []) this.#startTimer(timer, state, 0);
  }

  #startTimer(timer: TimerName, state: MachineState, fired: number): void {
    const ms = timerLength(timer, state, fired, isReliable(this.path), this.environment.timing);
    if (ms === undefined) return;
    this.#timers.set(timer, this.environment.clock.after(ms, () => {
      this.#timers.delete(timer);
      if (isRetransmission(timer)) this.#startTimer(timer, state, fired + 1);
      this.feed(timer);
    }));
  }

  #disarm(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
