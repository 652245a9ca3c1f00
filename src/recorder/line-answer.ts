/**
 * How one offered line is answered: which codecs, and whether it is SRTP (RFC 3264 §6, RFC 4568 §5.1.2). Pure but for the
 * randomness of the key, which is an argument.
 */
import { audioCodec, audioCodecNames, isBesideAudio, parseCryptoLine, singleKeyLines, unsupportedSessionParameters, type AudioCodecName, type CryptoLine } from '../media/index.js';
import type { SdpCodec, SdpMedia } from '../sip/index.js';

/** What recordings can be made of, as SDP names it: what the stitcher decodes. */
export const decodableCodecs = audioCodecNames;
export type DecodableCodec = AudioCodecName;

/**
 * The codecs of the answer: those that can be decoded, in the order of `preference` where there is one, else in the
 * client's; events and comfort noise as offered. What has none of them is recorded all the same, packets as they come.
 */
export function answeredCodecs({ codecs }: SdpMedia, preference: readonly DecodableCodec[] | undefined): readonly SdpCodec[] {
  const order = preference?.map((name) => name.toLowerCase());
  const nameOf = ({ name }: SdpCodec): string => name.toLowerCase();
  const voices = codecs.filter((codec) => audioCodec(codec) !== undefined);
  if (voices.length === 0) return codecs;
  const wanted = order === undefined ? voices : voices.filter((codec) => order.includes(nameOf(codec)));
  if (order === undefined || wanted.length === 0) return codecs.filter((codec) => voices.includes(codec) || isBesideAudio(codec));
  const sorted = [...wanted].sort((one, other) => order.indexOf(nameOf(one)) - order.indexOf(nameOf(other)));
  return [...sorted, ...codecs.filter((codec) => isBesideAudio(codec))];
}

/** What is offered where a client asks for an offer, with the payload types of RFC 3551 §6 and common ones above 95. */
export function offeredCodecs(preference: readonly DecodableCodec[] = ['G722', 'PCMU', 'PCMA', 'G729', 'iLBC', 'opus']): readonly SdpCodec[] {
  return [...preference.flatMap((name) => ownCodecs[name] ?? []), { payloadType: 101, name: 'telephone-event', clockRate: 8_000, channels: 1, fmtp: '0-16' }];
}

const own = (payloadType: number, name: string, more: Partial<SdpCodec> = {}): SdpCodec => ({ payloadType, name, clockRate: 8_000, channels: 1, ...more });

const ownCodecs: Readonly<Partial<Record<DecodableCodec, SdpCodec>>> = {
  PCMU: own(0, 'PCMU'),
  PCMA: own(8, 'PCMA'),
  // Its RTP clock is 8000 by RFC 3551 §4.5.2.
  G722: own(9, 'G722'),
  G729: own(18, 'G729', { fmtp: 'annexb=yes' }),
  GSM: own(3, 'GSM'),
  iLBC: own(97, 'iLBC', { fmtp: 'mode=20' }),
  opus: own(114, 'opus', { clockRate: 48_000, channels: 2 }),
  L16: own(96, 'L16'),
  AMR: own(98, 'AMR'),
  'AMR-WB': own(99, 'AMR-WB', { clockRate: 16_000 }),
};

export type LineReject = 'srtp-without-keys' | 'dtls-srtp' | 'unknown-transport';

export interface LineSecurity {
  readonly encrypted: boolean;
  /** Our side: a key of our own for what we send, with the tag of the line that was chosen. */
  readonly ours?: CryptoLine;
}

/** These are agreed on by both sides (RFC 4568 §6.3): an answer that takes a line repeats them. */
const negotiated = /^(?:UNENCRYPTED_SRTCP|UNENCRYPTED_SRTP|UNAUTHENTICATED_SRTP)$/iu;

/**
 * Whether a line's packets are SRTP, and our part of it.
 *
 * An `a=crypto` under RTP/AVP only says what the client could do: the answer leaves it out, and RTP comes in clear.
 *
 * @param keysMayFollow SRTP is recorded whose keys are not in the offer: they may come by themselves
 */
export function securityOf({ protocol, crypto }: SdpMedia, keysMayFollow: boolean, random: (bytes: number) => Buffer): LineSecurity | LineReject {
  switch (protocol.toUpperCase()) {
    case 'RTP/AVP':
    case 'RTP/AVPF':
      return { encrypted: false };
    case 'RTP/SAVP':
    case 'RTP/SAVPF': {
      for (const line of crypto.flatMap(singleKeyLines)) {
        const offered = parseCryptoLine(line);
        if (typeof offered === 'string' || unsupportedSessionParameters(offered).length > 0) continue;
        const { tag, suite, keySalt } = offered;
        const sessionParameters = offered.sessionParameters.filter((parameter) => negotiated.test(parameter));
        return { encrypted: true, ours: { tag, suite, keySalt: random(keySalt.length), sessionParameters } };
      }
      return keysMayFollow ? { encrypted: true } : 'srtp-without-keys';
    }
    case 'UDP/TLS/RTP/SAVP':
    case 'UDP/TLS/RTP/SAVPF':
      return 'dtls-srtp';
    default:
      return 'unknown-transport';
  }
}

/** Why none of these lines can be recorded; undefined when one can, or when there are none. */
export function rejectOfAll(lines: readonly SdpMedia[], keysMayFollow: boolean): LineReject | undefined {
  const made = lines.map((media) => securityOf(media, keysMayFollow, (bytes) => Buffer.alloc(bytes)));
  const rejects = made.filter((one) => typeof one === 'string');
  return rejects.length === made.length ? rejects[0] : undefined;
}
