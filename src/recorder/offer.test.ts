import fc from 'fast-check';
import t from 'tap';
import { encodeMetadata, encodeMultipart, metadataContentType, readSdp, type SdpMedia } from '../sip/index.js';
import { isRecordable, partyOf, readRecordingOffer, type RecordingOffer, type RecordingRequest } from './offer.js';

const uuid = (digit: string): string => digit.repeat(32);
const sdp = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 4000 RTP/AVP 0', 'a=label:1', 'm=audio 4002 RTP/AVP 0', 'a=label:2', ''].join('\r\n');

const metadataOf = (sipSessionIds: readonly string[], id = 'c2Vzc2lvbg=='): string =>
  encodeMetadata({
    dataMode: 'complete',
    associatedAt: '2027-01-15T08:00:00Z',
    sessions: [{ id, sipSessionIds, startedAt: '2027-01-15T08:00:00Z' }],
    participants: [
      { id: 'a', aor: 'sip:anna@example.net', sends: ['sa'], receives: ['sb'] },
      { id: 'b', aor: 'sip:bob@example.net', sends: ['sb'], receives: ['sa'] },
    ],
    streams: [{ id: 'sb', label: '2', sessionId: id }, { id: 'sa', label: '1', sessionId: id }],
  });

function requestOf(metadata: string | undefined, fields: Partial<RecordingRequest> = {}): RecordingRequest {
  const parts = [{ contentType: 'application/sdp', content: sdp }, ...(metadata === undefined ? [] : [{ contentType: metadataContentType, disposition: 'recording-session', content: metadata }])];
  const { contentType, body } = encodeMultipart(parts, 'x-boundary');
  return { contentType, body, sessionIdHeader: undefined, callId: 'call-1@src', ...fields };
}
const read = (request: RecordingRequest): RecordingOffer => {
  const offer = readRecordingOffer(request);
  if (typeof offer === 'string') throw new Error(offer);
  return offer;
};

t.test('the session ID is the communication session\'s by RFC 7989, before all else', (t) => {
  const header = `${uuid('b')};remote=${uuid('c')}`;
  t.equal(read(requestOf(metadataOf([`${uuid('a')};remote=${uuid('0')}`]), { sessionIdHeader: header })).sessionId, uuid('a'));
  t.equal(read(requestOf(metadataOf(['no-uuid', uuid('d')]), { sessionIdHeader: header })).sessionId, uuid('d'), 'the first that is one');
  t.equal(read(requestOf(metadataOf([`${uuid('0')};remote=${uuid('a')}`]), { sessionIdHeader: header })).sessionId, uuid('b'), 'nil is none');
  t.equal(read(requestOf(metadataOf([]), { sessionIdHeader: header })).sessionId, uuid('b'));
  t.equal(read(requestOf(metadataOf([]), { sessionIdHeader: 'nonsense' })).sessionId, 'c2Vzc2lvbg==');
  t.equal(read(requestOf(metadataOf([]))).sessionId, 'c2Vzc2lvbg==');
  t.equal(read(requestOf(undefined)).sessionId, 'call-1@src');
  t.end();
});

t.test('an ID that no file name could hold is known by its digest, the same each time', (t) => {
  const callId = 'c'.repeat(129);
  const offer = read(requestOf(undefined, { callId }));
  t.match(offer.sessionId, /^[0-9a-f]{64}$/);
  t.equal(read(requestOf(undefined, { callId })).sessionId, offer.sessionId);
  t.not(read(requestOf(undefined, { callId: `${callId}c` })).sessionId, offer.sessionId);
  t.equal(read(requestOf(undefined, { callId: 'c'.repeat(128) })).sessionId, 'c'.repeat(128));
  t.end();
});

t.test('the party of a line is who sends the stream of its label', (t) => {
  const { metadata, sdp: { media } } = read(requestOf(metadataOf([])));
  t.strictSame(media.map((line) => partyOf(metadata, line)), ['sip:anna@example.net', 'sip:bob@example.net']);
  t.equal(partyOf(undefined, media[0]!), '');
  t.equal(partyOf(metadata, { ...media[0]!, label: '9' }), '');
  t.end();
});

t.test('without metadata, or with some that cannot be read, the media is recorded all the same', (t) => {
  for (const request of [requestOf(undefined), requestOf('<recording'), requestOf('<other/>'), { contentType: 'application/sdp', body: sdp, sessionIdHeader: undefined, callId: 'x' }]) {
    t.match(read(request), { metadata: undefined, sdp: { media: [{ label: '1' }, { label: '2' }] } });
  }
  t.end();
});

t.test('what cannot be recorded is refused with its reason', (t) => {
  const plain = (body: string, contentType: string | undefined = 'application/sdp'): RecordingRequest => ({ contentType, body, sessionIdHeader: undefined, callId: 'x' });
  const table: [RecordingRequest, string][] = [
    [plain(''), 'body-unreadable'],
    [plain('no delimiter', 'multipart/mixed'), 'body-unreadable'],
    [plain(metadataOf([]), metadataContentType), 'no-sdp'],
    [plain('nonsense'), 'sdp-unreadable'],
    [plain('v=0\r\nt=0 0\r\n'), 'sdp-unreadable'],
    [plain(sdp.replaceAll('m=audio', 'm=video')), 'no-audio'],
    [plain(sdp.replace(/m=audio \d+/g, 'm=audio 0')), 'no-audio'],
    [plain(sdp.replaceAll('RTP/AVP 0', 'RTP/AVP 77')), 'no-audio'],
  ];
  for (const [request, reason] of table) t.equal(readRecordingOffer(request), reason, JSON.stringify(request).slice(0, 80));
  t.end();
});

t.test('only live audio with a codec is recordable', (t) => {
  const lines = readSdp(['v=0', 'm=audio 4000 RTP/AVP 0', 'm=audio 0 RTP/AVP 0', 'm=video 4002 RTP/AVP 99', 'm=audio 4004 RTP/AVP 77'].join('\r\n'));
  t.strictSame((lines as { media: SdpMedia[] }).media.map(isRecordable), [true, false, false, false]);
  t.end();
});

t.test('no request makes the reader throw', (t) => {
  const text = fc.oneof(fc.string(), fc.constantFrom(sdp, metadataOf([]), requestOf(metadataOf([])).body));
  fc.assert(fc.property(fc.option(fc.oneof(fc.string(), fc.constantFrom('application/sdp', 'multipart/mixed;boundary=x-boundary')), { nil: undefined }), text, fc.option(fc.string(), { nil: undefined }), (contentType, body, sessionIdHeader) => {
    const offer = readRecordingOffer({ contentType, body, sessionIdHeader, callId: 'x' });
    return typeof offer === 'string' || offer.sessionId !== '';
  }));
  t.end();
});
