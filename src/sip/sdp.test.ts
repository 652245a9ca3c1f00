import fc from 'fast-check';
import t from 'tap';

import { anyText, cpuMs, holds, mutated } from './generated.fixture.js';
import { readSdp, sdpRejects, type Sdp } from './sdp.js';

const sdp = (...lines: string[]): string => lines.join('\r\n') + '\r\n';

const plain = sdp(
  'v=0',
  'o=alice 2890844526 2890844526 IN IP4 192.0.2.1',
  's=-',
  'c=IN IP4 192.0.2.1',
  't=0 0',
  'm=audio 49170 RTP/AVP 0 8 97 101',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:97 opus/48000/2',
  'a=fmtp:97 useinbandfec=1; stereo=0',
  'a=rtpmap:101 telephone-event/8000',
  'a=fmtp:101 0-15',
  'a=ptime:20',
  'm=video 51372 RTP/AVP 31',
  'c=IN IP4 192.0.2.2/127',
  'a=rtpmap:31 H261/90000',
  'a=rtcp:51400 IN IP4 192.0.2.3',
  'a=recvonly',
);

const read = (text: string): Sdp => {
  const value = readSdp(text);
  if (typeof value === 'string') throw new Error(value);
  return value;
};

t.test('an offer in the manner of RFC 3264 §10.1 is read whole', (t) => {
  const { media, sessionAddress } = read(plain);
  t.equal(sessionAddress, '192.0.2.1');
  t.strictSame(media[0], {
    index: 0,
    kind: 'audio',
    protocol: 'RTP/AVP',
    address: '192.0.2.1',
    port: 49_170,
    rtcpPort: 49_171,
    rtcpAddress: '192.0.2.1',
    rtcpMux: false,
    direction: 'sendrecv',
    codecs: [
      { payloadType: 0, name: 'PCMU', clockRate: 8_000, channels: 1 },
      { payloadType: 8, name: 'PCMA', clockRate: 8_000, channels: 1 },
      { payloadType: 97, name: 'opus', clockRate: 48_000, channels: 2, fmtp: 'useinbandfec=1; stereo=0' },
      { payloadType: 101, name: 'telephone-event', clockRate: 8_000, channels: 1, fmtp: '0-15' },
    ],
    crypto: [],
    ptimeMs: 20,
    formats: ['0', '8', '97', '101'],
  });
  t.match(media[1], {
    index: 1, kind: 'video', address: '192.0.2.2', rtcpPort: 51_400, rtcpAddress: '192.0.2.3', direction: 'recvonly',
  });
  t.end();
});

t.test('line ends may be CRLF, LF or CR', (t) => {
  t.strictSame(read(plain.replaceAll('\r\n', '\n')), read(plain));
  t.strictSame(read(plain.replaceAll('\r\n', '\r')), read(plain));
  t.strictSame(read(plain.trimEnd()), read(plain), 'nor need the last line end');
  t.end();
});

t.test('RFC 3551 names payload types that no rtpmap does; an unknown one is left out', (t) => {
  const [media] = read(sdp('v=0', 'c=IN IP4 192.0.2.1', 'm=audio 4000 RTP/AVP 18 9 13 19 3 4 96 0 0', 'a=rtpmap:9')).media;
  t.strictSame(
    media?.codecs.map(({ payloadType, name, clockRate }) => `${payloadType} ${name}/${clockRate}`),
    ['18 G729/8000', '9 G722/8000', '13 CN/8000', '19 CN/8000', '3 GSM/8000', '4 G723/8000', '0 PCMU/8000'],
  );
  t.end();
});

t.test('an rtpmap overrules RFC 3551, and one without a rate takes it from there', (t) => {
  const [media] = read(sdp('v=0', 'm=audio 4000 RTP/AVP 0 8 98', 'a=rtpmap:0 L16/16000', 'a=rtpmap:8 PCMA', 'a=rtpmap:98 iLBC')).media;
  t.match(media?.codecs, [
    { name: 'L16', clockRate: 16_000 },
    { name: 'PCMA', clockRate: 8_000 },
    { name: 'iLBC', clockRate: 8_000 },
  ]);
  t.end();
});

t.test('the RTCP port: a=rtcp, else the RTP port under rtcp-mux, else the next (RFC 3605, RFC 5761)', (t) => {
  const portOf = (port: number, ...lines: string[]): number | undefined =>
    read(sdp('v=0', 'c=IN IP4 192.0.2.1', `m=audio ${port} RTP/AVP 0`, ...lines)).media[0]?.rtcpPort;
  t.equal(portOf(4_000), 4_001);
  t.equal(portOf(4_000, 'a=rtcp-mux'), 4_000);
  t.equal(portOf(4_000, 'a=rtcp:4009', 'a=rtcp-mux'), 4_009);
  t.equal(portOf(4_000, 'a=rtcp:99999'), 4_001);
  t.equal(portOf(0), 0, 'no media, no RTCP');
  t.equal(portOf(65_535), 0, 'there is no next port');
  t.end();
});

t.test('crypto lines come as received, with all session parameters (RFC 4568 §9.1)', (t) => {
  const lines = [
    '1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_ORDER=FEC_SRTP KDR=1',
    '2 AEAD_AES_256_GCM inline:bm90IGEga2V5IGF0IGFsbCwganVzdCB0ZXh0IG9mIHRoZSBsZW5ndGggdGhhdCBp',
  ];
  const { media } = read(sdp('v=0', 'm=audio 4000 RTP/SAVP 0', ...lines.map((line) => `a=crypto:${line}`), 'm=audio 4002 RTP/AVP 0'));
  t.strictSame(media[0]?.crypto, lines);
  t.strictSame(media[1]?.crypto, []);
  t.end();
});

