import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { encodeCryptoLine, parseCryptoLine, singleKeyLines, unsupportedSessionParameters, type CryptoLine } from './crypto-line.js';
import { keySaltBytes, srtpSuites } from './suites.js';

const key30 = 'd0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';

t.test('RFC 4568 §10.1: the examples of the first crypto lines', (t) => {
  t.strictSame(parseCryptoLine(`1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|2^20|1:4 FEC_ORDER=FEC_SRTP`), {
    tag: 1,
    suite: 'AES_CM_128_HMAC_SHA1_80',
    keySalt: Buffer.from(key30, 'base64'),
    lifetime: 2 ** 20,
    mki: { value: Buffer.from('00000001', 'hex'), bytes: 4 },
    sessionParameters: ['FEC_ORDER=FEC_SRTP'],
  });
  t.strictSame(parseCryptoLine(`2 AES_CM_128_HMAC_SHA1_32 inline:${key30}|1066:4`), {
    tag: 2,
    suite: 'AES_CM_128_HMAC_SHA1_32',
    keySalt: Buffer.from(key30, 'base64'),
    mki: { value: Buffer.from('0000042a', 'hex'), bytes: 4 },
    sessionParameters: [],
  });
  t.end();
});

t.test('each suite takes a key of its length, with the padding of base64 or without', (t) => {
  for (const suite of srtpSuites) {
    const keySalt = Buffer.alloc(keySaltBytes(suite), 0xa5);
    const base64 = keySalt.toString('base64');
    t.match(parseCryptoLine(`1 ${suite} inline:${base64}`), { suite, keySalt });
    t.match(parseCryptoLine(`1 ${suite} inline:${base64.replaceAll('=', '')}`), { suite, keySalt });
    t.equal(parseCryptoLine(`1 ${suite} inline:${keySalt.subarray(1).toString('base64')}`), 'bad-key');
    t.equal(parseCryptoLine(`1 ${suite} inline:${Buffer.concat([keySalt, keySalt]).toString('base64')}`), 'bad-key');
  }
  t.end();
});

t.test('white space, and the case of suite and method, do not matter', (t) => {
  t.match(parseCryptoLine(` 7\taes_cm_128_hmac_sha1_80   INLINE:${key30}  \r`), {
    tag: 7,
    suite: 'AES_CM_128_HMAC_SHA1_80',
    sessionParameters: [],
  });
  t.end();
});

const rejects: [string, string, string][] = [
  ['nothing', '', 'malformed'],
  ['a tag alone', '1', 'malformed'],
  ['no key', '1 AES_CM_128_HMAC_SHA1_80', 'malformed'],
  ['a tag of ten digits', `1234567890 AES_CM_128_HMAC_SHA1_80 inline:${key30}`, 'bad-tag'],
  ['a tag that is no number', `-1 AES_CM_128_HMAC_SHA1_80 inline:${key30}`, 'bad-tag'],
  ['F8', `1 F8_128_HMAC_SHA1_80 inline:${key30}`, 'unknown-suite'],
  ['a name that every object has', `1 constructor inline:${key30}`, 'unknown-suite'],
  ['another key method', `1 AES_CM_128_HMAC_SHA1_80 uri:${key30}`, 'unknown-key-method'],
  ['several keys', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|1:4;inline:${key30}|2:4`, 'several-keys'],
  ['an empty key', '1 AES_CM_128_HMAC_SHA1_80 inline:', 'bad-key'],
  ['a key that is no base64', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30.slice(0, 39)}!`, 'bad-key'],
  ['a key of another suite', `1 AES_256_CM_HMAC_SHA1_80 inline:${key30}`, 'bad-key'],
  ['an empty lifetime', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|`, 'bad-lifetime'],
  ['a lifetime of nothing', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|0`, 'bad-lifetime'],
  ['a lifetime over 2^48', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|2^49`, 'bad-lifetime'],
  ['an MKI without length', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|2^20|1:`, 'bad-mki'],
  ['an MKI of no octets', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|1:0`, 'bad-mki'],
  ['an MKI of 129 octets', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|1:129`, 'bad-mki'],
  ['an MKI too large for its octets', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|256:1`, 'bad-mki'],
  ['a lifetime after the MKI', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|1:4|2^20`, 'malformed'],
  ['a line without end', `1 AES_CM_128_HMAC_SHA1_80 inline:${key30} ${'x'.repeat(2048)}`, 'too-long'],
];
for (const [what, value, reason] of rejects) {
  t.test(`${what} is refused as ${reason}`, (t) => {
    t.equal(parseCryptoLine(value), reason);
    t.end();
  });
}

t.test('RFC 4568 §6.3.8: parameters that would change the packets are named, others are not', (t) => {
  const sessionParameters = ['KDR=0', 'WSH=64', '-own=1', 'UNENCRYPTED_SRTCP', 'KDR=5', 'KDR=25', 'UNENCRYPTED_SRTP', 'UNAUTHENTICATED_SRTP', 'new=1'];
  t.strictSame(unsupportedSessionParameters({ suite: 'AES_CM_128_HMAC_SHA1_80', sessionParameters }), ['KDR=25', 'new=1']);
  t.strictSame(unsupportedSessionParameters({ suite: 'AEAD_AES_128_GCM', sessionParameters }), ['KDR=25', 'UNENCRYPTED_SRTP', 'UNAUTHENTICATED_SRTP', 'new=1']);
  t.end();
});

