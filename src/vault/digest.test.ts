import t from 'tap';
import { createDigest } from './digest.js';

t.test('BLAKE2b-256 of "abc" is the known one, however the bytes arrive', async (t) => {
  const known = 'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319';
  const whole = await createDigest();
  whole.update(Buffer.from('abc'));
  t.equal(whole.hex(), known);
  const pieces = await createDigest();
  for (const letter of ['a', '', 'b', 'c']) pieces.update(Buffer.from(letter));
  t.equal(pieces.hex(), known);
});

t.test('a digest takes nothing after its end', async (t) => {
  const digest = await createDigest();
  digest.hex();
  digest.close();
  t.throws(() => digest.update(Buffer.from('a')));
  t.throws(() => digest.hex());
});
