import t from 'tap';
import { encodeCryptoLine, type CryptoLine, type SrtpSuite } from '../media/index.js';
import { readSdp, type SdpMedia } from '../sip/index.js';
import { offeredStreams } from './offered-streams.js';

const mediaOf = (...lines: string[]): SdpMedia => {
  const sdp = readSdp(['v=0', 'c=IN IP4 127.0.0.1', ...lines].join('\r\n'));
  if (typeof sdp === 'string') throw new Error(sdp);
  return sdp.media[0]!;
};
const cryptoOf = (tag: number, fill: number, suite: SrtpSuite = 'AES_CM_128_HMAC_SHA1_80'): string => {
  const line: CryptoLine = { tag, suite, keySalt: Buffer.alloc(suite === 'AES_CM_128_HMAC_SHA1_80' || suite === 'AES_CM_128_HMAC_SHA1_32' ? 30 : 46, fill), sessionParameters: [] };
  return encodeCryptoLine(line);
};

t.test('RFC 3264 §5.1: payload types are those that the receiver of the packets declared', (t) => {
  const caller = mediaOf('m=audio 4000 RTP/AVP 0 96 101', 'a=rtpmap:96 opus/48000/2', 'a=rtpmap:101 telephone-event/8000', 'a=ptime:20');
  const callee = mediaOf('m=audio 5000 RTP/AVP 111 0 100', 'a=rtpmap:111 OPUS/48000/2', 'a=rtpmap:100 telephone-event/8000', 'a=ptime:30');
  const [fromCaller, fromCallee] = offeredStreams(caller, callee);
  t.strictSame(fromCaller.codecs.map(({ payloadType, name }) => [payloadType, name.toLowerCase()]), [[111, 'opus'], [0, 'pcmu'], [100, 'telephone-event']]);
  t.strictSame(fromCallee.codecs.map(({ payloadType }) => payloadType), [0, 96, 101]);
  t.match([fromCaller, fromCallee], [{ label: '1', protocol: 'RTP/AVP', crypto: [], direction: 'sendonly', ptimeMs: 30 }, { label: '2', ptimeMs: 20 }]);
  t.end();
});

t.test('a codec that only one side knows, or knows at another rate, is not offered', (t) => {
  const caller = mediaOf('m=audio 4000 RTP/AVP 0 8 97', 'a=rtpmap:97 L16/16000');
  const callee = mediaOf('m=audio 5000 RTP/AVP 8 97', 'a=rtpmap:97 L16/8000');
  t.strictSame(offeredStreams(caller, callee).map(({ codecs }) => codecs.map(({ name }) => name)), [['PCMA'], ['PCMA']]);
  t.end();
});

t.test('RFC 4568 §5.1: each stream has the key of its sender, of several offered the one whose tag was answered', (t) => {
  const caller = mediaOf('m=audio 4000 RTP/SAVP 0', `a=crypto:${cryptoOf(1, 1, 'AES_256_CM_HMAC_SHA1_80')}`, `a=crypto:${cryptoOf(2, 2)}`);
  const callee = mediaOf('m=audio 5000 RTP/SAVP 0', `a=crypto:${cryptoOf(2, 9)}`);
  const [fromCaller, fromCallee] = offeredStreams(caller, callee);
  t.strictSame(fromCaller.crypto, [cryptoOf(2, 2)]);
  t.strictSame(fromCallee.crypto, [cryptoOf(2, 9)]);
  t.strictSame([fromCaller.protocol, fromCallee.protocol], ['RTP/SAVP', 'RTP/SAVP']);
  t.strictSame(offeredStreams(callee, caller)[1].crypto, [cryptoOf(2, 2)], 'the callee may be the one that offered');
  t.end();
});

t.test('a side that does not send, or that nobody listens to, is inactive', (t) => {
  const of = (direction: string): SdpMedia => mediaOf('m=audio 4000 RTP/AVP 0', `a=${direction}`);
  for (const [caller, callee, directions] of [
    ['sendrecv', 'sendrecv', ['sendonly', 'sendonly']],
    ['sendonly', 'recvonly', ['sendonly', 'inactive']],
    ['recvonly', 'sendonly', ['inactive', 'sendonly']],
    ['inactive', 'inactive', ['inactive', 'inactive']],
    ['sendrecv', 'sendonly', ['inactive', 'sendonly']],
  ] as const) {
    t.strictSame(offeredStreams(of(caller), of(callee)).map(({ direction }) => direction), directions, `${caller} ${callee}`);
  }
  t.end();
});