const mki = fc
  .uint8Array({ minLength: 1, maxLength: 128 })
  .map((octets) => ({ value: Buffer.from(octets), bytes: octets.length }));
const line: fc.Arbitrary<CryptoLine> = fc.constantFrom(...srtpSuites).chain((suite) =>
  fc.record(
    {
      tag: fc.integer({ min: 0, max: 999_999_999 }),
      suite: fc.constant(suite),
      keySalt: fc
        .uint8Array({ minLength: keySaltBytes(suite), maxLength: keySaltBytes(suite) })
        .map((octets) => Buffer.from(octets)),
      lifetime: fc.integer({ min: 1, max: 2 ** 48 }),
      mki,
      sessionParameters: fc.subarray(['KDR=0', 'UNENCRYPTED_SRTCP', 'WSH=64', '-x']),
    },
    { noNullPrototype: true, requiredKeys: ['tag', 'suite', 'keySalt', 'sessionParameters'] },
  ),
);

t.test('what is encoded is parsed again', (t) => {
  fc.assert(fc.property(line, (value) => assert.deepEqual(parseCryptoLine(encodeCryptoLine(value)), value)));
  t.end();
});

t.test('a line that no one could parse is a bug', (t) => {
  const good = { tag: 1, suite: 'AEAD_AES_128_GCM', keySalt: Buffer.alloc(28), sessionParameters: [] } as const;
  t.equal(encodeCryptoLine({ ...good, lifetime: 1000 }), `1 AEAD_AES_128_GCM inline:${'A'.repeat(38)}==|1000`);
  t.throws(() => encodeCryptoLine({ ...good, keySalt: Buffer.alloc(30) }));
  t.throws(() => encodeCryptoLine({ ...good, lifetime: 0 }));
  t.throws(() => encodeCryptoLine({ ...good, mki: { value: Buffer.alloc(2), bytes: 4 } }));
  t.end();
});

t.test('arbitrary text never throws', (t) => {
  const suite = 'AES_CM_128_HMAC_SHA1_80';
  const pieces = fc.constantFrom('1', ' ', suite, 'inline:', key30, '|', '2^', '20', ':', '4', ';', '=', 'é');
  const built = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(fc.property(fc.oneof(fc.string(), built), (text) => void parseCryptoLine(text)), { numRuns: 2000 });
  t.end();
});

t.test('a line cut before every field is refused for that field, or is a shorter line', (t) => {
  const fields = ['7 ', 'AES_CM_128_HMAC_SHA1_80 ', 'inline:', key30, '|', '2^20', '|', '1', ':', '4', ' KDR=3', ' WSH=64'];
  const whole = ['malformed', 'malformed', 'malformed', 'bad-key', undefined, 'bad-lifetime', undefined, 'bad-mki', 'bad-mki', 'bad-mki', undefined, undefined, undefined];
  for (const [n, reason] of whole.entries()) {
    const parsed = parseCryptoLine(fields.slice(0, n).join(''));
    t.equal(typeof parsed === 'string' ? parsed : undefined, reason, `before ${fields[n] ?? 'nothing'}`);
  }
  // In the middle of a field as well.
  for (const [cut, reason] of [['7 AES_CM_128_HMAC_SHA1_8 inline:k', 'unknown-suite'], ['7 AES_CM_128_HMAC_SHA1_80 inlin', 'unknown-key-method'], [`7 AES_CM_128_HMAC_SHA1_80 inline:${key30.slice(0, 39)}`, 'bad-key'], [`7 AES_CM_128_HMAC_SHA1_80 inline:${key30}|2^`, 'bad-lifetime']] as const) t.equal(parseCryptoLine(cut), reason);
  t.end();
});

t.test('a line of several keys is as many lines of one; others are as they were', (t) => {
  const [one, two] = [`inline:${key30}|2^20|1:4`, `inline:${key30}|2^20|2:4`];
  t.strictSame(singleKeyLines(`1 AES_CM_128_HMAC_SHA1_80 ${one};${two} KDR=3 WSH=64`), [`1 AES_CM_128_HMAC_SHA1_80 ${one} KDR=3 WSH=64`, `1 AES_CM_128_HMAC_SHA1_80 ${two} KDR=3 WSH=64`]);
  for (const line of ['', '1', `1 AES_CM_128_HMAC_SHA1_80 ${one}`, `1 AES_CM_128_HMAC_SHA1_80 ${one};`, `1 A ${new Array<string>(33).fill('k').join(';')}`]) t.strictSame(singleKeyLines(line), [line]);
  fc.assert(fc.property(fc.string(), (text) => assert(singleKeyLines(text).length <= 32)));
  t.end();
});
