/** How rtpengine is asked for the packets of a party. */
import { readSdp, type Sdp, type SdpMedia } from '../../sip/index.js';
import type { Side } from '../door.js';
import type { NgAnswer, NgCommand } from './ng-protocol.js';

/** What copies of a call need of it. */
export interface SubscribedCall {
  /** Both parties have said what they speak, and the call has not ended. */
  readonly isOpen: () => boolean;
  /** Another number whenever the parties' media has changed. */
  readonly version: () => number;
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

export interface Subscription {
  readonly offer: Sdp;
  /** Its audio, with the one key that is used. */
  readonly media: SdpMedia;
}

/** What rtpengine 10 offers, each of which it can be told to leave out. */
const suites = [
  'AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_256_CM_HMAC_SHA1_80', 'AES_256_CM_HMAC_SHA1_32', 'AES_192_CM_HMAC_SHA1_80', 'AES_192_CM_HMAC_SHA1_32',
  'AES_CM_128_HMAC_SHA1_32', 'F8_128_HMAC_SHA1_80', 'F8_128_HMAC_SHA1_32', 'NULL_HMAC_SHA1_80', 'NULL_HMAC_SHA1_32',
];

/**
 * Asks for a party's packets, or asks anew.
 *
 * @param tag who subscribes
 * @returns what rtpengine offers; undefined where there is no audio in it
 */
export async function subscribe({ suite, decrypt, ask }: SubscribedCall, side: Side, tag: string): Promise<Subscription | undefined> {
  // The parties' own suite alone: of several that are offered rtpengine sends with the first, whichever the recorder
  // has chosen; and where the only one is another, it gives up the parties' media with the copies.
  const others = suites.filter((one) => one !== suite());
  const encryption = decrypt ? { 'transport-protocol': 'RTP/AVP' } : { DTLS: 'off', SDES: others.map((one) => `no-${one}`) };
  const { sdp = '' } = await ask({ command: 'subscribe request', 'from-tag': side, 'to-tag': tag, 'rtcp-mux': ['offer'], ICE: 'remove', ...encryption });
  const offer = readSdp(sdp);
  const media = typeof offer === 'string' ? undefined : offer.media.find(({ kind, port, codecs }) => kind === 'audio' && port !== 0 && codecs.length > 0);
  return typeof offer === 'string' || media === undefined ? undefined : { offer, media: { ...media, crypto: media.crypto.slice(0, 1) } };
}

/** RFC 4568 §9.1: tag, suite, keys. An answer has the one that was chosen. */
export const suiteIn = (media: SdpMedia | undefined): string | undefined => media?.crypto[0]?.trim().split(/\s+/u)[1]?.toUpperCase();
