import fc from 'fast-check';
import t from 'tap';
import { createDigest } from './digest.js';
import { keysFromSeeds, seedBytes, type VaultKeys } from './keys.js';
import { NativeCipher } from './native-cipher.js';
import { NativeStream } from './native-stream.js';
import { useNativeStreams } from './native-streams.js';
import { createSealer, openSealed, sealedHeaderBytes, sealOverheadBytes } from './sealed-stream.js';
import { openSecret, sealSecret } from './secret.js';
import { openSodium } from './sodium.js';

const sodium = await openSodium();
const newKeys = (): VaultKeys => keysFromSeeds(sodium, { sealSeed: sodium.randombytes_buf(seedBytes), signSeed: sodium.randombytes_buf(seedBytes) });
const keys = newKeys();
const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : error);

async function sealed(chunks: readonly Uint8Array[]): Promise<{ header: Buffer; sealed: Buffer[] }> {
  const sealer = await createSealer(keys.public);
  return { header: sealer.header, sealed: chunks.map((chunk, at) => sealer.seal(chunk, at === chunks.length - 1)) };
}

for (const native of [false, true]) {
  // Where koffi is missing, both are libsodium's.
  const isNative = native && NativeCipher.load() !== undefined;
  void t.test(native ? "by the process's OpenSSL" : 'by libsodium', (t) => {
    useNativeStreams(native);
    void t.test('generated streams come back as they went in, the last chunk known as such', (t) =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 }), async (chunks) => {
          const stream = await sealed(chunks);
          t.equal(stream.header.length, sealedHeaderBytes);
          const unsealer = await openSealed(stream.header, keys);
          stream.sealed.forEach((bytes, at) => {
            t.equal(bytes.length, (chunks[at]?.length ?? 0) + sealOverheadBytes);
            t.strictSame(unsealer.open(bytes), { plain: Buffer.from(chunks[at]!), last: at === chunks.length - 1 });
          });
        }),
        { numRuns: 50 },
      ));
  
    void t.test('every flipped bit of header and chunk is seen', async (t) => {
      const { header, sealed: [first] } = await sealed([Buffer.from('recorded'), Buffer.alloc(0)]);
      let unseen = 0;
      for (let bit = 0; bit < (header.length + first!.length) * 8; bit += 1) {
        const flipped = Buffer.concat([header, first!]);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const opened = await openSealed(flipped.subarray(0, header.length), keys).then((unsealer) => unsealer.open(flipped.subarray(header.length)), codeOf);
        const expected = bit < 16 * 8 ? 'VAULT_KEYS' : bit < 96 * 8 ? 'VAULT_READ' : 'damaged';
        if (opened !== expected) unseen += 1;
      }
      t.equal(unseen, 0);
    });
  
    void t.test('a chunk that is lost, moved, doubled, cut or follows the end does not open, nor does anything after it', async (t) => {
      const { header, sealed: [a, b, c] } = await sealed([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]);
      const open = async (...chunks: Buffer[]): Promise<string[]> => {
        const unsealer = await openSealed(header, keys);
        const opened = chunks.map((chunk) => unsealer.open(chunk)).map((result) => (result === 'damaged' ? 'damaged' : result.plain.toString()));
        unsealer.close();
        return opened;
      };
      t.strictSame(await open(a!, b!, c!), ['a', 'b', 'c']);
      t.strictSame(await open(b!, a!), ['damaged', 'damaged']);
      t.strictSame(await open(a!, c!, b!), ['a', 'damaged', 'damaged']);
      t.strictSame(await open(a!, a!, b!), ['a', 'damaged', 'damaged']);
      t.strictSame(await open(a!, b!.subarray(0, -1)), ['a', 'damaged']);
      t.strictSame(await open(a!, Buffer.alloc(sealOverheadBytes - 1)), ['a', 'damaged']);
      t.strictSame(await open(a!, b!, c!, c!), ['a', 'b', 'c', 'damaged']);
    });
  
    void t.test('other keys are named in the failure', async (t) => {
      const { header } = await sealed([Buffer.from('a')]);
      const other = newKeys();
      await t.rejects(openSealed(header, other), { code: 'VAULT_KEYS', facts: { sealedFor: keys.public.keyId, keyId: other.public.keyId } });
    });
  
    void t.test('a sealer shows no key and seals nothing after its end', async (t) => {
      const sealer = await createSealer(keys.public);
      t.strictSame(Reflect.ownKeys(sealer), ['header'], 'nothing else for an inspection to follow');
      sealer.seal(Buffer.from('a'), true);
      t.throws(() => sealer.seal(Buffer.from('b')));
      sealer.close();
    });
  
    void t.test("streams, secrets and digests give all of libsodium's memory back, also when given up", async (t) => {
      const heap = (sodium as unknown as { libsodium: { _malloc: (bytes: number) => number; _free: (address: number) => void } }).libsodium;
      const { _malloc, _free } = heap;
      const held = new Set<number>();
      heap._malloc = (bytes) => {
        const address = _malloc(bytes);
        held.add(address);
        return address;
      };
      heap._free = (address) => {
        held.delete(address);
        _free(address);
      };
      t.teardown(() => Object.assign(heap, { _malloc, _free }));
      const whole = await sealed([Buffer.from('a'), Buffer.from('b')]);
      const unsealer = await openSealed(whole.header, keys);
      t.equal(held.size > 0, !isNative, 'the count works, and nothing of libsodium is held for OpenSSL');
      for (const chunk of whole.sealed) unsealer.open(chunk);
      (await createSealer(keys.public)).close();
      (await openSealed(whole.header, keys)).close();
      (await openSealed(whole.header, keys)).open(Buffer.alloc(40));
      await openSecret(await sealSecret(Buffer.from('s'), keys.public), keys);
      await t.rejects(openSecret(Buffer.alloc(60), keys));
      const digest = await createDigest();
      digest.update(Buffer.from('a'));
      digest.close();
      (await createDigest()).hex();
      t.equal(held.size, 0);
    });
    t.end();
  });
}

