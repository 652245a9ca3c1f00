import fc from 'fast-check';
import t from 'tap';
import { readSdp, type SdpMedia } from '../../sip/index.js';
import { carriedAudio, passedOn } from './media-description.js';

const sdp = (...lines: readonly string[]): string => ['v=0', 'o=FreeSWITCH 17 5 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...lines, ''].join('\r\n');

function carried(text: string): SdpMedia | string {
  const read = readSdp(text);
  return typeof read === 'string' ? read : carriedAudio(read, text);
}

t.test('one audio line in clear is carried, beside lines that are refused already', (t) => {
  t.match(carried(sdp('m=audio 4000 RTP/AVP 0')), { port: 4_000 });
  t.match(carried(sdp('m=image 0 udptl t38', 'm=audio 4000 RTP/AVPF 0 101')), { port: 4_000, index: 1 });
  t.end();
});

for (const [what, lines, why] of [
  ['SRTP', ['m=audio 4000 RTP/SAVP 0', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x'], /encrypted/u],
  ['SRTP that is offered beside RTP', ['m=audio 4000 RTP/AVP 0', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x'], /encrypted/u],
  ['DTLS-SRTP', ['m=audio 4000 UDP/TLS/RTP/SAVPF 0', 'a=fingerprint:sha-256 00'], /encrypted/u],
  ['DTLS-SRTP that is offered beside RTP', ['m=audio 4000 RTP/AVP 0', 'a=fingerprint:sha-256 00'], /encrypted/u],
  ['video', ['m=audio 4000 RTP/AVP 0', 'm=video 4002 RTP/AVP 96'], /it has video/u],
  ['a fax in T.38', ['m=image 4000 udptl t38'], /it has image/u],
  ['two audio lines', ['m=audio 4000 RTP/AVP 0', 'm=audio 4002 RTP/AVP 0'], /2 audio lines/u],
  ['nothing but refused lines', ['m=audio 0 RTP/AVP 0'], /no media/u],
] as const) {
  t.test(`${what} is not carried, and it is said why`, (t) => {
    const said = carried(sdp(...lines));
    t.type(said, 'string');
    t.match(said, why);
    t.notMatch(said, 'inline');
    t.end();
  });
}

t.test("what goes on is FreeSWITCH's, with the direction of the other party in the audio, and a version of ours", (t) => {
  const text = sdp('a=recvonly', 'm=audio 4000 RTP/AVP 0', 'a=sendrecv', 'a=ptime:20', 'm=video 0 RTP/AVP 96');
  t.equal(
    passedOn(text, 'sendonly', 9),
    ['v=0', 'o=FreeSWITCH 17 9 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', 'm=audio 4000 RTP/AVP 0', 'a=ptime:20', 'a=sendonly', 'm=video 0 RTP/AVP 96', ''].join('\r\n'),
  );
  t.end();
});

t.test('whatever direction there was, the one that goes on is the one that was given', (t) => {
  const direction = fc.constantFrom('sendrecv', 'sendonly', 'recvonly', 'inactive');
  fc.assert(
    fc.property(direction, direction, fc.boolean(), (before, given, lineFeeds) => {
      const text = sdp('m=audio 4000 RTP/AVP 0', `a=${before}`);
      const read = readSdp(passedOn(lineFeeds ? text.replaceAll('\r', '') : text, given, 1));
      return typeof read !== 'string' && read.media.length === 1 && read.media[0]?.direction === given && read.media[0].port === 4_000;
    }),
  );
  t.end();
});
