import fc from 'fast-check';
import t from 'tap';
import { extendSequence, extendTimestamp, timestampDelta } from './serial.js';

t.test('the first value is taken as it is', (t) => {
  t.equal(extendSequence(65535, undefined), 65535);
  t.equal(extendTimestamp(0xffffffff, undefined), 0xffffffff);
  t.end();
});

t.test('a sequence number goes on over the wrap, forwards and backwards', (t) => {
  t.equal(extendSequence(0, 65535), 65536);
  t.equal(extendSequence(65535, 65536), 65535);
  t.equal(extendSequence(2, 5 * 65536 + 65535), 6 * 65536 + 2);
  t.equal(extendSequence(65530, 6 * 65536 + 2), 5 * 65536 + 65530);
  t.end();
});

t.test('a packet from before the first one gives a negative number', (t) => {
  t.equal(extendSequence(65535, 0), -1);
  t.equal(extendTimestamp(0xffffff60, 0), -160);
  t.equal(extendSequence(65534, -1), -2);
  t.equal(extendSequence(0, -1), 0);
  t.end();
});

t.test('a timestamp goes on over the wrap, forwards and backwards', (t) => {
  t.equal(extendTimestamp(160, 2 ** 32 - 160), 2 ** 32 + 160);
  t.equal(extendTimestamp(0xffffffff, 2 ** 32 + 5), 2 ** 32 - 1);
  t.equal(extendTimestamp(7, 9 * 2 ** 32), 9 * 2 ** 32 + 7);
  t.end();
});

t.test('half a circle away counts as behind', (t) => {
  t.equal(extendSequence(32768, 0), -32768);
  t.equal(extendSequence(32767, 0), 32767);
  t.equal(timestampDelta(0x80000000, 0), -0x80000000);
  t.end();
});

t.test('any step of less than half a circle is found again, from anywhere', (t) => {
  const whole = fc.integer({ min: -(2 ** 44), max: 2 ** 44 });
  fc.assert(
    fc.property(whole, fc.integer({ min: -32768, max: 32767 }), (last, step) => {
      const cut = (((last + step) % 65536) + 65536) % 65536;
      return extendSequence(cut, last) === last + step;
    }),
  );
  fc.assert(
    fc.property(whole, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (last, step) => {
      const cut = (((last + step) % 2 ** 32) + 2 ** 32) % 2 ** 32;
      return extendTimestamp(cut, last) === last + step;
    }),
  );
  t.end();
});
