/**
 * The reliable provisional responses to one INVITE (RFC 3262 §3): numbered, sent one after the other,
 * each repeated until its PRACK.
 *
 * Leaves to  incoming-request what is sent, and what becomes of an INVITE whose PRACK never comes.
 *
 * Invariant 1: at most one is unacknowledged; those that follow it wait.
 * Invariant 2: a 2xx waits for one that carries a session description.
 */
import type { Environment } from '../transaction/transaction.js';
import { Retransmission } from '../transaction/retransmission.js';

/** Responses that may wait; no application means to send more. */
const MAX_WAITING = 16;

interface Provisional {
  readonly rseq: number;
  /** Whether it carries a session description. */
  readonly described: boolean;
  readonly send: () => void;
}

export class ReliableProvisionals {
  #unacknowledged: { readonly provisional: Provisional; readonly repeating: Retransmission } | undefined;
  readonly #waiting: Provisional[] = [];
  #answer: (() => void) | undefined;

  constructor(
    private readonly environment: Environment,
    /** The RSeq of the last one, or one less than that of the first. */
    private rseq: number,
    /** No PRACK came in 64 T1. */
    private readonly expired: () => void,
  ) {}

  /** The number of the next one; undefined when too many wait already. */
  number(): number | undefined {
    return this.#waiting.length >= MAX_WAITING ? undefined : (this.rseq += 1);
  }

  /** Sends it, now or when it is its turn. */
  send(provisional: Provisional): void {
    if (this.#unacknowledged !== undefined) {
      this.#waiting.push(provisional);
      return;
    }
    provisional.send();
    const repeating = new Retransmission(this.environment, Infinity, provisional.send, this.expired);
    this.#unacknowledged = { provisional, repeating };
  }

  /** Runs at once, or when every description sent before has been acknowledged: what sends the 2xx. */
  beforeAnswer(run: () => void): void {
    if (this.described) this.#answer = run;
    else run();
  }

  /** Whether a 2xx waits. */
  get answerWaits(): boolean {
    return this.#answer !== undefined;
  }

  /** A PRACK; false when it is for none that has been sent and not acknowledged. */
  acknowledged(rseq: number): boolean {
    const current = this.#unacknowledged;
    if (current?.provisional.rseq !== rseq) return false;
    current.repeating.stop();
    this.#unacknowledged = undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) this.send(next);
    if (!this.described) {
      const answer = this.#answer;
      this.#answer = undefined;
      answer?.();
    }
    return true;
  }

  /** Nothing is sent or repeated any more. */
  stop(): void {
    this.#unacknowledged?.repeating.stop();
    this.#unacknowledged = undefined;
    this.#waiting.length = 0;
    this.#answer = undefined;
  }

  /** Whether a session description has not been acknowledged yet. */
  get described(): boolean {
    return this.#unacknowledged?.provisional.described === true || this.#waiting.some((each) => each.described);
  }
}
