/** Requests of recording clients, without a network. */
import { encodeMetadata, encodeMultipart, metadataContentType } from '../sip/index.js';
import type { RecordingRequest } from './request.js';

export const twoLines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 4000 RTP/AVP 0', 'a=label:1', 'm=audio 4002 RTP/AVP 0', 'a=label:2', ''].join('\r\n');

/** Anna speaks on line 1, Bob on line 2. */
export const metadataOf = (sipSessionIds: readonly string[], id = 'c2Vzc2lvbg==', groupId?: string): string =>
  encodeMetadata({
    dataMode: 'complete',
    associatedAt: '2027-01-15T08:00:00Z',
    ...(groupId === undefined ? {} : { groupId }),
    sessions: [{ id, sipSessionIds, startedAt: '2027-01-15T08:00:00Z', ...(groupId === undefined ? {} : { groupId }) }],
    participants: [
      { id: 'a', aor: 'sip:anna@example.net', sends: ['sa'], receives: ['sb'] },
      { id: 'b', aor: 'sip:bob@example.net', sends: ['sb'], receives: ['sa'] },
    ],
    streams: [{ id: 'sb', label: '2', sessionId: id }, { id: 'sa', label: '1', sessionId: id }],
  });

/** @param headers by lower-case name */
export function requestOf(metadata: string | undefined, headers: Readonly<Record<string, string>> = {}, sdp = twoLines): RecordingRequest {
  const parts = [{ contentType: 'application/sdp', content: sdp }, ...(metadata === undefined ? [] : [{ contentType: metadataContentType, disposition: 'recording-session', content: metadata }])];
  const { contentType, body } = encodeMultipart(parts, 'x-boundary');
  return { contentType, body, callId: 'call-1@src', header: (name) => headers[name.toLowerCase()] };
}

/** One of a single part, and no headers. */
export const plainRequest = (body: string, contentType: string | undefined = 'application/sdp'): RecordingRequest => ({ contentType, body, callId: 'x', header: () => undefined });
