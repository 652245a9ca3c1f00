/**
 * One call on an rtpengine: what passes is shown to it as offer and answer, and the recorder subscribes to both parties.
 *
 * Leaves to  rtpengine the media; which one it is to the pool. All commands of a call go one after the other.
 *
 * Unlike the relay, rtpengine keeps no packets: copies begin when the recorder has answered, and again after a pause.
 */
import assert from 'node:assert/strict';
import { Failure } from '../../errors/index.js';
import { readSdp, type Sdp } from '../../sip/index.js';
import { otherSide, sides, type AnchoredCall, type CallFork, type Play, type Playing, type RecordingOffer, type Side } from '../door.js';
import { playsNothing } from '../plays-nothing.js';
import type { Seat, ServerPool } from '../server-pool.js';
import type { NgClient } from './ng-client.js';
import type { NgAnswer, NgCommand } from './ng-protocol.js';
import { RtpengineFork, suiteIn } from './rtpengine-fork.js';

export interface RtpengineCallOptions {
  readonly pool: Pick<ServerPool<NgClient>, 'seat'>;
  /** What rtpengine calls it. */
  readonly callId: string;
  /** The numeric origin of the SDPs made here (RFC 8866 §5.2). */
  readonly origin: string;
  /** Copies go out decrypted, whatever the parties speak. */
  readonly decrypt: boolean;
  readonly onClosed: () => void;
}

export class RtpengineCall implements AnchoredCall {
  readonly #options: RtpengineCallOptions;
  #seat: Seat<NgClient> | undefined;
  /** Whose offer has no answer yet. */
  #offerer: Side | undefined;
  /** What a side said last, and how it went on: a repeated answer is no new offer. */
  readonly #passed: Partial<Record<Side, { readonly sdp: string; readonly went: string }>> = {};
  /** One for each recorder; the first is the call's own. */
  readonly #forks: RtpengineFork[] = [];
  /** That the parties have agreed on; undefined where they speak in clear. */
  #suite: string | undefined;
  #paused = false;
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: RtpengineCallOptions) {
    this.#options = options;
    this.#addFork(sides);
  }

  async exchange(from: Side, sdp: string): Promise<string> {
    if (this.#closing !== undefined) throw new Failure('SDP_UNUSABLE', 'the call has ended, its media cannot be changed any more');
    const read = readSdp(sdp);
    if (read === 'no-media') return sdp;
    if (typeof read === 'string') throw new Failure('SDP_UNUSABLE', `the SDP of the ${from} cannot be read: ${read}`, { facts: { reason: read } });
    return this.#inTurn(async () => {
      const before = this.#passed[from];
      if (before?.sdp === sdp && this.#offerer === undefined) return before.went;
      const answers = this.#offerer === otherSide(from);
      const tags = answers ? { 'from-tag': otherSide(from), 'to-tag': from } : { 'from-tag': from, ...(this.#passed[otherSide(from)] === undefined ? {} : { 'to-tag': otherSide(from) }) };
      const { sdp: went } = await this.#ask({ command: answers ? 'answer' : 'offer', ...tags, sdp, replace: ['origin'], ICE: 'remove' });
      if (went === undefined) throw new Failure('ANCHOR_REFUSED', `rtpengine gave no SDP for that of the ${from}`);
      this.#offerer = answers ? undefined : from;
      if (answers) this.#suite = suiteOf(read);
      this.#passed[from] = { sdp, went };
      for (const fork of this.#forks) fork.changed();
      return went;
    });
  }

  recordingOffer(): Promise<RecordingOffer | undefined> {
    return this.#own.recordingOffer();
  }

  startFork(answer: string): Promise<void> {
    return this.#own.startFork(answer);
  }

  stopFork(): Promise<void> {
    return this.#own.stopFork();
  }

  openFork(of: readonly Side[]): CallFork {
    return this.#addFork(of);
  }

  async pauseFork(): Promise<void> {
    if (this.#paused) return;
    this.#paused = true;
    await Promise.all(this.#forks.map((fork) => fork.stopFork()));
  }

  /** Copies go on with the next recording offer and its answer. */
  resumeFork(): Promise<void> {
    this.#paused = false;
    return Promise.resolve();
  }

  /** rtpengine plays beside what the other party says, or keeps that from the copies too: not a way to be had. It is told. */
  play(play: Play): Playing {
    return playsNothing(play);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#inTurn(async () => {
        if (this.#seat !== undefined) await this.#ask({ command: 'delete' });
      });
    } catch {
      // One that does not answer forgets the call by itself, when its packets have stopped.
    } finally {
      this.#seat?.leave();
      this.#options.onClosed();
    }
  }

  get #own(): RtpengineFork {
    const [own] = this.#forks;
    assert(own !== undefined, 'each call has one from its beginning');
    return own;
  }

  #addFork(of: readonly Side[]): RtpengineFork {
    const fork = new RtpengineFork(
      {
        isOpen: () => sides.every((side) => this.#passed[side] !== undefined) && this.#closing === undefined,
        paused: () => this.#paused,
        suite: () => this.#suite,
        ask: (command) => this.#ask(command),
        inTurn: (act) => this.#inTurn(act),
        origin: this.#options.origin,
        decrypt: this.#options.decrypt,
      },
      of,
      this.#forks.length,
    );
    this.#forks.push(fork);
    return fork;
  }

  async #ask(command: NgCommand): Promise<NgAnswer> {
    const whole = { ...command, 'call-id': this.#options.callId };
    if (this.#seat !== undefined) return this.#seat.ask((client) => client.ask(whole));
    const { seat, answer } = await this.#options.pool.seat((client) => client.ask(whole));
    this.#seat = seat;
    return answer;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const next = this.#last.then(act, act);
    this.#last = next.catch(() => undefined);
    return next;
  }
}

const suiteOf = ({ media }: Sdp): string | undefined => suiteIn(media.find(({ kind, port }) => kind === 'audio' && port !== 0));
