import t from 'tap';
import { readSdp, type SdpMedia } from '../sip/index.js';
import { answeredCodecs, offeredCodecs, rejectOfAll, securityOf } from './line-answer.js';

const line = (mLine: string, ...attributes: readonly string[]): SdpMedia => {
  const read = readSdp(['v=0', `m=${mLine}`, ...attributes.map((attribute) => `a=${attribute}`)].join('\r\n'));
  if (typeof read === 'string' || read.media[0] === undefined) throw new Error('no media');
  return read.media[0];
};
const types = (media: SdpMedia, preference?: Parameters<typeof answeredCodecs>[1]): number[] => answeredCodecs(media, preference).map(({ payloadType }) => payloadType);
const random = (bytes: number): Buffer => Buffer.alloc(bytes, 7);

const broadWorks = line('audio 9 RTP/AVP 8 101 0 9 18 110', 'rtpmap:101 telephone-event/8000', 'rtpmap:110 EVS/16000');

t.test("what can be decoded is answered in the client's order, or in ours where one is configured; events and comfort noise stay", (t) => {
  t.strictSame(types(broadWorks), [8, 101, 0, 9, 18]);
  t.strictSame(types(broadWorks, ['G722', 'PCMU']), [9, 0, 101]);
  t.strictSame(types(broadWorks, ['opus']), [8, 101, 0, 9, 18], 'none of ours is there: better theirs than nothing');
  t.strictSame(types(line('audio 9 RTP/AVP 0 101 19', 'rtpmap:101 telephone-event/8000', 'rtpmap:19 CN/8000')), [0, 101, 19]);
  t.end();
});

t.test('a codec that cannot be decoded is taken where there is no other: its packets are kept', (t) => {
  t.strictSame(types(line('audio 9 RTP/AVP 110 101', 'rtpmap:110 EVS/16000', 'rtpmap:101 telephone-event/8000')), [110, 101]);
  t.end();
});

t.test('what we offer has each payload type once, the preferred codec first', (t) => {
  const offered = offeredCodecs(['PCMA', 'opus']);
  t.strictSame(offered.map(({ payloadType, name }) => `${payloadType} ${name}`), ['8 PCMA', '114 opus', '101 telephone-event']);
  const all = offeredCodecs(['PCMU', 'PCMA', 'G722', 'opus', 'G729', 'GSM', 'iLBC', 'L16', 'AMR', 'AMR-WB']).map(({ payloadType }) => payloadType);
  t.equal(new Set(all).size, 11);
  t.end();
});

const key = `inline:${Buffer.alloc(30, 1).toString('base64')}`;

t.test('SRTP is answered with a key of ours, under the tag and suite of the first line that can be used (RFC 4568 §5.1.2)', (t) => {
  const media = line('audio 9 RTP/SAVP 0', 'crypto:1 F8_128_HMAC_SHA1_80 inline:xx', `crypto:2 AES_CM_128_HMAC_SHA1_32 ${key}`, `crypto:3 AES_CM_128_HMAC_SHA1_80 ${key}`);
  t.match(securityOf(media, false, random), { encrypted: true, ours: { tag: 2, suite: 'AES_CM_128_HMAC_SHA1_32', keySalt: Buffer.alloc(30, 7), sessionParameters: [] } });
  const negotiated = line('audio 9 RTP/SAVP 0', `crypto:1 AES_CM_128_HMAC_SHA1_80 ${key} KDR=1 UNENCRYPTED_SRTCP`);
  t.match(securityOf(negotiated, false, random), { ours: { sessionParameters: ['UNENCRYPTED_SRTCP'] } }, 'what both sides have to agree on is repeated (§6.3)');
  t.end();
});

t.test('a key under RTP/AVP only says what the client could do: the answer is plain RTP', (t) => {
  t.strictSame(securityOf(line('audio 9 RTP/AVP 0', `crypto:1 AES_CM_128_HMAC_SHA1_80 ${key}`), false, random), { encrypted: false });
  t.end();
});

t.test('SRTP without a key that can be used is refused, unless keys may follow; DTLS is refused', (t) => {
  for (const attributes of [[], ['crypto:1 F8_128_HMAC_SHA1_80 inline:xx'], ['crypto:nonsense']]) {
    const media = line('audio 9 RTP/SAVP 0', ...attributes);
    t.equal(securityOf(media, false, random), 'srtp-without-keys');
    t.strictSame(securityOf(media, true, random), { encrypted: true });
  }
  t.equal(securityOf(line('audio 9 UDP/TLS/RTP/SAVP 0'), true, random), 'dtls-srtp');
  t.equal(securityOf(line('audio 9 TCP/RTP/AVP 0'), true, random), 'unknown-transport');
  t.end();
});

t.test('an offer is refused where none of its lines can be recorded; one that can is enough', (t) => {
  const [plain, keyless, dtls] = [line('audio 9 RTP/AVP 0'), line('audio 9 RTP/SAVP 0'), line('audio 9 UDP/TLS/RTP/SAVP 0')];
  t.equal(rejectOfAll([keyless, dtls], false), 'srtp-without-keys');
  t.equal(rejectOfAll([keyless, plain], false), undefined);
  t.equal(rejectOfAll([keyless, dtls], true), undefined);
  t.equal(rejectOfAll([], false), undefined);
  t.end();
});
