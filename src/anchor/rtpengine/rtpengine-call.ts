/**
 * One call on an rtpengine: what passes is shown to it as offer and answer, and the recorder subscribes to both parties.
 *
 * Leaves to  rtpengine the media; which one it is to the pool. All commands of a call go one after the other.
 *
 * Unlike the relay, rtpengine keeps no packets: copies begin when the recorder has answered, and again after a pause.
 */
import { Failure } from '../../errors/index.js';
import { encodeRecordingOffer, readSdp, sdpOfMedia, type Sdp, type SdpMedia } from '../../sip/index.js';
import { otherSide, sides, type AnchoredCall, type Play, type Playing, type RecordingOffer, type Side } from '../door.js';
import type { NgAnswer, NgCommand } from './ng-protocol.js';
import type { NgPool, NgSeat } from './ng-pool.js';

export interface RtpengineCallOptions {
  readonly pool: Pick<NgPool, 'seat'>;
  /** What rtpengine calls it. */
  readonly callId: string;
  /** The numeric origin of the SDPs made here (RFC 8866 §5.2). */
  readonly origin: string;
  /** Copies go out decrypted, whatever the parties speak. */
  readonly decrypt: boolean;
  readonly onClosed: () => void;
}

const label = { caller: '1', callee: '2' } as const satisfies Record<Side, string>;
const copyOf = (side: Side): string => `copy-of-${side}`;

/** What rtpengine 10 offers, each of which it can be told to leave out. */
const suites = [
  'AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_256_CM_HMAC_SHA1_80', 'AES_256_CM_HMAC_SHA1_32', 'AES_192_CM_HMAC_SHA1_80', 'AES_192_CM_HMAC_SHA1_32',
  'AES_CM_128_HMAC_SHA1_32', 'F8_128_HMAC_SHA1_80', 'F8_128_HMAC_SHA1_32', 'NULL_HMAC_SHA1_80', 'NULL_HMAC_SHA1_32',
];

