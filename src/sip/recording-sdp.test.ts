import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';

import { holds } from './generated.fixture.js';
import { encodeRecordingAnswer, encodeRecordingOffer, reportsWritten, type RecordingAnswerMedia, type RecordingOfferMedia } from './recording-sdp.js';
import { readSdp, type Sdp, type SdpCodec } from './sdp.js';

const pcmu: SdpCodec = { payloadType: 0, name: 'PCMU', clockRate: 8_000, channels: 1 };
const opus: SdpCodec = { payloadType: 97, name: 'opus', clockRate: 48_000, channels: 2, fmtp: 'useinbandfec=1' };
const key = '1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
const origin = { address: '192.0.2.10', sessionVersion: 1, origin: '4711' };

const read = (text: string): Sdp => {
  const value = readSdp(text);
  if (typeof value === 'string') throw new Error(value);
  return value;
};

t.test('an offer to record has per stream one labelled sendonly line (RFC 7866 §7.1.1)', (t) => {
  const media: RecordingOfferMedia[] = [
    { port: 40_000, label: '1', protocol: 'RTP/SAVP', codecs: [pcmu], crypto: [key], direction: 'sendonly', ptimeMs: 20 },
    { port: 40_002, label: '2', protocol: 'RTP/AVP', codecs: [opus], crypto: [], direction: 'inactive' },
  ];
  t.equal(
    encodeRecordingOffer({ ...origin, media }),
    [
      'v=0', 'o=- 4711 1 IN IP4 192.0.2.10', 's=-', 'c=IN IP4 192.0.2.10', 't=0 0',
      'm=audio 40000 RTP/SAVP 0', 'a=rtpmap:0 PCMU/8000', `a=crypto:${key}`, 'a=ptime:20', 'a=rtcp-mux', 'a=sendonly', 'a=label:1',
      'm=audio 40002 RTP/AVP 97', 'a=rtpmap:97 opus/48000/2', 'a=fmtp:97 useinbandfec=1', 'a=rtcp-mux', 'a=inactive', 'a=label:2', '',
    ].join('\r\n'),
  );
  t.end();
});

t.test('what an offer says is read back', (t) => {
  const codec = fc.record(
    {
      payloadType: fc.integer({ min: 96, max: 127 }),
      name: fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/),
      clockRate: fc.constantFrom(8_000, 16_000, 48_000),
      channels: fc.constantFrom(1, 2),
      fmtp: fc.stringMatching(/^[a-z]{1,5}=[0-9]{1,3}(;[a-z]{1,4}=1)?$/),
    },
    { requiredKeys: ['payloadType', 'name', 'clockRate', 'channels'], noNullPrototype: true },
  );
  const media = fc.record<RecordingOfferMedia>({
    port: fc.integer({ min: 1, max: 65_534 }),
    label: fc.stringMatching(/^[A-Za-z0-9_]{1,8}$/),
    protocol: fc.constantFrom('RTP/AVP', 'RTP/SAVP'),
    codecs: fc.uniqueArray(codec, { minLength: 1, maxLength: 4, selector: ({ payloadType }) => payloadType }),
    crypto: fc.array(fc.stringMatching(/^[0-9] AES_CM_128_HMAC_SHA1_(80|32) inline:[A-Za-z0-9+/]{40}$/), { maxLength: 2 }),
    direction: fc.constantFrom('sendonly', 'inactive'),
    ptimeMs: fc.constantFrom(10, 20, 30),
    lossSummaries: fc.constantFrom(undefined, true),
  });
  holds(t, fc.tuple(fc.array(media, { minLength: 1, maxLength: 6 }), fc.constantFrom('192.0.2.10', '2001:db8::10')), ([offered, address]) => {
    const value = read(encodeRecordingOffer({ ...origin, address, media: offered }));
    assert.deepEqual(
      value.media.map(({ port, label, protocol, codecs, crypto, direction, ptimeMs, lossSummaries }) => ({ port, label, protocol, codecs, crypto, direction, ptimeMs, lossSummaries })),
      offered.map((line) => ({ ...line })),
    );
    return value.media.every((line) => line.rtcpMux && line.rtcpPort === line.port && line.address === address);
  }, 50);
  t.end();
});

