import fc from 'fast-check';
import t from 'tap';
import { parseKeysFile } from './keys-file.js';

const key = 'inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd';
const suite = 'AES_CM_128_HMAC_SHA1_80';
const crypto = `1 ${suite} ${key}`;

t.test('every selector, with and without a=crypto and its tag', (t) => {
  const read = (line: string): unknown => {
    const parsed = parseKeysFile(line);
    return typeof parsed === 'string' ? parsed : parsed.keys;
  };
  t.strictSame(read(`${suite} ${key}`), [{ crypto }]);
  t.strictSame(read(`a=crypto:7 ${suite} ${key} KDR=0`), [{ crypto: `7 ${suite} ${key} KDR=0` }]);
  t.strictSame(read(`a=crypto:${suite} ${key}`), [{ crypto }]);
  t.strictSame(read(`192.0.2.1:4000 caller ${suite} ${key}`), [{ from: { host: '192.0.2.1', port: 4_000 }, side: 'caller', crypto }]);
  t.strictSame(read(`[2001:db8::1]:4000 ${suite} ${key}`), [{ from: { host: '2001:db8::1', port: 4_000 }, crypto }]);
  t.strictSame(read(`ssrc:0x1A2b3c4d ${suite} ${key}`), [{ ssrc: 0x1a2b3c4d, crypto }]);
  t.strictSame(read(`call:a@b session:s1 callee ${suite} ${key}`), [{ callId: 'a@b', sessionId: 's1', side: 'callee', crypto }]);
  t.strictSame(read(`${suite} ${key}|1:4;${key}|2:4`), [{ crypto: `${crypto}|1:4` }, { crypto: `${crypto}|2:4` }], 'several keys of one line');
  t.strictSame(read(`# a comment\r\n\r\n  ${suite} ${key}  \r\n`), [{ crypto }]);
  t.end();
});

t.test('what keys seal prints, once or several times', (t) => {
  const parsed = parseKeysFile('{"keys": ["AAEC"]}\n{\n  "keys": ["AwQ=", "BQ=="]\n}\n');
  t.strictSame(parsed, { keys: [], sealed: [Buffer.from([0, 1, 2]), Buffer.from([3, 4]), Buffer.from([5])] });
  t.end();
});

t.test('what is wrong is told by line, and never with a key', (t) => {
  const rejects: Record<string, RegExp> = {
    '': /there is no key in it/,
    '# nothing': /there is no key in it/,
    [suite]: /line 1: there is no key/,
    [`\n${key}`]: /line 2: there is no key/,
    [`AES_999 ${key}`]: /unknown-suite/,
    [`${suite} inline:AAAA`]: /bad-key/,
    [`somewhere ${suite} ${key}`]: /no selector/,
    [`192.0.2.1 ${suite} ${key}`]: /no selector/,
    [`ssrc:xyz ${suite} ${key}`]: /an SSRC is written/,
    [`${key} ${suite} ${key}`]: /line 1/,
    '{"keys": [1]}': /not what `twintrack keys seal` prints/,
    '{"key': /not what `twintrack keys seal` prints/,
    '{"keys": []}': /there is no key/,
  };
  for (const [text, reason] of Object.entries(rejects)) {
    const parsed = parseKeysFile(text);
    t.match(parsed, reason, text.slice(0, 30));
    t.notMatch(parsed, /AAEC|AAAA/);
  }
  t.end();
});

t.test('any text gives keys or a reason', (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `${text} ${suite} ${key}`)), (text) => ['string', 'object'].includes(typeof parseKeysFile(text))));
  t.end();
});
