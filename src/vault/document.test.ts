import fc from 'fast-check';
import t from 'tap';
import { canonicalJson } from './canonical-json.js';
import { encodeDocument, parseDocument } from './document.js';
import { keysFromSeeds, seedBytes, type VaultKeys } from './keys.js';
import { openSodium } from './sodium.js';

const sodium = await openSodium();
const newKeys = (): VaultKeys => keysFromSeeds(sodium, { sealSeed: sodium.randombytes_buf(seedBytes), signSeed: sodium.randombytes_buf(seedBytes) });
const keys = newKeys();

t.test('canonical JSON sorts members and has no spaces (RFC 8785 §3.2.3)', (t) => {
  t.equal(canonicalJson({ b: [1, { d: 1, c: 'é"\n' }], a: null, ab: undefined }), '{"a":null,"b":[1,{"c":"é\\"\\n","d":1}]}');
  const members = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 };
  t.equal(canonicalJson(members), '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}', 'the example of the RFC');
  t.equal(canonicalJson(JSON.parse('{"__proto__":{"z":1},"a":2}')), '{"__proto__":{"z":1},"a":2}');
  t.end();
});

t.test('generated documents keep their meaning, and their spelling does not depend on the order of members', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      t.equal(JSON.stringify(JSON.parse(text)), JSON.stringify(JSON.parse(canonicalJson(JSON.parse(text)))));
      t.equal(canonicalJson(JSON.parse(text)), text);
      t.strictSame(JSON.parse(text), JSON.parse(JSON.stringify(value)));
    }),
  );
  t.equal(canonicalJson({ a: 1, b: 2 }), canonicalJson({ b: 2, a: 1 }));
  t.end();
});

t.test('generated documents round trip under their signature', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      t.strictSame(parseDocument(sodium, 'a/b.json', encodeDocument(sodium, 'a/b.json', value, keys), keys.public), { document: JSON.parse(JSON.stringify(value)) as unknown });
    }),
  );
  t.end();
});

t.test('a document reads as documented', (t) => {
  const text = encodeDocument(sodium, 'a', { b: 1, a: 'x' }, keys).toString();
  t.match(text, new RegExp(`^\\{"document":\\{"a":"x","b":1\\},"keyId":"${keys.public.keyId}","signature":"[A-Za-z0-9+/]{86}=="\\}\\n$`));
  t.end();
});

t.test('every flipped bit and every cut of a document is seen', (t) => {
  const whole = encodeDocument(sodium, 'a', { state: 'complete', gaps: [] }, keys);
  let unseen = 0;
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (typeof parseDocument(sodium, 'a', flipped, keys.public) !== 'string') unseen += 1;
  }
  for (let length = 0; length < whole.length; length += 1) {
    if (typeof parseDocument(sodium, 'a', whole.subarray(0, length), keys.public) !== 'string') unseen += 1;
  }
  t.equal(unseen, 0);
  t.end();
});

t.test('a document does not stand in for another, nor does one of other keys', (t) => {
  const bytes = encodeDocument(sodium, 'a', {}, keys);
  t.equal(parseDocument(sodium, 'b', bytes, keys.public), 'document-signature');
  t.equal(parseDocument(sodium, 'a', bytes, newKeys().public), 'document-other-keys');
  t.end();
});

t.test('any bytes give a reason and never throw', (t) => {
  const whole = encodeDocument(sodium, 'a', { a: 1 }, keys);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => typeof parseDocument(sodium, 'a', Buffer.from(bytes), keys.public) === 'string'));
  fc.assert(
    fc.property(fc.nat(whole.length), fc.uint8Array({ minLength: 1, maxLength: 40 }), (at, bytes) => {
      const spliced = Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at)]);
      return typeof parseDocument(sodium, 'a', spliced, keys.public) === 'string';
    }),
  );
  t.end();
});
