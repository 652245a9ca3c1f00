import fc from 'fast-check';
import t from 'tap';

import { anyText, holds, mutated } from './generated.fixture.js';
import { rewriteSdp, type AnchoredMedia } from './rewrite-sdp.js';
import { readSdp } from './sdp.js';

const sdp = (...lines: string[]): string => lines.join('\r\n') + '\r\n';
const anchor = (rtpPort: number, address = '198.51.100.7'): AnchoredMedia => ({ address, rtpPort, rtcpPort: rtpPort + 1 });

const offer = sdp(
  'v=0',
  'o=alice 2890844526 2890844527 IN IP4 192.0.2.1',
  's=A call',
  'c=IN IP4 192.0.2.1',
  'b=AS:128',
  't=0 0',
  'a=ice-lite',
  'a=group:BUNDLE 1 2',
  'm=audio 49170 RTP/SAVP 0 101',
  'a=rtpmap:0 PCMU/8000',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz',
  'a=rtcp:53020 IN IP4 192.0.2.9',
  'a=rtcp-fb:* nack',
  'a=candidate:1 1 UDP 2130706431 192.0.2.1 49170 typ host',
  'a=ice-ufrag:8hhY',
  'a=ice-pwd:asd88fgpdd777uzjYhagZg',
  'a=ice-options:trickle',
  'a=remote-candidates:1 192.0.2.3 45664',
  'a=end-of-candidates',
  'a=x-unknown:  spaced  ',
  'm=audio 49180 RTP/AVP 8',
  'c=IN IP4 192.0.2.2',
  'a=rtcp:49999',
);

t.test('every line that names an address names the anchor, ICE is gone, the rest is as it came', (t) => {
  t.equal(
    rewriteSdp(offer, [anchor(40_000), anchor(40_010, '198.51.100.8')]),
    sdp(
      'v=0',
      'o=alice 2890844526 2890844527 IN IP4 192.0.2.1',
      's=A call',
      'c=IN IP4 198.51.100.7',
      'b=AS:128',
      't=0 0',
      'a=group:BUNDLE 1 2',
      'm=audio 40000 RTP/SAVP 0 101',
      'a=rtpmap:0 PCMU/8000',
      'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz',
      'a=rtcp:40001 IN IP4 198.51.100.7',
      'a=rtcp-fb:* nack',
      'a=x-unknown:  spaced  ',
      'm=audio 40010 RTP/AVP 8',
      'c=IN IP4 198.51.100.8',
      'a=rtcp:40011',
    ),
  );
  t.end();
});

t.test('an IPv6 anchor is written as IP6', (t) => {
  const { media, sessionAddress } = readSdp(rewriteSdp(offer, [anchor(40_000, '2001:db8::7')])) as Exclude<ReturnType<typeof readSdp>, string>;
  t.equal(sessionAddress, '2001:db8::7');
  t.equal(media[0]?.rtcpAddress, '2001:db8::7');
  t.match(rewriteSdp(offer, [anchor(40_000, '2001:db8::7')]), 'c=IN IP6 2001:db8::7\r\n');
  t.end();
});

t.test('a hold of RFC 2543 stays a hold while the ports move (RFC 3264 §8.4)', (t) => {
  const held = sdp('v=0', 'c=IN IP4 0.0.0.0', 'm=audio 49170 RTP/AVP 0', 'm=audio 49172 RTP/AVP 0', 'c=IN IP4 0.0.0.0');
  t.equal(
    rewriteSdp(held, [anchor(40_000), anchor(40_002)]),
    sdp('v=0', 'c=IN IP4 0.0.0.0', 'm=audio 40000 RTP/AVP 0', 'm=audio 40002 RTP/AVP 0', 'c=IN IP4 0.0.0.0'),
  );
  t.end();
});

t.test('media of port 0 stay of port 0', (t) => {
  const text = sdp('v=0', 'c=IN IP4 192.0.2.1', 'm=audio 0 RTP/AVP 0', 'c=IN IP4 192.0.2.1', 'm=audio 4000 RTP/AVP 0');
  t.equal(
    rewriteSdp(text, [anchor(40_000), anchor(40_002)]),
    sdp('v=0', 'c=IN IP4 198.51.100.7', 'm=audio 0 RTP/AVP 0', 'c=IN IP4 192.0.2.1', 'm=audio 40002 RTP/AVP 0'),
  );
  t.end();
});

t.test('media at two anchors get a c= of their own where the session has another', (t) => {
  const text = sdp('v=0', 'c=IN IP4 192.0.2.1', 't=0 0', 'm=audio 4000 RTP/AVP 0', 'i=one', 'b=AS:64', 'm=audio 4002 RTP/AVP 0', 'i=two', 'b=AS:64');
  t.equal(
    rewriteSdp(text, [anchor(40_000), anchor(40_002, '2001:db8::8')]),
    sdp(
      'v=0', 'c=IN IP4 198.51.100.7', 't=0 0', 'm=audio 40000 RTP/AVP 0', 'i=one', 'b=AS:64',
      'm=audio 40002 RTP/AVP 0', 'i=two', 'c=IN IP6 2001:db8::8', 'b=AS:64',
    ),
    'after i= (RFC 8866 §5)',
  );
  t.end();
});

t.test('media that are not anchored keep the address that the session gave them', (t) => {
  const text = sdp('v=0', 'c=IN IP4 192.0.2.1', 'm=audio 4000 RTP/AVP 0', 'm=image 4002 udptl t38');
  t.equal(
    rewriteSdp(text, [anchor(40_000), undefined]),
    sdp('v=0', 'c=IN IP4 198.51.100.7', 'm=audio 40000 RTP/AVP 0', 'm=image 4002 udptl t38', 'c=IN IP4 192.0.2.1'),
  );
  t.equal(rewriteSdp(text, []), text);
  t.end();
});