const offer = read(
  [
    'v=0', 'o=- 1 1 IN IP4 192.0.2.20', 's=-', 'c=IN IP4 192.0.2.20', 't=0 0',
    'm=audio 5000 RTP/SAVP 0 97', 'a=rtpmap:97 opus/48000/2', `a=crypto:${key}`, 'a=rtcp-mux', 'a=sendonly', 'a=label:1',
    'm=audio 5002 RTP/AVP 0', 'a=inactive', 'a=label:2',
    'm=image 5004 udptl t38', 'a=sendonly',
    'm=audio 0 RTP/AVP 8',
    'm=audio 5006 RTP/AVP 0',
  ].join('\r\n'),
);
const accept: RecordingAnswerMedia = { port: 41_000, codecs: [pcmu], rtcpMux: true, direction: 'recvonly' };

t.test('an answer has the offer\'s lines in its order, refused ones with port 0 (RFC 3264 §6)', (t) => {
  t.equal(
    encodeRecordingAnswer(offer, { ...origin, media: [{ ...accept, crypto: key }, accept, undefined, accept, accept] }),
    [
      'v=0', 'o=- 4711 1 IN IP4 192.0.2.10', 's=-', 'c=IN IP4 192.0.2.10', 't=0 0',
      'm=audio 41000 RTP/SAVP 0', 'a=rtpmap:0 PCMU/8000', `a=crypto:${key}`, 'a=rtcp-mux', 'a=x-reports-written', 'a=recvonly',
      'm=audio 41000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=x-reports-written', 'a=inactive',
      'm=image 0 udptl t38',
      'm=audio 0 RTP/AVP 8',
      'm=audio 41000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=x-reports-written', 'a=recvonly', '',
    ].join('\r\n'),
  );
  t.end();
});

t.test('that reports tell what is written is said of each line that they are sent for: not of SRTP without a key of ours', (t) => {
  const answer = encodeRecordingAnswer(offer, { ...origin, media: [accept, accept, undefined, accept, accept] });
  t.strictSame([0, 1, 2, 3, 4, 5].map((index) => reportsWritten(answer, index)), [false, true, false, false, true, false]);
  t.end();
});

t.test('rtcp-mux is answered only where it was offered (RFC 5761 §5.1.1)', (t) => {
  const answered = read(encodeRecordingAnswer(offer, { ...origin, media: offer.media.map(() => accept) }));
  t.strictSame(answered.media.map(({ rtcpMux }) => rtcpMux), [true, false, false, false, false]);
  t.end();
});

t.test('an answer of another length, media without codec and a value with a line end are bugs', (t) => {
  t.throws(() => encodeRecordingAnswer(offer, { ...origin, media: [accept] }));
  t.throws(() => encodeRecordingOffer({ ...origin, media: [{ port: 1, label: '1', protocol: 'RTP/AVP', codecs: [], crypto: [], direction: 'sendonly' }] }));
  t.throws(() => encodeRecordingOffer({ ...origin, media: [{ port: 1, label: '1\r\na=x', protocol: 'RTP/AVP', codecs: [pcmu], crypto: [], direction: 'sendonly' }] }));
  t.end();
});

t.test('media over a WebSocket: the client connects, and the answer says where to (RFC 8124, RFC 4145 §4)', (t) => {
  const l16 = { payloadType: 96, name: 'L16', clockRate: 8_000, channels: 1 };
  const text = encodeRecordingOffer({ ...origin, media: [{ port: 9, label: '1', protocol: 'TCP/WS', codecs: [l16], crypto: [], direction: 'sendonly', ptimeMs: 20 }] });
  t.match(text.split('\r\n'), ['v=0', /^o=/, 's=-', /^c=/, 't=0 0', 'm=audio 9 TCP/WS 96', 'a=rtpmap:96 L16/8000', 'a=ptime:20', 'a=setup:active', 'a=connection:new', 'a=sendonly', 'a=label:1']);
  const offered = read(text);
  t.match(offered.media, [{ protocol: 'TCP/WS', codecs: [l16], rtcpMux: false, label: '1' }]);
  for (const webSocket of ['ws://192.0.2.1:8090/audio/x', 'wss://rec.example/audio/x']) {
    const answered = encodeRecordingAnswer(offered, { ...origin, media: [{ port: 8_090, codecs: [l16], rtcpMux: true, direction: 'recvonly', webSocket }] });
    t.match(answered, `a=setup:passive\r\na=connection:new\r\na=${webSocket.split(':')[0]}-uri:${webSocket}\r\n`);
    t.match(read(answered).media, [{ webSocket, direction: 'recvonly' }]);
    t.notMatch(answered, 'rtcp-mux');
  }
  t.end();
});