t.test('what one has sealed the other opens, in chunks of every length', async (t) => {
  const chunks = [0, 1, 63, 64, 1_000, 65_000, 65_536, 200_000].map((bytes) => Buffer.alloc(bytes, bytes));
  for (const native of [false, true]) {
    useNativeStreams(native);
    const stream = await sealed(chunks);
    useNativeStreams(!native);
    const unsealer = await openSealed(stream.header, keys);
    for (const [at, bytes] of stream.sealed.entries()) t.strictSame(unsealer.open(bytes), { plain: chunks[at], last: at === chunks.length - 1 });
  }
});

t.test('nothing of a key, of a message or of a key stream is left where OpenSSL worked', { skip: NativeCipher.load() === undefined ? 'koffi is not installed' : false }, (t) => {
  const cipher = NativeCipher.load()!;
  const stream = new NativeStream(cipher, new Uint8Array(44).fill(7));
  const opening = new NativeStream(cipher, new Uint8Array(44).fill(7));
  const message = Buffer.from('a message of some length that nobody else is to read');
  opening.open(stream.seal(message, 0));
  const left = Buffer.from(cipher.work.buffer);
  t.equal(left.indexOf(Buffer.alloc(16, 7)), -1);
  t.equal(left.indexOf(message), -1);
  stream.close();
  t.end();
});

t.test('a small secret opens with the keys it was sealed for and no others, and not when changed', async (t) => {
  const secret = Buffer.from('inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz');
  const box = await sealSecret(secret, keys.public);
  t.strictSame(await openSecret(box, keys), secret);
  t.strictSame(await openSecret(await sealSecret(Buffer.alloc(0), keys.public), keys), Buffer.alloc(0));
  t.notSame(await sealSecret(secret, keys.public), box, 'equal secrets do not look equal');
  await t.rejects(openSecret(box, newKeys()), { code: 'VAULT_KEYS' });
  for (let at = 0; at < box.length; at += 1) {
    const flipped = Buffer.from(box);
    flipped[at]! ^= 1;
    await t.rejects(openSecret(flipped, keys), { code: 'VAULT_KEYS' }, `byte ${at}`);
  }
  await t.rejects(openSecret(Buffer.alloc(3), keys), { code: 'VAULT_KEYS' });
});
