/**
 * The copies of a call for one recorder: subscriptions to the parties, as rtpengine has them.
 *
 * Leaves to  rtpengine-call.ts what the parties speak, and that commands go one after the other.
 */
import { Failure } from '../../errors/index.js';
import { encodeRecordingOffer, readSdp, sdpOfMedia, type SdpMedia } from '../../sip/index.js';
import { streamLabel, type CallFork, type RecordingOffer, type Side } from '../door.js';
import { subscribe, suiteIn, type SubscribedCall } from './subscription.js';

type Streams = Readonly<Partial<Record<Side, SdpMedia>>>;

export class RtpengineFork implements CallFork {
  readonly #call: SubscribedCall;
  readonly #of: readonly Side[];
  readonly #number: number;
  /** What the recorder is offered, as subscribed. */
  #streams: Streams | undefined;
  /** Of the call's media that they are of; undefined: there is another subscription to make, with other keys. */
  #version: number | undefined;
  #sessionVersion = 0;

  /** @param number of the fork within its call */
  constructor(call: SubscribedCall, of: readonly Side[], number: number) {
    this.#call = call;
    this.#of = of;
    this.#number = number;
  }

  async recordingOffer(): Promise<RecordingOffer | undefined> {
    const { isOpen, version, paused, inTurn, origin } = this.#call;
    if (!isOpen()) return undefined;
    // While paused nothing is subscribed: what was offered last stands, and flows nowhere.
    if (this.#streams === undefined || (this.#version !== version() && !paused())) this.#streams = await inTurn(() => this.#subscribe());
    const streams = this.#of.flatMap((side) => {
      const media = this.#streams?.[side];
      return media === undefined ? [] : [{ ...media, label: streamLabel[side], direction: paused() ? ('inactive' as const) : ('sendonly' as const) }];
    });
    const [first] = streams;
    if (first === undefined) return undefined;
    return {
      sdp: encodeRecordingOffer({ address: first.address, origin, sessionVersion: (this.#sessionVersion += 1), media: streams }),
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
    this.#version = this.#call.version();
    const streams: Partial<Record<Side, SdpMedia>> = {};
    for (const side of this.#of) {
      const subscription = await subscribe(this.#call, side, this.#copyOf(side));
      if (subscription === undefined) return undefined;
      streams[side] = subscription.media;
    }
    return streams;
  }

  async #unsubscribe(side: Side): Promise<void> {
    if (this.#streams === undefined) return;
    this.#version = undefined;
    await this.#call.ask({ command: 'unsubscribe', 'to-tag': this.#copyOf(side) });
  }
}
