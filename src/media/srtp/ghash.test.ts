import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { Ghash, packetHash, type PacketHash } from './ghash.js';
import { openSsl, useOpenSsl } from './openssl.js';

function hashOf(hash: PacketHash): Buffer {
  const octets = Buffer.alloc(16);
  for (let n = 0; n < 4; n += 1) octets.writeInt32BE(hash.word(n), 4 * n);
  return octets;
}

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

const ways = [['by OpenSSL, where it is to be had', true], ['in JavaScript', false]] as const;

for (const [name, way] of ways) {
  t.test(`packet by packet of keys in turns, as node:crypto has it: ${name}`, (t) => {
    t.teardown(() => useOpenSsl(true));
    const octets = (maxLength: number) => fc.uint8Array({ maxLength });
    const packet = fc.record({ header: octets(80), body: octets(2_000) });
    fc.assert(
      fc.property(fc.array(fc.record({ key: fc.constantFrom(16, 32).chain((bytes) => fc.uint8Array({ minLength: bytes, maxLength: bytes })), packet }), { minLength: 1, maxLength: 4 }), (cases) => {
        useOpenSsl(way);
        const hashes = cases.map(({ key }) => packetHash(Buffer.from(key)));
        return [0, 1].every(() =>
          cases.every(({ key, packet: { header, body } }, n) => {
            const nonce = Buffer.alloc(12, 5);
            const gcm = createCipheriv(key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', key, nonce).setAAD(header);
            const sealed = Buffer.concat([header, gcm.update(body), gcm.final(), Buffer.alloc(16, 7)]);
            const mask = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false).update(Buffer.concat([nonce, Buffer.from([0, 0, 0, 1])]));
            const hash = hashes[n];
            hash?.hash(sealed, header.length, sealed, header.length, header.length + body.length);
            return hash !== undefined && gcm.getAuthTag().equals(Buffer.from(hashOf(hash).map((octet, at) => octet ^ (mask[at] ?? 0))));
          }),
        );
      }),
      { numRuns: 60 },
    );
    t.end();
  });
}

t.test('a packet longer than a datagram is a bug, and is hashed nowhere', { skip: openSsl() === undefined && 'OpenSSL is not to be had' }, (t) => {
  const hash = packetHash(Buffer.alloc(16));
  const long = Buffer.alloc(65_601);
  t.throws(() => hash.hash(long, 12, long, 12, long.length));
  t.throws(() => hash.hash(long, long.length, Buffer.alloc(0), 0, 0));
  t.throws(() => hash.hash(Buffer.alloc(12), 12, Buffer.alloc(20), 12, 21));
  t.end();
});