export class RtpengineCall implements AnchoredCall {
  readonly #options: RtpengineCallOptions;
  #seat: NgSeat | undefined;
  /** Whose offer has no answer yet. */
  #offerer: Side | undefined;
  /** What a side said last, and how it went on: a repeated answer is no new offer. */
  readonly #passed: Partial<Record<Side, { readonly sdp: string; readonly went: string }>> = {};
  /** What the recorder is offered, as subscribed. */
  #streams: Readonly<Record<Side, SdpMedia>> | undefined;
  /** The parties' media changed, or copies were ended: there is another subscription to make, with other keys. */
  #stale = false;
  /** That the parties have agreed on; undefined where they speak in clear. */
  #suite: string | undefined;
  #paused = false;
  #version = 0;
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: RtpengineCallOptions) {
    this.#options = options;
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
      this.#stale = true;
      return went;
    });
  }

  async recordingOffer(): Promise<RecordingOffer | undefined> {
    const both = sides.every((side) => this.#passed[side] !== undefined);
    if (!both || this.#closing !== undefined) return undefined;
    // While paused nothing is subscribed: what was offered last stands, and flows nowhere.
    if (this.#streams === undefined || (this.#stale && !this.#paused)) this.#streams = await this.#inTurn(() => this.#subscribe());
    const streams = this.#streams;
    if (streams === undefined) return undefined;
    const direction = this.#paused ? 'inactive' : 'sendonly';
    return {
      sdp: encodeRecordingOffer({
        address: streams.caller.address,
        origin: this.#options.origin,
        sessionVersion: (this.#version += 1),
        media: sides.map((side) => ({ ...streams[side], label: label[side], direction })),
      }),
      holdsKeys: sides.some((side) => streams[side].crypto.length > 0),
    };
  }

  async startFork(answer: string): Promise<void> {
    const sdp = readSdp(answer);
    if (typeof sdp === 'string') throw new Failure('SIPREC_UNUSABLE', `the recorder's answer cannot be read: ${sdp}`, { facts: { reason: sdp } });
    const untaken = await this.#inTurn(async () => {
      let untaken = false;
      for (const [index, side] of sides.entries()) {
        if (this.#paused || this.#streams === undefined) return untaken;
        const media = sdp.media[index];
        const taken = media !== undefined && media.port !== 0;
        // With an answer that has no key of that suite rtpengine would send nothing to the parties either.
        const keyed = this.#streams[side].crypto.length === 0 || suiteIn(media) === this.#suite;
        untaken ||= taken && !keyed;
        // A recorder may take fewer codecs than the parties have agreed on.
        if (taken && keyed) await this.#ask({ command: 'subscribe answer', 'to-tag': copyOf(side), sdp: sdpOfMedia(answer, index), flags: ['allow transcoding'] });
        else await this.#unsubscribe(side);
      }
      return untaken;
    });
    if (untaken) throw new Failure('SIPREC_UNUSABLE', `the recorder takes no SRTP in ${this.#suite ?? 'the suite of this call'}: anchor.rtpengine.decrypt would send it RTP`);
  }

  async pauseFork(): Promise<void> {
    if (this.#paused) return;
    this.#paused = true;
    await this.stopFork();
  }

  /** Copies go on with the next recording offer and its answer. */
  resumeFork(): Promise<void> {
    this.#paused = false;
    return Promise.resolve();
  }

  stopFork(): Promise<void> {
    return this.#inTurn(async () => {
      for (const side of sides) await this.#unsubscribe(side);
    }).catch(() => undefined);
  }

  /** rtpengine plays beside what the other party says, or keeps that from the copies too: not a way to be had. It is told. */
  play({ to }: Play): Playing {
    return { stop: () => undefined, ended: Promise.resolve(Object.fromEntries(to.map((side) => [side, 'anchor']))) };
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

  async #subscribe(): Promise<Readonly<Record<Side, SdpMedia>> | undefined> {
    this.#stale = false;
    const streams: Partial<Record<Side, SdpMedia>> = {};
    // The parties' own suite alone: of several that are offered rtpengine sends with the first, whichever the recorder
    // has chosen; and where the only one is another, it gives up the parties' media with the copies.
    const others = suites.filter((suite) => suite !== this.#suite);
    const encryption = this.#options.decrypt ? { 'transport-protocol': 'RTP/AVP' } : { DTLS: 'off', SDES: others.map((suite) => `no-${suite}`) };
    for (const side of sides) {
      const { sdp = '' } = await this.#ask({ command: 'subscribe request', 'from-tag': side, 'to-tag': copyOf(side), 'rtcp-mux': ['offer'], ICE: 'remove', ...encryption });
      const read = readSdp(sdp);
      const media = typeof read === 'string' ? undefined : read.media.find(({ kind, port, codecs }) => kind === 'audio' && port !== 0 && codecs.length > 0);
      if (media === undefined) return undefined;
      streams[side] = { ...media, crypto: media.crypto.slice(0, 1) };
    }
    return streams as Record<Side, SdpMedia>;
  }

  async #unsubscribe(side: Side): Promise<void> {
    if (this.#streams === undefined) return;
    this.#stale = true;
    await this.#ask({ command: 'unsubscribe', 'to-tag': copyOf(side) });
  }

  async #ask(command: NgCommand): Promise<NgAnswer> {
    const whole = { ...command, 'call-id': this.#options.callId };
    if (this.#seat !== undefined) return this.#seat.ask(whole);
    const { seat, answer } = await this.#options.pool.seat(whole);
    this.#seat = seat;
    return answer;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const next = this.#last.then(act, act);
    this.#last = next.catch(() => undefined);
    return next;
  }
}

/** RFC 4568 §9.1: tag, suite, keys. An answer has the one that was chosen. */
const suiteIn = (media: SdpMedia | undefined): string | undefined => media?.crypto[0]?.trim().split(/\s+/u)[1]?.toUpperCase();
const suiteOf = ({ media }: Sdp): string | undefined => suiteIn(media.find(({ kind, port }) => kind === 'audio' && port !== 0));
