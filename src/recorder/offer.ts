/**
 * What a recording session's INVITE, re-INVITE or UPDATE says: pure. Read liberally, written strictly (RFC 7866 §7, RFC 7865).
 */
import { isWebSocket, parseMetadata, readBody, readBuiltInBridge, readSdp, type BodyPart, type BuiltInBridge, type MetadataReject, type RecordingMetadata, type Sdp, type SdpCodec, type SdpMedia } from '../sip/index.js';
import { readRecordingParticipants } from './cisco-nbr.js';
import type { RecordingRequest } from './request.js';
import { samplesPerSecond } from './sample-packets.js';

export interface RecordingOffer {
  /** Undefined: the request has none, and wants an offer if it is an INVITE (RFC 3261 §13.2.1). */
  readonly sdp: Sdp | undefined;
  /** Undefined when there is none, or none that can be read: the media is recorded all the same. */
  readonly metadata: RecordingMetadata | undefined;
  /** Why metadata that are there cannot be read. */
  readonly metadataReject: MetadataReject | undefined;
  readonly bridge: BuiltInBridge | undefined;
  /** URIs by the place of their line (NBR). */
  readonly participants: ReadonlyMap<number, string>;
  readonly parts: readonly BodyPart[];
}

export type OfferReject = 'body-unreadable' | 'sdp-unreadable' | 'no-audio' | 'no-web-socket' | 'srtp-without-keys' | 'dtls-srtp' | 'unknown-transport';

/** For a Warning header: what happened, and what to do. */
export const rejectAdvice: Readonly<Record<OfferReject, string>> = {
  'body-unreadable': 'the body is no SDP and no multipart that can be read',
  'sdp-unreadable': 'the SDP cannot be read',
  'no-audio': 'there is no audio line with a codec and a port',
  'no-web-socket': 'audio over WebSocket is not taken here, or not in that form',
  'srtp-without-keys': 'SRTP is offered without an a=crypto that can be used: offer one, or RTP/AVP',
  'dtls-srtp': 'DTLS-SRTP is not taken: offer SDES (a=crypto) or RTP/AVP',
  'unknown-transport': 'that transport is not taken: offer RTP/AVP or RTP/SAVP',
};

const metadataType = /^application\/(?:rs-metadata(?:\+xml)?|\s*\+xml)$/u;

export function readRecordingOffer(request: RecordingRequest): RecordingOffer | OfferReject {
  const parts = request.body.trim() === '' ? [] : readBody(request.contentType, request.body);
  if (typeof parts === 'string') return 'body-unreadable';
  const text = parts.find((part) => part.contentType === 'application/sdp')?.content ?? '';
  const sdp = text.trim() === '' ? undefined : readSdp(text);
  if (typeof sdp === 'string') return 'sdp-unreadable';
  const xml = parts.find((part) => metadataType.test(part.contentType))?.content;
  const parsed = xml === undefined ? undefined : parseMetadata(xml);
  return {
    sdp,
    ...(typeof parsed === 'string' ? { metadata: undefined, metadataReject: parsed } : { metadata: parsed, metadataReject: undefined }),
    bridge: readBuiltInBridge(request.header('from') ?? ''),
    participants: readRecordingParticipants(request.header('x-cisco-recording-participant')),
    parts,
  };
}

export const isRecordable = (media: SdpMedia): boolean =>
  media.kind === 'audio' && media.port !== 0 && media.codecs.length > 0 && (!isWebSocket(media.protocol) || samplesIn(media) !== undefined);

/** The samples that a line over WebSocket brings, as far as they can be taken: L16 in mono at 8,000 Hz. */
export const samplesIn = ({ codecs }: SdpMedia): SdpCodec | undefined =>
  codecs.find(({ name, clockRate, channels }) => name.toUpperCase() === 'L16' && clockRate === samplesPerSecond && channels === 1);

export const needsWebSocket = (sdp: Sdp): boolean => sdp.media.some((media) => isRecordable(media) && isWebSocket(media.protocol));

/** Whether the client speaks SIPREC, and may be asked for metadata (RFC 7866 §6.1, §7.1). */
export const speaksSiprec = ({ header }: RecordingRequest, { metadata, metadataReject }: RecordingOffer): boolean =>
  metadata !== undefined || metadataReject !== undefined || [header('require'), header('supported')].some((tags) => /(?:^|[\s,])siprec(?:$|[\s,])/iu.test(tags ?? '')) || /[;,]\s*(?:\+sip\.)?src\b/iu.test(header('contact') ?? '');
