import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { Ghash } from './ghash.js';

const hashOf = (ghash: Ghash): Buffer => Buffer.from(Array.from({ length: 16 }, (_, n) => ghash.octet(n)));

t.test('the GCM specification, test case 2: one block', (t) => {
  const ghash = new Ghash(Buffer.from('66e94bd4ef8a2c3b884cfa59ca342b2e', 'hex'));
  ghash.begin();
  ghash.absorb(Buffer.from('0388dace60b6a392f328c2b971b2fe78', 'hex'), 0, 16);
  ghash.finish(0, 16);
  t.equal(hashOf(ghash).toString('hex'), 'f38cbb1ad69223dcc3457ae5b6b0f885');
  t.end();
});

t.test('with the cipher of the first counter block it is the tag that node:crypto makes, whatever the lengths', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 300 }), (keyBytes, aad, data) => {
      const [key, nonce] = [Buffer.from(keyBytes), Buffer.alloc(12, 5)];
      const gcm = createCipheriv('aes-128-gcm', key, nonce).setAAD(aad);
      const encrypted = Buffer.concat([gcm.update(data), gcm.final()]);
      const block = (bytes: Buffer): Buffer => createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(bytes);
      const ghash = new Ghash(block(Buffer.alloc(16)));
      ghash.begin();
      ghash.absorb(Buffer.from(aad), 0, aad.length);
      ghash.absorb(encrypted, 0, encrypted.length);
      ghash.finish(aad.length, data.length);
      const mask = block(Buffer.concat([nonce, Buffer.from([0, 0, 0, 1])]));
      return gcm.getAuthTag().equals(Buffer.from(hashOf(ghash).map((octet, n) => octet ^ (mask[n] ?? 0))));
    }),
  );
  t.end();
});
