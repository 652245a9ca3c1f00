import t from 'tap';
import type { CryptoLine } from '../media/index.js';
import { encodePhoneSdp, readFarEnd } from './phone-sdp.js';

const crypto: CryptoLine = { tag: 3, suite: 'AES_CM_128_HMAC_SHA1_80', keySalt: Buffer.alloc(30, 7), sessionParameters: [] };

t.test('what one phone writes another reads', (t) => {
  for (const codec of ['PCMU', 'PCMA'] as const) {
    for (const key of [undefined, crypto]) {
      const far = readFarEnd(encodePhoneSdp({ address: '127.0.0.1', rtpPort: 4_000, codec, crypto: key }));
      t.match(far, { codec, media: { address: '127.0.0.1', port: 4_000, rtcpPort: 4_001, direction: 'sendrecv', ptimeMs: 20, protocol: key === undefined ? 'RTP/AVP' : 'RTP/SAVP' } });
      t.strictSame(far.crypto, key);
    }
  }
  t.end();
});

t.test('an IPv6 address is written as one', (t) => {
  const sdp = encodePhoneSdp({ address: '::1', rtpPort: 4_000, codec: 'PCMU', crypto: undefined });
  t.match(sdp, /c=IN IP6 ::1\r\n/);
  t.equal(readFarEnd(sdp).media.address, '::1');
  t.end();
});

t.test('the first codec that the phone speaks is taken, in any case of its name', (t) => {
  t.match(readFarEnd('v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 9 96 8\r\na=rtpmap:96 pcmu/8000\r\n'), { codec: 'PCMU' });
  t.end();
});

t.test('an answer without G.711, without audio, or with a key that cannot be read fails the call', (t) => {
  const good = encodePhoneSdp({ address: '127.0.0.1', rtpPort: 4_000, codec: 'PCMU', crypto });
  for (const sdp of ['', 'nonsense', good.replace('m=audio 4000', 'm=audio 0'), good.replace('PCMU/8000', 'G729/8000'), good.replace(/inline:\S+/, 'inline:AAAA')]) {
    t.throws(() => readFarEnd(sdp), { code: 'CALL_FAILED' });
  }
  t.notMatch(String((() => { try { return readFarEnd(good.replace('inline:Bw', 'inline:!secret')); } catch (error) { return error; } })()), 'secret');
  t.end();
});
