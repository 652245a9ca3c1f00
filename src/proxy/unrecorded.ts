/**
 * The stretches of a call in which it had no recorder, or another took over, as the ledger is told of them.
 *
 * What the anchor kept meanwhile is recorded all the same: the stitcher sees what is missing, and finds here why.
 */
import type { Unrecorded } from '../ledger/index.js';

/** What came before a recorder was found to be gone, and was not written any more: within its second of grace and its reports. */
const unseenMs = 4_000;
/** One more, and the last two are one. */
const mostStretches = 100;

export class UnrecordedStretches {
  readonly #resumed: Unrecorded[] = [];
  #open: Pick<Unrecorded, 'fromMs' | 'reason'> | undefined;

  /** No recorder has the call, for so long already. */
  lost(reason: string, nowMs: number, forMs: number): void {
    this.#open ??= { fromMs: nowMs - forMs - unseenMs, reason };
  }

  resumed(nowMs: number): void {
    if (this.#open !== undefined) this.#add({ ...this.#open, toMs: nowMs, resumed: true });
    this.#open = undefined;
  }

  /** From one that was found to be gone so long ago. */
  takenOver(reason: string, nowMs: number, forMs: number): void {
    if (this.#open === undefined) this.#add({ fromMs: nowMs - forMs - unseenMs, toMs: nowMs, resumed: true, reason });
  }

  /** Of a call that ended then, in the order of time. */
  until(endMs: number): readonly Unrecorded[] {
    const all = this.#open === undefined ? this.#resumed : [...this.#resumed, { ...this.#open, toMs: endMs, resumed: false }];
    return all.filter(({ fromMs }) => fromMs < endMs).map((stretch) => ({ ...stretch, toMs: Math.min(stretch.toMs, endMs) }));
  }

  #add(stretch: Unrecorded): void {
    const last = this.#resumed.length < mostStretches ? undefined : this.#resumed.pop();
    this.#resumed.push(last === undefined ? stretch : { ...stretch, fromMs: last.fromMs });
  }
}
