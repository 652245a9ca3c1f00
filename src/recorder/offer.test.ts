import fc from 'fast-check';
import t from 'tap';
import { metadataContentType, readSdp, type SdpMedia } from '../sip/index.js';
import { isRecordable, readRecordingOffer, speaksSiprec, type RecordingOffer } from './offer.js';
import type { RecordingRequest } from './request.js';
import { metadataOf, plainRequest, requestOf, twoLines } from './request.fixture.js';

const read = (request: RecordingRequest): RecordingOffer => {
  const offer = readRecordingOffer(request);
  if (typeof offer === 'string') throw new Error(offer);
  return offer;
};

t.test('without metadata, or with some that cannot be read, the media is recorded all the same', (t) => {
  const media = { sdp: { media: [{ label: '1' }, { label: '2' }] }, metadata: undefined };
  t.match(read(requestOf(undefined)), { ...media, metadataReject: undefined });
  t.match(read(plainRequest(twoLines)), media);
  t.match(read(requestOf('<recording')), { ...media, metadataReject: 'malformed' });
  t.match(read(requestOf('<other/>')), { ...media, metadataReject: 'not-metadata' });
  t.end();
});

t.test('a request need not have an SDP: an INVITE without one wants an offer, an UPDATE may bring only metadata', (t) => {
  t.match(read(plainRequest('', undefined)), { sdp: undefined, metadata: undefined, parts: [] });
  t.match(read(plainRequest(metadataOf([]), metadataContentType)), { sdp: undefined, metadata: { dataMode: 'complete' } });
  t.match(read(plainRequest(metadataOf([]), 'application/rs-metadata')), { metadata: { dataMode: 'complete' } });
  // What a BroadWorks of somebody's log sent.
  t.match(read(plainRequest(metadataOf([]), 'application/ +xml')), { metadata: { dataMode: 'complete' } });
  t.end();
});

t.test("Cisco's headers are read with it", (t) => {
  const from = '<sip:7001@cucm;x-farend;x-refci=1;x-farendaddr=7002>;tag=1';
  t.match(read(requestOf(undefined, { from })), { bridge: { side: 'far', farUri: 'sip:7002@cucm' } });
  const participants = 'sip:1@192.0.2.1;media-index="0",sip:2@192.0.2.2;media-index="1"';
  t.strictSame([...read(requestOf(undefined, { 'x-cisco-recording-participant': participants })).participants], [[0, 'sip:1@192.0.2.1'], [1, 'sip:2@192.0.2.2']]);
  t.end();
});

t.test('what cannot be read is refused with its reason', (t) => {
  t.equal(readRecordingOffer(plainRequest('no delimiter', 'multipart/mixed')), 'body-unreadable');
  t.equal(readRecordingOffer(plainRequest('nonsense')), 'sdp-unreadable');
  t.equal(readRecordingOffer(plainRequest('v=0\r\nt=0 0\r\n')), 'sdp-unreadable');
  t.end();
});

t.test('only live audio with a codec is recordable', (t) => {
  const lines = readSdp(['v=0', 'm=audio 4000 RTP/AVP 0', 'm=audio 0 RTP/AVP 0', 'm=video 4002 RTP/AVP 99', 'm=audio 4004 RTP/AVP 77'].join('\r\n'));
  t.strictSame((lines as { media: SdpMedia[] }).media.map(isRecordable), [true, false, false, false]);
  t.end();
});

t.test('who speaks SIPREC is seen by its option tag, by its metadata, or by the feature tag in whichever form', (t) => {
  const speaks = (metadata: string | undefined, headers: Record<string, string>): boolean => {
    const request = requestOf(metadata, headers);
    return speaksSiprec(request, read(request));
  };
  for (const headers of [{ require: 'siprec' }, { supported: 'timer, siprec' }, { contact: '<sip:sbc@192.0.2.1>;+sip.src' }, { contact: '<sip:sbc@192.0.2.1;+sip.src>' }, { contact: '<sip:sbc@192.0.2.1>;src' }]) {
    t.ok(speaks(undefined, headers), JSON.stringify(headers));
  }
  t.ok(speaks('<recording', {}));
  for (const headers of [{}, { supported: 'timer' }, { contact: '<sip:7001@192.0.2.1>;isFocus' }, { contact: '<sip:src@192.0.2.1>' }]) t.notOk(speaks(undefined, headers), JSON.stringify(headers));
  t.end();
});

t.test('no request makes the reader throw', (t) => {
  const text = fc.oneof(fc.string(), fc.constantFrom(twoLines, metadataOf([]), requestOf(metadataOf([])).body));
  const type = fc.option(fc.oneof(fc.string(), fc.constantFrom('application/sdp', 'multipart/mixed;boundary=x-boundary')), { nil: undefined });
  fc.assert(fc.property(type, text, fc.option(fc.string(), { nil: undefined }), (contentType, body, header) => {
    const offer = readRecordingOffer({ contentType, body, callId: 'x', header: () => header });
    return typeof offer === 'string' || offer.parts.length >= 0;
  }));
  t.end();
});
