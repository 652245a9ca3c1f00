/**
 * The copies of a call for one recorder: subscriptions to the parties, as rtpengine has them.
 *
 * Leaves to  rtpengine-call.ts what the parties speak, and that commands go one after the other.
 */
import { Failure } from '../../errors/index.js';
import { encodeRecordingOffer, readSdp, sdpOfMedia, type SdpMedia } from '../../sip/index.js';
import type { CallFork, RecordingOffer, Side } from '../door.js';
import type { NgAnswer, NgCommand } from './ng-protocol.js';

/** What the fork has of its call. */
export interface ForkedCall {
  /** Both parties have said what they speak, and the call has not ended. */
  readonly isOpen: () => boolean;
  readonly paused: () => boolean;
  /** That the parties have agreed on; undefined where they speak in clear. */
  readonly suite: () => string | undefined;
  readonly ask: (command: NgCommand) => Promise<NgAnswer>;
  readonly inTurn: <T>(act: () => Promise<T>) => Promise<T>;
  /** The numeric origin of the SDPs made here (RFC 8866 §5.2). */
  readonly origin: string;
  /** Copies go out decrypted, whatever the parties speak. */
  readonly decrypt: boolean;
}

const label = { caller: '1', callee: '2' } as const satisfies Record<Side, string>;

/** What rtpengine 10 offers, each of which it can be told to leave out. */
const suites = [
  'AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_256_CM_HMAC_SHA1_80', 'AES_256_CM_HMAC_SHA1_32', 'AES_192_CM_HMAC_SHA1_80', 'AES_192_CM_HMAC_SHA1_32',
  'AES_CM_128_HMAC_SHA1_32', 'F8_128_HMAC_SHA1_80', 'F8_128_HMAC_SHA1_32', 'NULL_HMAC_SHA1_80', 'NULL_HMAC_SHA1_32',
];

type Streams = Readonly<Partial<Record<Side, SdpMedia>>>;

export class RtpengineFork implements CallFork {
  readonly #call: ForkedCall;
  readonly #of: readonly Side[];
  readonly #number: number;
  /** What the recorder is offered, as subscribed. */
  #streams: Streams | undefined;
  /** There is another subscription to make, with other keys. */
  #stale = false;
  #version = 0;

  /** @param number of the fork within its call */
  constructor(call: ForkedCall, of: readonly Side[], number: number) {
    this.#call = call;
    this.#of = of;
    this.#number = number;
  }

  /** The parties' media changed. */
  changed(): void {
    this.#stale = true;
  }

  async recordingOffer(): Promise<RecordingOffer | undefined> {
    const { isOpen, paused, inTurn, origin } = this.#call;
    if (!isOpen()) return undefined;
    // While paused nothing is subscribed: what was offered last stands, and flows nowhere.
    if (this.#streams === undefined || (this.#stale && !paused())) this.#streams = await inTurn(() => this.#subscribe());
    const streams = this.#of.flatMap((side) => {
      const media = this.#streams?.[side];
      return media === undefined ? [] : [{ ...media, label: label[side], direction: paused() ? ('inactive' as const) : ('sendonly' as const) }];
    });
    const [first] = streams;
    if (first === undefined) return undefined;
    return {
      sdp: encodeRecordingOffer({ address: first.address, origin, sessionVersion: (this.#version += 1), media: streams }),
      holdsKeys: streams.some(({ crypto }) => crypto.length > 0),
    };
  }

  async startFork(answer: string): Promise<void> {
    const { paused, suite, ask, inTurn } = this.#call;
    const sdp = readSdp(answer);
    if (typeof sdp === 'string') throw new Failure('SIPREC_UNUSABLE', `the recorder's answer cannot be read: ${sdp}`, { facts: { reason: sdp } });
    const untaken = await inTurn(async () => {
      let untaken = false;
      for (const [index, side] of this.#of.entries()) {
        const stream = this.#streams?.[side];
        if (paused() || stream === undefined) return untaken;
        const media = sdp.media[index];
        const taken = media !== undefined && media.port !== 0;
        // With an answer that has no key of that suite rtpengine would send nothing to the parties either.
        const keyed = stream.crypto.length === 0 || suiteIn(media) === suite();
        untaken ||= taken && !keyed;
        // A recorder may take fewer codecs than the parties have agreed on.
        if (taken && keyed) await ask({ command: 'subscribe answer', 'to-tag': this.#copyOf(side), sdp: sdpOfMedia(answer, index), flags: ['allow transcoding'] });
        else await this.#unsubscribe(side);
      }
      return untaken;
    });
    if (untaken) throw new Failure('SIPREC_UNUSABLE', `the recorder takes no SRTP in ${suite() ?? 'the suite of this call'}: anchor.rtpengine.decrypt, or the rule's decrypt, would send it RTP`);
  }

  /** rtpengine keeps nothing for the next recorder. */
  detachFork(): Promise<void> {
    return this.stopFork();
  }

  watchFork(): void {
    // rtpengine tells nothing of the recorder.
  }

  stopFork(): Promise<void> {
    return this.#call
      .inTurn(async () => {
        for (const side of this.#of) await this.#unsubscribe(side);
      })
      .catch(() => undefined);
  }

  #copyOf(side: Side): string {
    return this.#number === 0 ? `copy-of-${side}` : `copy-${this.#number}-of-${side}`;
  }

  async #subscribe(): Promise<Streams | undefined> {
    const { suite, decrypt, ask } = this.#call;
    this.#stale = false;
    const streams: Partial<Record<Side, SdpMedia>> = {};
    // The parties' own suite alone: of several that are offered rtpengine sends with the first, whichever the recorder
    // has chosen; and where the only one is another, it gives up the parties' media with the copies.
    const others = suites.filter((one) => one !== suite());
    const encryption = decrypt ? { 'transport-protocol': 'RTP/AVP' } : { DTLS: 'off', SDES: others.map((one) => `no-${one}`) };
    for (const side of this.#of) {
      const { sdp = '' } = await ask({ command: 'subscribe request', 'from-tag': side, 'to-tag': this.#copyOf(side), 'rtcp-mux': ['offer'], ICE: 'remove', ...encryption });
      const read = readSdp(sdp);
      const media = typeof read === 'string' ? undefined : read.media.find(({ kind, port, codecs }) => kind === 'audio' && port !== 0 && codecs.length > 0);
      if (media === undefined) return undefined;
      streams[side] = { ...media, crypto: media.crypto.slice(0, 1) };
    }
    return streams;
  }

  async #unsubscribe(side: Side): Promise<void> {
    if (this.#streams === undefined) return;
    this.#stale = true;
    await this.#call.ask({ command: 'unsubscribe', 'to-tag': this.#copyOf(side) });
  }
}

/** RFC 4568 §9.1: tag, suite, keys. An answer has the one that was chosen. */
export const suiteIn = (media: SdpMedia | undefined): string | undefined => media?.crypto[0]?.trim().split(/\s+/u)[1]?.toUpperCase();
