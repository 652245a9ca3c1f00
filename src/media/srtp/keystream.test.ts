import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { counterModePrefix, galoisPrefix, Keystream, lay } from './keystream.js';

const [key, salt, shortSalt] = [Buffer.alloc(16, 1), Buffer.alloc(14, 2), Buffer.alloc(12, 3)];

/** The same by node:crypto's counter mode, with the counter block as RFC 3711 §4.1.1 and RFC 7714 §8.1 have it. */
function reference(kind: 'counter' | 'galois', bytes: number, ssrc: number, index: number): Buffer {
  const block = Buffer.alloc(16);
  const at = kind === 'counter' ? 4 : 2;
  block.writeUInt32BE(ssrc, at);
  block.writeUInt32BE(Math.floor(index / 65_536), at + 4);
  block.writeUInt16BE(index % 65_536, at + 8);
  (kind === 'counter' ? salt : shortSalt).forEach((octet, n) => (block[n] = (block[n] ?? 0) ^ octet));
  if (kind === 'galois') block.writeUInt32BE(1, 12);
  return createCipheriv('aes-128-ctr', key, block).update(Buffer.alloc(bytes));
}

const makers = {
  counter: () => new Keystream(key, counterModePrefix(salt), 0),
  galois: () => new Keystream(key, galoisPrefix(shortSalt), 1),
} as const;

function found(keystream: Keystream, bytes: number, ssrc: number, index: number): Buffer {
  keystream.find(bytes, ssrc, Math.floor(index / 65_536), index % 65_536);
  return keystream.octets.subarray(keystream.from, keystream.from + bytes);
}

for (const kind of ['counter', 'galois'] as const) {
  t.test(`whatever came before, in order or not, confirmed or not, each packet has its own keystream: ${kind} mode`, (t) => {
    const step = fc.record({
      ssrc: fc.constantFrom(7, 8, 0xffff_ffff),
      move: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: -40, max: 40 }), fc.integer({ min: 0, max: 70_000 })),
      bytes: fc.oneof({ weight: 3, arbitrary: fc.constant(160) }, fc.integer({ min: 0, max: 1_500 })),
      authentic: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 0, max: 200_000 }), (steps, from) => {
        const keystream = makers[kind]();
        let index = from;
        return steps.every(({ ssrc, move, bytes, authentic }) => {
          index = Math.max(0, index + move);
          const right = found(keystream, bytes, ssrc, index).equals(reference(kind, bytes, ssrc, index));
          if (authentic) keystream.confirm(ssrc, Math.floor(index / 65_536), index % 65_536);
          return right;
        });
      }),
    );
    t.end();
  });
}

t.test('packets in order are made twenty-five at a time, once two of them were confirmed; nothing is kept for what was not', (t) => {
  const keystream = makers.counter();
  const timesMade = (count: number, confirm: boolean, ssrc: number): number => {
    let times = 0;
    for (let index = 0; index < count; index += 1) {
      found(keystream, 160, ssrc, index);
      // What is made anew is used from its beginning.
      if (keystream.from === 0) times += 1;
      if (confirm) keystream.confirm(ssrc, 0, index);
    }
    return times;
  };
  t.equal(timesMade(51, true, 7), 3, 'one alone, then two times 25');
  t.equal(timesMade(51, false, 8), 51);
  t.end();
});

t.test('across the wrap of the sequence number the roll-over counter is one more', (t) => {
  const keystream = makers.counter();
  for (let index = 65_520; index < 65_560; index += 1) {
    if (!found(keystream, 160, 7, index).equals(reference('counter', 160, 7, index))) t.fail(String(index));
    keystream.confirm(7, Math.floor(index / 65_536), index % 65_536);
  }
  t.end();
});

t.test('large packets do not make it large, and more than a datagram is a bug', (t) => {
  const keystream = makers.counter();
  for (let index = 0; index < 5; index += 1) {
    found(keystream, 1_400, 7, index);
    keystream.confirm(7, 0, index);
  }
  t.ok(keystream.octets.length <= 8_192);
  t.equal(found(keystream, 65_535, 7, 5).length, 65_535);
  t.throws(() => keystream.find(65_600, 7, 0, 6));
  t.end();
});

t.test('it is laid over from a place to a place', (t) => {
  const out = Buffer.alloc(6);
  lay(Buffer.from([0, 1, 2, 3, 4]), 1, Buffer.from([9, 9, 9, 9, 9, 9]), 2, 5, out);
  t.strictSame([...out], [0, 0, 9 ^ 1, 9 ^ 2, 9 ^ 3, 0]);
  t.end();
});
