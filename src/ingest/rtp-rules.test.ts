import fc from 'fast-check';
import t from 'tap';
import { parseRtpRule } from './rtp-rules.js';

t.test('address, codecs, side', (t) => {
  t.strictSame(parseRtpRule('10.0.0.1:4000=PCMU,caller'), { host: '10.0.0.1', port: 4_000, codecs: [{ payloadType: 0, name: 'PCMU', clockRate: 8_000, channels: 1 }], side: 'caller' });
  t.strictSame(parseRtpRule('[2001:db8::1]:4000=opus@111,telephone-event@101'), {
    host: '2001:db8::1',
    port: 4_000,
    codecs: [{ payloadType: 111, name: 'opus', clockRate: 48_000, channels: 2 }, { payloadType: 101, name: 'telephone-event', clockRate: 8_000, channels: 1 }],
    side: undefined,
  });
  t.match(parseRtpRule('h:1=l16/16000/1@97,callee'), { codecs: [{ name: 'L16', clockRate: 16_000, channels: 1, payloadType: 97 }], side: 'callee' });
  t.match(parseRtpRule('h:1=speex/32000@98'), { codecs: [{ name: 'speex', clockRate: 32_000 }] });
  t.match(parseRtpRule('h:1=g722'), { codecs: [{ name: 'G722', payloadType: 9, clockRate: 8_000 }] });
  t.end();
});

t.test('what is wrong', (t) => {
  const rejects: Record<string, RegExp> = {
    PCMU: /ADDRESS:PORT=/,
    '10.0.0.1=PCMU': /ADDRESS:PORT=/,
    '10.0.0.1:70000=PCMU': /ADDRESS:PORT=/,
    '10.0.0.1:4000=caller': /names no codec/,
    '10.0.0.1:4000=opus': /opus@ and the number/,
    '10.0.0.1:4000=PCMU@200': /up to 127/,
    '10.0.0.1:4000=PCMU,,': /is no codec/,
    '10.0.0.1:4000=PC MU': /is no codec/,
  };
  for (const [text, reason] of Object.entries(rejects)) t.match(parseRtpRule(text), reason, text);
  t.end();
});

t.test('any text gives a rule or a reason', (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `10.0.0.1:4000=${text}`)), (text) => ['string', 'object'].includes(typeof parseRtpRule(text))));
  t.end();
});