t.test('an SDP without any c= gets one, and its line ends and missing last one are kept', (t) => {
  t.equal(
    rewriteSdp('v=0\nm=audio 4000/2 RTP/AVP 0\na=sendonly', [anchor(40_000)]),
    'v=0\nm=audio 40000 RTP/AVP 0\nc=IN IP4 198.51.100.7\na=sendonly',
  );
  t.equal(rewriteSdp('m=audio 4000 RTP/AVP 0', [anchor(40_000)]), 'm=audio 40000 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\n');
  t.end();
});

t.test('an RTCP port that nothing implies is told (RFC 3605)', (t) => {
  const text = (...lines: string[]): string => sdp('v=0', 'c=IN IP4 192.0.2.1', 'm=audio 4000 RTP/AVP 0', ...lines);
  const to = (rtcpPort: number): AnchoredMedia[] => [{ address: '198.51.100.7', rtpPort: 40_000, rtcpPort }];
  t.match(rewriteSdp(text(), to(40_005)), /\r\na=rtcp:40005\r\n$/);
  t.match(rewriteSdp(text(), to(40_000)), /\r\na=rtcp:40000\r\n$/);
  t.notMatch(rewriteSdp(text(), to(40_001)), 'a=rtcp:');
  t.notMatch(rewriteSdp(text('a=rtcp-mux'), to(40_000)), 'a=rtcp:', 'rtcp-mux implies the same port');
  t.match(rewriteSdp(text('a=rtcp:4001'), to(40_005)), /RTP\/AVP 0\r\na=rtcp:40005\r\n$/, 'once');
  t.end();
});

const lineText = fc.oneof(
  fc.constantFrom('v=0', 'o=- 1 2 IN IP4 192.0.2.1', 's=x', 't=0 0', 'b=AS:64', 'i=info', 'k=clear:x', 'a=rtpmap:0 PCMU/8000', 'a=sendonly',
    'a=rtcp-fb:* nack', 'a=rtcp-mux', 'a=rtcp-xr', 'a=icecream', 'a=candidates', 'a=setup:actpass', 'a=crypto:1 X inline:y', '', ' ', 'a=candidate'),
  fc.string({ maxLength: 20 }).filter((text) => !/^(?:[mc]=|a=rtcp:|a=ice-|a=candidate:|a=remote-c|a=end-of)|[\r\n]/.test(text)),
);
const moved = fc.constantFrom('m=audio 4000 RTP/AVP 0', 'm=video 5000 RTP/AVP 31', 'm=audio 0 RTP/AVP 0', 'c=IN IP4 192.0.2.1',
  'c=IN IP4 0.0.0.0', 'a=rtcp:5', 'a=rtcp:5 IN IP4 192.0.2.1', 'a=candidate:1 1 UDP 1 x 1 typ host', 'a=ice-ufrag:x', 'a=end-of-candidates');
const textOfLines = fc.array(fc.tuple(fc.oneof(lineText, moved), fc.constantFrom('\r\n', '\n', '\r')), { maxLength: 30 });
const moving = /^(?:[mc]=|a=rtcp:|a=ice-|a=candidate:|a=remote-candidates:|a=end-of-candidates)/;

const otherLines = (text: string): string =>
  (text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? []).filter((line) => !moving.test(line)).join('');

t.test('all other lines stay byte for byte and in order', (t) => {
  const anchors = fc.array(fc.option(fc.constantFrom(anchor(40_000), anchor(40_010, '2001:db8::1'), { ...anchor(40_020), rtcpPort: 7 }), { nil: undefined }));
  holds(
    t,
    // A CR before an LF is one line end; two lines must not melt into one in the making of the text.
    fc.tuple(textOfLines.map((lines) => lines.map(([line, end]) => line + end).join('').replaceAll('\r\n', '\n').replaceAll('\n', '\r\n')), anchors),
    ([text, media]) => {
      const rewritten = rewriteSdp(text, media);
      return otherLines(rewritten) === otherLines(text) && rewritten.split(/m=/).length === text.split(/m=/).length;
    },
    1_000,
  );
  t.end();
});

t.test('after rewriting, every live anchored media is at its anchor and no address of the offer is left there', (t) => {
  holds(t, textOfLines.map((lines) => lines.map(([line]) => line).join('\r\n')), (text) => {
    const before = readSdp(text);
    if (typeof before === 'string') return true;
    const after = readSdp(rewriteSdp(text, before.media.map(({ index }) => anchor(40_000 + 2 * index, index % 2 === 0 ? '198.51.100.7' : '2001:db8::7'))));
    if (typeof after === 'string') return false;
    return after.media.every(({ index, port, address }) => {
      const was = before.media[index];
      if (was === undefined || was.port === 0) return port === 0;
      const held = was.address === '0.0.0.0';
      return port === 40_000 + 2 * index && address === (held ? '0.0.0.0' : index % 2 === 0 ? '198.51.100.7' : '2001:db8::7');
    });
  }, 1_000);
  t.end();
});

t.test('no text makes the rewriter throw, and without anchors it only takes ICE out', (t) => {
  holds(t, fc.oneof(anyText, mutated([offer])), (text) => {
    rewriteSdp(text, [anchor(40_000), undefined, anchor(40_002)]);
    return /^a=(?:ice-|candidate:|remote-candidates:|end-of-candidates)/m.test(text) || rewriteSdp(text, []) === text;
  }, 500);
  t.end();
});
