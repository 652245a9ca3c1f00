/**
 * What a recording session's INVITE says: pure. Read liberally, written strictly (RFC 7866 §7, RFC 7865).
 */
import { createHash } from 'node:crypto';
import {
  isWebSocket,
  nilSessionUuid,
  parseMetadata,
  parseSessionId,
  readBody,
  readSdp,
  senderOf,
  type RecordingMetadata,
  type Sdp,
  type SdpCodec,
  type SdpMedia,
} from '../sip/index.js';
import { samplesPerSecond } from './sample-packets.js';

const longestSessionIdBytes = 128;

export interface RecordingRequest {
  readonly contentType: string | undefined;
  readonly body: string;
  readonly sessionIdHeader: string | undefined;
  readonly callId: string;
}

export interface RecordingOffer {
  readonly sessionId: string;
  readonly sdp: Sdp;
  /** Undefined when there is none, or none that can be read: the media is recorded all the same. */
  readonly metadata: RecordingMetadata | undefined;
}

export type OfferReject = 'body-unreadable' | 'no-sdp' | 'sdp-unreadable' | 'no-audio' | 'no-web-socket';

export function readRecordingOffer(request: RecordingRequest): RecordingOffer | OfferReject {
  const parts = readBody(request.contentType, request.body);
  if (typeof parts === 'string') return 'body-unreadable';
  const text = parts.find((part) => part.contentType === 'application/sdp')?.content;
  if (text === undefined || text === '') return 'no-sdp';
  const sdp = readSdp(text);
  if (typeof sdp === 'string') return 'sdp-unreadable';
  if (!sdp.media.some(isRecordable)) return 'no-audio';
  const xml = parts.find((part) => /^application\/rs-metadata(\+xml)?$/.test(part.contentType))?.content;
  const parsed = xml === undefined ? undefined : parseMetadata(xml);
  const metadata = typeof parsed === 'string' ? undefined : parsed;
  return { sessionId: sessionIdOf(request, metadata), sdp, metadata };
}

export const isRecordable = (media: SdpMedia): boolean =>
  media.kind === 'audio' && media.port !== 0 && media.codecs.length > 0 && (!isWebSocket(media.protocol) || samplesIn(media) !== undefined);

/** The samples that a line over WebSocket brings, as far as they can be taken: L16 in mono at 8,000 Hz. */
export const samplesIn = ({ codecs }: SdpMedia): SdpCodec | undefined =>
  codecs.find(({ name, clockRate, channels }) => name.toUpperCase() === 'L16' && clockRate === samplesPerSecond && channels === 1);

export const needsWebSocket = ({ sdp }: RecordingOffer): boolean => sdp.media.some((media) => isRecordable(media) && isWebSocket(media.protocol));

/**
 * The unique session ID, by trust: the RFC 7989 ID that the metadata gives for the communication session,
 * that of the INVITE itself, the metadata's session id, the Call-ID.
 */
function sessionIdOf(request: RecordingRequest, metadata: RecordingMetadata | undefined): string {
  const session = metadata?.sessions[0];
  for (const value of [...(session?.sipSessionIds ?? []), request.sessionIdHeader]) {
    const parsed = value === undefined ? 'malformed' : parseSessionId(value);
    if (parsed !== 'malformed' && parsed.local !== nilSessionUuid) return parsed.local;
  }
  return shortened(session !== undefined && session.id !== '' ? session.id : request.callId);
}

/** What others chose is of any length, a file name is not: a longer ID is known by its digest. */
const shortened = (id: string): string =>
  Buffer.byteLength(id) <= longestSessionIdBytes ? id : createHash('sha256').update(id).digest('hex');

/** The party that speaks on a line: by label and ids; empty when nobody says. */
export function partyOf(metadata: RecordingMetadata | undefined, media: SdpMedia): string {
  if (metadata === undefined || media.label === undefined) return '';
  return senderOf(metadata, media.label)?.aor ?? '';
}
