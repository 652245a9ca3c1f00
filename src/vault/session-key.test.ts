import fc from 'fast-check';
import t from 'tap';
import { keysFromSeeds, seedBytes, type VaultKeys } from './keys.js';
import { sealSecret } from './secret.js';
import { openSessionKey, sealedKeyBytes, sealSessionKey } from './session-key.js';
import { openSodium } from './sodium.js';

const sodium = await openSodium();
const newKeys = (): VaultKeys => keysFromSeeds(sodium, { sealSeed: sodium.randombytes_buf(seedBytes), signSeed: sodium.randombytes_buf(seedBytes) });
const keys = newKeys();
const crypto = '1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';

t.test('a key comes out as it was sealed, for one side or both; two boxes of it are not alike', async (t) => {
  for (const side of [undefined, 'caller', 'callee'] as const) {
    const [box, again] = [await sealSessionKey({ sessionId: 's', for: side, crypto }, keys.public), await sealSessionKey({ sessionId: 's', for: side, crypto }, keys.public)];
    t.strictSame(await openSessionKey(box, 's', keys), { sessionId: 's', for: side, crypto });
    t.notOk(box.equals(again));
    t.ok(box.length >= sealedKeyBytes.least && box.length <= sealedKeyBytes.most);
    t.notOk(box.includes(crypto.slice(33, 50)));
  }
});

t.test('what is of no use says why: another session, other keys, damage, something else inside', async (t) => {
  const box = await sealSessionKey({ sessionId: 's', crypto }, keys.public);
  t.equal(await openSessionKey(box, 'another', keys), 'is of another session');
  t.equal(await openSessionKey(box, 's', newKeys()), 'is sealed for other keys, or damaged');
  for (let at = 0; at < box.length; at += 1) {
    const damaged = Buffer.from(box);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    t.equal(await openSessionKey(damaged, 's', keys), 'is sealed for other keys, or damaged');
    t.equal(await openSessionKey(box.subarray(0, at), 's', keys), 'is sealed for other keys, or damaged');
  }
  for (const inside of ['', 'no', 'null', '1', '[]', '{}', '{"version":2,"sessionId":"s","crypto":"x"}', '{"version":1,"sessionId":"s"}', '{"version":1,"sessionId":"s","crypto":"x","for":"both"}']) {
    t.equal(await openSessionKey(await sealSecret(Buffer.from(inside), keys.public), 's', keys), 'has no key in it', inside);
  }
});

t.test('any octets sealed, or not, never throw', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (octets) => {
      t.type(await openSessionKey(octets, 's', keys), 'string');
      t.type(await openSessionKey(await sealSecret(octets, keys.public), 's', keys), 'string');
    }),
  );
});
