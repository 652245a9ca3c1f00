import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { encodeTelephoneEvent, parseTelephoneEvent } from './telephone-event.js';

// deepEqual minds prototypes.
const plain = { noNullPrototype: true } as const;

t.test('RFC 4733 §2.3: event, end, volume, duration', (t) => {
  t.strictSame(parseTelephoneEvent(Buffer.from('010a0190', 'hex')), {
    event: 1,
    end: false,
    volume: 10,
    durationTicks: 400,
  });
  t.strictSame(parseTelephoneEvent(Buffer.from('0b8affff', 'hex')), {
    event: 11,
    end: true,
    volume: 10,
    durationTicks: 65535,
  });
  t.end();
});

t.test('RFC 4733 §2.3: the reserved bit and what follows are ignored', (t) => {
  t.strictSame(parseTelephoneEvent(Buffer.from('01ff0190abcd', 'hex')), {
    event: 1,
    end: true,
    volume: 63,
    durationTicks: 400,
  });
  t.end();
});

t.test('a payload cut before any of its fields is too short', (t) => {
  for (let bytes = 0; bytes < 4; bytes += 1) t.equal(parseTelephoneEvent(Buffer.alloc(bytes)), 'too-short');
  t.end();
});

t.test('what is encoded is parsed again', (t) => {
  const event = fc.record({
    event: fc.integer({ min: 0, max: 255 }),
    end: fc.boolean(),
    volume: fc.integer({ min: 0, max: 63 }),
    durationTicks: fc.integer({ min: 0, max: 65535 }),
  }, plain);
  fc.assert(fc.property(event, (value) => assert.deepEqual(parseTelephoneEvent(encodeTelephoneEvent(value)), value)));
  t.throws(() => encodeTelephoneEvent({ event: 0, end: false, volume: 64, durationTicks: 0 }));
  t.end();
});

t.test('arbitrary octets never throw', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => void parseTelephoneEvent(Buffer.from(bytes))));
  t.end();
});
