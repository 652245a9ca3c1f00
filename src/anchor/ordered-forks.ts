/**
 * The forks of a call whose copies somebody else makes when he is ordered to: the first is the call's own.
 *
 * A pause ends all copies; they go on with the next recording offer and its answer.
 *
 * Leaves to  its heir what a fork is, and to open the first.
 */
import assert from 'node:assert/strict';
import type { CallFork, RecordingOffer, Side } from './door.js';

export abstract class OrderedForks<Fork extends CallFork> {
  protected readonly forks: Fork[] = [];
  protected paused = false;

  /** @param number of the fork within its call */
  protected abstract makeFork(of: readonly Side[], number: number): Fork;

  recordingOffer(): Promise<RecordingOffer | undefined> {
    return this.#own.recordingOffer();
  }

  startFork(answer: string): Promise<void> {
    return this.#own.startFork(answer);
  }

  stopFork(): Promise<void> {
    return this.#own.stopFork();
  }

  detachFork(): Promise<void> {
    return this.#own.detachFork();
  }

  /** False where the fork keeps nothing. */
  forkConfirmed(withinMs: number): Promise<boolean> {
    return this.#own.forkConfirmed?.(withinMs) ?? Promise.resolve(false);
  }

  watchFork(told: Parameters<CallFork['watchFork']>[0]): void {
    this.#own.watchFork(told);
  }

  openFork(of: readonly Side[]): Fork {
    const fork = this.makeFork(of, this.forks.length);
    this.forks.push(fork);
    return fork;
  }

  async pauseFork(): Promise<void> {
    if (this.paused) return;
    this.paused = true;
    await Promise.all(this.forks.map((fork) => fork.stopFork()));
  }

  resumeFork(): Promise<void> {
    this.paused = false;
    return Promise.resolve();
  }

  get #own(): Fork {
    const [own] = this.forks;
    assert(own !== undefined, 'each call has one from its beginning');
    return own;
  }
}
