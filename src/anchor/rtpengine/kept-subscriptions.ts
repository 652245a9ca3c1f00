/**
 * The copies of a call on their way through this process, which keeps them: one subscription to each party, whoever
 * records.
 *
 * Leaves to  KeptCopies what was not written yet, and which recorders have it; rtpengine-call.ts what the parties speak.
 */
import { randomBytes } from 'node:crypto';
import { encodeCryptoLine, keySaltBytes, parseCryptoLine } from '../../media/index.js';
import { encodeRecordingAnswer, type SdpMedia } from '../../sip/index.js';
import { sides, type CallFork, type Side } from '../door.js';
import type { KeptCopies } from '../relay/index.js';
import { subscribe, type SubscribedCall, type Subscription } from './subscription.js';

export class KeptSubscriptions {
  readonly #call: SubscribedCall;
  readonly #copies: KeptCopies;
  /** Of the call's media; undefined while there is no subscription. */
  #version: number | undefined;
  #isDescribed = false;
  #sessionVersion = 0;

  constructor(call: SubscribedCall, copies: KeptCopies) {
    this.#call = call;
    this.#copies = copies;
  }

  openFork(of: readonly Side[]): CallFork {
    const fork = this.#copies.openFork(of);
    return {
      ...fork,
      recordingOffer: async () => {
        if (!this.#call.isOpen()) return undefined;
        await this.#call.inTurn(() => this.renew());
        return fork.recordingOffer();
      },
    };
  }

  /** Subscribes to what the parties speak now, if it has not; in its turn. @throws what rtpengine says against it. */
  async renew(): Promise<void> {
    const version = this.#call.version();
    // For an offer there has to be a first one, paused or not.
    if (this.#version === version || (this.#isDescribed && this.#call.paused())) return;
    this.#version = undefined;
    const streams: Partial<Record<Side, SdpMedia>> = {};
    for (const side of sides) {
      const subscription = await subscribe(this.#call, side, copyOf(side));
      if (subscription === undefined) return;
      await this.#accept(side, subscription);
      streams[side] = subscription.media;
    }
    const { caller, callee } = streams;
    if (caller !== undefined && callee !== undefined) {
      await this.#copies.describe({ caller, callee });
      this.#isDescribed = true;
    }
    this.#version = version;
  }

  /** Packets come by another way than commands: what is said in a pause is not sent here, rather than not passed on. */
  async pause(): Promise<void> {
    await this.#copies.pause();
    await this.#call.inTurn(async () => {
      if (this.#version === undefined) return;
      this.#version = undefined;
      for (const side of sides) await this.#call.ask({ command: 'unsubscribe', 'to-tag': copyOf(side) });
    }).catch(() => undefined);
  }

  async #accept(side: Side, { offer, media }: Subscription): Promise<void> {
    const { address, port } = await this.#copies.intake(side);
    const crypto = keyLike(media.crypto[0]);
    const answer = encodeRecordingAnswer(offer, {
      address,
      origin: this.#call.origin,
      sessionVersion: (this.#sessionVersion += 1),
      media: offer.media.map(({ index }) => (index === media.index ? { port, codecs: media.codecs, rtcpMux: true, direction: 'recvonly' as const, ...(crypto === undefined ? {} : { crypto }) } : undefined)),
    });
    await this.#call.ask({ command: 'subscribe answer', 'to-tag': copyOf(side), sdp: answer });
  }
}

const copyOf = (side: Side): string => `copy-of-${side}`;

/** Without a key of ours in that suite rtpengine would send nothing; nothing is sent back under it. */
function keyLike(offered: string | undefined): string | undefined {
  const line = offered === undefined ? 'malformed' : parseCryptoLine(offered);
  if (typeof line === 'string') return undefined;
  return encodeCryptoLine({ tag: line.tag, suite: line.suite, keySalt: randomBytes(keySaltBytes(line.suite)), sessionParameters: [] });
}