t.test('who asks for loss summaries says so in a=rtcp-xr (RFC 3611 §5.1)', (t) => {
  const asks = (attribute: string): boolean | undefined => read(`m=audio 4000 RTP/AVP 0\r\n${attribute}\r\n`).media[0]?.lossSummaries;
  for (const asked of ['stat-summary=loss', 'stat-summary=dup,loss,jitt', 'stat-summary', 'rcvr-rtt=all:10000 stat-summary=loss,TTL voip-metrics']) t.equal(asks(`a=rtcp-xr:${asked}`), true, asked);
  for (const other of ['stat-summary=dup', 'stat-summary=losses', 'pkt-loss-rle', '']) t.equal(asks(`a=rtcp-xr:${other}`), undefined, other);
  t.equal(asks('a=label:1'), undefined);
  t.end();
});

t.test('a direction of the session holds for media without one (RFC 8866 §6.7)', (t) => {
  const { media } = read(sdp('v=0', 'a=inactive', 'm=audio 4000 RTP/AVP 0', 'm=audio 4002 RTP/AVP 0', 'a=sendonly '));
  t.strictSame(media.map(({ direction }) => direction), ['inactive', 'sendonly']);
  t.end();
});

t.test('a hold of RFC 2543 shows as address 0.0.0.0, a missing c= as none', (t) => {
  t.equal(read(sdp('v=0', 'c=IN IP4 0.0.0.0', 'm=audio 4000 RTP/AVP 0')).media[0]?.address, '0.0.0.0');
  const { media, sessionAddress } = read(sdp('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 'm=audio 4000 RTP/AVP 0'));
  t.equal(media[0]?.address, '');
  t.equal(sessionAddress, undefined);
  t.end();
});

t.test('labels are text, however much they look like numbers', (t) => {
  const labels = ['1', '01', '16777227', 'a_leg', '1e3'];
  const { media } = read(sdp('v=0', ...labels.flatMap((label) => ['m=audio 4000 RTP/AVP 0', `a=label:${label}`])));
  t.strictSame(media.map(({ label }) => label), labels);
  t.end();
});

t.test('media that are not RTP keep their formats and have no codecs', (t) => {
  const { media } = read(sdp('v=0', 'c=IN IP6 2001:db8::1', 'm=image 4000/2 udptl t38', 'm=audio 0 RTP/AVP 0'));
  t.match(media[0], { kind: 'image', protocol: 'udptl', port: 4_000, formats: ['t38'], address: '2001:db8::1' });
  t.strictSame(media[0]?.codecs, []);
  t.equal(media[1]?.port, 0);
  t.end();
});

t.test('what cannot be read is refused by reason', (t) => {
  const rejects: readonly (readonly [string, (typeof sdpRejects)[number]])[] = [
    ['', 'empty'],
    [' \r\n', 'empty'],
    ['x'.repeat(65_537), 'too-long'],
    ['hello', 'malformed'],
    ['<xml/>', 'malformed'],
    ['v=0\r\ns=-\r\n', 'no-media'],
    ['v=0\r\nm=audio\r\n', 'malformed'],
    ['v=0\r\nm=audio x RTP/AVP 0\r\n', 'malformed'],
    ['v=0\r\nm=audio 65536 RTP/AVP 0\r\n', 'malformed'],
    ['v=0\r\nm=audio 4000\r\n', 'malformed'],
    [`v=0\r\n${'m=audio 4000 RTP/AVP 0\r\n'.repeat(33)}`, 'too-many-media'],
  ];
  for (const [text, reason] of rejects) t.equal(readSdp(text), reason, JSON.stringify(text).slice(0, 60));
  t.strictSame([...new Set(rejects.map(([, reason]) => reason))].sort(), [...sdpRejects].sort(), 'every reason occurs');
  t.end();
});

t.test('no text makes the reader throw', (t) => {
  holds(
    t,
    fc.oneof(anyText, mutated([plain])),
    (text) => {
      const value = readSdp(text);
      if (typeof value === 'string') return sdpRejects.includes(value);
      return value.media.every(
        ({ port, rtcpPort, codecs }) =>
          Number.isInteger(port) && port <= 65_535 && Number.isInteger(rtcpPort) && rtcpPort <= 65_535 &&
          codecs.every(({ payloadType, clockRate, channels }) => payloadType <= 127 && clockRate > 0 && channels > 0),
      );
    },
    1_000,
  );
  t.end();
});

t.test('hostile lines of the greatest length are read in well below a second', (t) => {
  const fill = (head: string, unit: string): string =>
    `v=0\r\nm=audio 4000 RTP/AVP 0\r\n${head}${unit.repeat(60_000 / unit.length)}`;
  for (const text of [
    fill('a=imageattr:97 send [', 'x] ['),
    fill('a=rtpmap:0 ', ' '),
    fill('a=fmtp:0 ', '|'),
    fill('a=ptime:', '1.'),
    fill('m=', ' '),
    fill('c=IN IP4 ', '/'),
    fill('', 'a=\r\n'),
    fill('', 'a=rtpmap:0 PCMU/8000\r\n'),
    `v=0\r\nm=audio 4000 RTP/AVP ${'0 '.repeat(30_000)}`,
  ]) {
    t.ok(cpuMs(() => readSdp(text)) < 500, text.slice(28, 60));
  }
  t.end();
});
