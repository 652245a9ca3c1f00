/**
 * One call on an rtpengine: what passes is shown to it as offer and answer, and the recorder subscribes to both parties, or
 * this process does for it.
 *
 * Leaves to  rtpengine the media; which one it is to the pool. All commands of a call go one after the other.
 *
 * rtpengine keeps no packets: straight to the recorder copies begin when that has answered, and again after a pause.
 */
import { Failure } from '../../errors/index.js';
import { readSdp, type Sdp } from '../../sip/index.js';
import { otherSide, sides, type AnchoredCall, type CallFork, type Play, type Playing, type Side } from '../door.js';
import { InTurn } from '../in-turn.js';
import { OrderedForks } from '../ordered-forks.js';
import { playsNothing } from '../plays-nothing.js';
import type { KeptCopies } from '../relay/index.js';
import type { Seat, ServerPool } from '../server-pool.js';
import type { NgClient } from './ng-client.js';
import type { NgAnswer, NgCommand } from './ng-protocol.js';
import { KeptSubscriptions } from './kept-subscriptions.js';
import { RtpengineFork } from './rtpengine-fork.js';
import { suiteIn, type SubscribedCall } from './subscription.js';

export interface RtpengineCallOptions {
  readonly pool: Pick<ServerPool<NgClient>, 'seat'>;
  /** What rtpengine calls it. */
  readonly callId: string;
  /** The numeric origin of the SDPs made here (RFC 8866 §5.2). */
  readonly origin: string;
  /** Copies go out decrypted, whatever the parties speak. */
  readonly decrypt: boolean;
  /** What keeps the copies; undefined where they go straight to the recorder. */
  readonly copies: KeptCopies | undefined;
  readonly onClosed: () => void;
}

export class RtpengineCall extends OrderedForks<CallFork> implements AnchoredCall {
  readonly #options: RtpengineCallOptions;
  #seat: Seat<NgClient> | undefined;
  /** Whose offer has no answer yet. */
  #offerer: Side | undefined;
  /** What a side said last, and how it went on: a repeated answer is no new offer. */
  readonly #passed: Partial<Record<Side, { readonly sdp: string; readonly went: string }>> = {};
  /** That the parties have agreed on; undefined where they speak in clear. */
  #suite: string | undefined;
  readonly #turns = new InTurn();
  readonly #subscribed: SubscribedCall;
  readonly #kept: KeptSubscriptions | undefined;
  /** How often the parties' media has changed. */
  #version = 0;
  #closing: Promise<void> | undefined;

  constructor(options: RtpengineCallOptions) {
    super();
    this.#options = options;
    this.#subscribed = {
      isOpen: () => sides.every((side) => this.#passed[side] !== undefined) && this.#closing === undefined,
      version: () => this.#version,
      paused: () => this.paused,
      suite: () => this.#suite,
      ask: (command) => this.#ask(command),
      inTurn: this.#turns.run,
      origin: options.origin,
      decrypt: options.decrypt,
    };
    this.#kept = options.copies === undefined ? undefined : new KeptSubscriptions(this.#subscribed, options.copies);
    this.openFork(sides);
  }

  async exchange(from: Side, sdp: string): Promise<string> {
    if (this.#closing !== undefined) throw new Failure('SDP_UNUSABLE', 'the call has ended, its media cannot be changed any more');
    const read = readSdp(sdp);
    if (read === 'no-media') return sdp;
    if (typeof read === 'string') throw new Failure('SDP_UNUSABLE', `the SDP of the ${from} cannot be read: ${read}`, { facts: { reason: read } });
    return this.#turns.run(async () => {
      const before = this.#passed[from];
      if (before?.sdp === sdp && this.#offerer === undefined) return before.went;
      const answers = this.#offerer === otherSide(from);
      const tags = answers ? { 'from-tag': otherSide(from), 'to-tag': from } : { 'from-tag': from, ...(this.#passed[otherSide(from)] === undefined ? {} : { 'to-tag': otherSide(from) }) };
      const { sdp: went } = await this.#ask({ command: answers ? 'answer' : 'offer', ...tags, sdp, replace: ['origin'], ICE: 'remove' });
      if (went === undefined) throw new Failure('ANCHOR_REFUSED', `rtpengine gave no SDP for that of the ${from}`);
      this.#offerer = answers ? undefined : from;
      if (answers) this.#suite = suiteOf(read);
      this.#passed[from] = { sdp, went };
      this.#version += 1;
      // Before the parties know where to send: their first packets are kept. Who asks for an offer learns of a failure.
      if (this.#subscribed.isOpen()) await this.#kept?.renew().catch(() => undefined);
      return went;
    });
  }

  /** rtpengine plays beside what the other party says, or keeps that from the copies too: not a way to be had. It is told. */
  play(play: Play): Playing {
    return playsNothing(play);
  }

  override async pauseFork(): Promise<void> {
    if (this.#kept === undefined) return super.pauseFork();
    this.paused = true;
    return this.#kept.pause();
  }

  override async resumeFork(): Promise<void> {
    await super.resumeFork();
    await this.#options.copies?.resume();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#turns.run(async () => {
        if (this.#seat !== undefined) await this.#ask({ command: 'delete' });
      });
    } catch {
      // One that does not answer forgets the call by itself, when its packets have stopped.
    } finally {
      this.#seat?.leave();
      await this.#options.copies?.close();
      this.#options.onClosed();
    }
  }

  protected makeFork(of: readonly Side[], number: number): CallFork {
    return this.#kept?.openFork(of) ?? new RtpengineFork(this.#subscribed, of, number);
  }

  async #ask(command: NgCommand): Promise<NgAnswer> {
    const whole = { ...command, 'call-id': this.#options.callId };
    if (this.#seat !== undefined) return this.#seat.ask((client) => client.ask(whole));
    const { seat, answer } = await this.#options.pool.seat((client) => client.ask(whole));
    this.#seat = seat;
    return answer;
  }

}

const suiteOf = ({ media }: Sdp): string | undefined => suiteIn(media.find(({ kind, port }) => kind === 'audio' && port !== 0));
