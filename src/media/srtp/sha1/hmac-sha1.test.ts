import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { HmacSha1 } from './hmac-sha1.js';
import { openSsl } from '../openssl.js';
import { loadSha1Blocks, type Sha1Blocks } from './sha1-blocks.js';
import { signed, unsigned } from './wasm-module.js';

const blocks = loadSha1Blocks();
const byOpenSsl = openSsl()?.sha1;
const ways: readonly (readonly [string, Sha1Blocks | null])[] = [['in WebAssembly', blocks], ['by node:crypto', null], ...(byOpenSsl === undefined ? [] : [['by OpenSSL', byOpenSsl] as const])];
t.ok(blocks !== null, 'this Node runs WebAssembly');

for (const [name, way] of ways) {
  t.test(`RFC 2202 §3, ${name}`, (t) => {
    for (const [key, data, digest] of [
      ['0b'.repeat(20), Buffer.from('Hi There'), 'b617318655057264e28bc0b6fb378c8ef146be00'],
      [Buffer.from('Jefe').toString('hex'), Buffer.from('what do ya want for nothing?'), 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
      ['aa'.repeat(20), Buffer.alloc(50, 0xdd), '125d7342b9ac11cd91a39af48aa17b4f63f175d3'],
      ['0102030405060708090a0b0c0d0e0f10111213141516171819', Buffer.alloc(50, 0xcd), '4c9007f4026250c6bc8414f9bf50c86c2d7235da'],
      ['0c'.repeat(20), Buffer.from('Test With Truncation'), '4c1a03424b55e07fe7f27be1d58bb9324a9a5a04'],
    ] as const) t.equal(new HmacSha1(Buffer.from(key, 'hex'), way).update(data, data.length).toString('hex'), digest);
    t.end();
  });

  t.test(`every length, with and without a word behind it, as node:crypto has it, ${name}`, (t) => {
    const key = Buffer.alloc(20, 7);
    const hmac = new HmacSha1(key, way);
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, n) => n * 31));
    const word = Buffer.alloc(4);
    word.writeUInt32BE(0xfedcba98);
    for (let end = 0; end <= bytes.length; end += 1) {
      const plain = createHmac('sha1', key).update(bytes.subarray(0, end)).digest('hex');
      const worded = createHmac('sha1', key).update(bytes.subarray(0, end)).update(word).digest('hex');
      if (hmac.update(bytes, end).toString('hex') !== plain || hmac.update(bytes, end, 0xfedcba98).toString('hex') !== worded) t.fail(`${end} octets`);
    }
    const longest = Buffer.alloc(65_535, 3);
    t.equal(hmac.update(longest, longest.length).toString('hex'), createHmac('sha1', key).update(longest).digest('hex'));
    t.end();
  });
}

t.test('keys do not get into each other\'s way', (t) => {
  fc.assert(
    fc.property(fc.array(fc.record({ key: fc.uint8Array({ maxLength: 64 }), data: fc.uint8Array({ maxLength: 200 }) }), { minLength: 2, maxLength: 5 }), (cases) => {
      const hmacs = cases.map(({ key }) => new HmacSha1(Buffer.from(key)));
      return [0, 1].every(() => cases.every(({ key, data }, n) => hmacs[n]?.update(Buffer.from(data), data.length).equals(createHmac('sha1', key).update(data).digest())));
    }),
  );
  t.end();
});

t.test('LEB128 as the WebAssembly specification has it', (t) => {
  t.strictSame([unsigned(0), unsigned(127), unsigned(128), unsigned(624_485)], [[0], [0x7f], [0x80, 1], [0xe5, 0x8e, 0x26]]);
  t.strictSame([signed(0), signed(-1), signed(63), signed(64), signed(-64), signed(-123_456)], [[0], [0x7f], [0x3f], [0xc0, 0], [0x40], [0xc0, 0xbb, 0x78]]);
  t.end();
});
