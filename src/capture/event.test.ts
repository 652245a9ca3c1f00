import fc from 'fast-check';
import t from 'tap';
import { encodeEvent, parseEvent, type CaptureCodec, type CaptureControl, type CaptureEvent, type CaptureStream } from './event.js';

const codec: fc.Arbitrary<CaptureCodec> = fc.record(
  { payloadType: fc.nat(127), name: fc.string(), clockRate: fc.constantFrom(8000, 16000, 48000), channels: fc.constantFrom(1, 2), fmtp: fc.string() },
  { requiredKeys: ['payloadType', 'name', 'clockRate', 'channels'] },
);

const stream: fc.Arbitrary<CaptureStream> = fc.record({
  index: fc.nat(0xffff),
  label: fc.string(),
  role: fc.constantFrom('caller', 'callee', 'other'),
  party: fc.string(),
  codecs: fc.array(codec),
  direction: fc.constantFrom('active', 'inactive'),
  sealedKeys: fc.array(fc.base64String()),
  encrypted: fc.boolean(),
});

const control: fc.Arbitrary<CaptureControl> = fc.record(
  {
    keep: fc.boolean(),
    pauses: fc.array(fc.record({ fromMs: fc.nat(), toMs: fc.nat() }, { requiredKeys: ['fromMs'] })),
    said: fc.array(fc.record({ atMs: fc.nat(), command: fc.string(), by: fc.string() })),
    tags: fc.dictionary(fc.stringMatching(/^[a-z]+$/), fc.string()),
    retention: fc.record({ class: fc.string(), untilMs: fc.nat() }, { requiredKeys: ['class'] }),
    dtmfMasked: fc.boolean(),
  },
  { requiredKeys: ['keep', 'pauses', 'said', 'tags'] },
);

const event: fc.Arbitrary<CaptureEvent> = fc.oneof(
  fc.record({ type: fc.constant('control'), control }),
  fc.record({
    type: fc.constant('begin'),
    captureId: fc.string(),
    sessionId: fc.string(),
    recorder: fc.string(),
    metadata: fc.dictionary(fc.string(), fc.jsonValue()).map((metadata) => JSON.parse(JSON.stringify(metadata)) as Record<string, unknown>),
  }),
  fc.record({ type: fc.constant('streams'), streams: fc.array(stream) }),
  fc.record({ type: fc.constant('end'), reason: fc.string() }),
);

const parse = (value: unknown): unknown => parseEvent(Buffer.from(JSON.stringify(value)));

t.test('generated events round trip', (t) => {
  // As JSON text: fast-check's dictionaries have no prototype, parsed ones do.
  fc.assert(fc.property(event, (value) => JSON.stringify(parseEvent(encodeEvent(value))) === JSON.stringify(value)));
  t.end();
});

t.test('what this version does not know is left out of a known event', (t) => {
  t.strictSame(parse({ type: 'end', reason: 'bye', later: 1 }), { type: 'end', reason: 'bye' });
  t.end();
});

t.test('what is no event is refused with its reason', (t) => {
  const whole = { index: 0, label: '1', role: 'caller', party: 'sip:a@b', codecs: [{ payloadType: 0, name: 'PCMU', clockRate: 8000, channels: 1 }], direction: 'active', sealedKeys: [], encrypted: false };
  const streams = (change: object): unknown => parse({ type: 'streams', streams: [{ ...whole, ...change }] });
  t.strictSame(streams({}), { type: 'streams', streams: [whole] });
  t.equal(parseEvent(Buffer.from('{')), 'event-not-json');
  t.equal(parseEvent(Buffer.alloc(0)), 'event-not-json');
  t.equal(parse({ type: 'pause' }), 'event-unknown');
  t.equal(parse({}), 'event-unknown');
  for (const shape of [null, 1, 'end', [], [{ type: 'end' }]]) t.equal(parse(shape), 'event-shape');
  t.equal(parse({ type: 'end' }), 'event-shape');
  t.equal(parse({ type: 'begin', captureId: 'a', sessionId: 'b', recorder: 'c' }), 'event-shape', 'no metadata');
  t.equal(parse({ type: 'begin', captureId: 'a', sessionId: 2, recorder: 'c', metadata: {} }), 'event-shape');
  t.equal(parse({ type: 'streams' }), 'event-shape');
  t.equal(parse({ type: 'streams', streams: [null] }), 'event-shape');
  const said = { keep: true, pauses: [{ fromMs: 1 }], said: [{ atMs: 1, command: 'pause', by: 'http' }], tags: { a: 'b' } };
  const wrongControls: Record<string, unknown> = { keep: 'yes', pauses: [{ fromMs: '1' }], said: [{ atMs: 9e15, command: 'a', by: 'b' }], tags: { a: 1 }, retention: { class: 1 }, dtmfMasked: 'yes' };
  for (const [name, value] of Object.entries(wrongControls)) {
    t.equal(parse({ type: 'control', control: { ...said, [name]: value } }), 'event-shape', name);
    t.equal(parse({ type: 'begin', captureId: 'a', sessionId: 'b', recorder: 'c', metadata: {}, control: { ...said, [name]: value } }), 'event-shape', name);
  }
  const wrong = { index: -1, label: 1, role: 'agent', party: null, codecs: {}, direction: 'sendonly', sealedKeys: [1], encrypted: 'yes' };
  for (const [member, value] of Object.entries(wrong)) t.equal(streams({ [member]: value }), 'event-shape', member);
  for (const change of [{ payloadType: 0.5 }, { name: 0 }, { clockRate: '8000' }, { channels: null }, { fmtp: 1 }]) {
    t.equal(streams({ codecs: [{ ...whole.codecs[0], ...change }] }), 'event-shape', JSON.stringify(change));
  }
  t.end();
});

t.test('any bytes give a value and never throw', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof parseEvent(Buffer.from(bytes)) === 'string'));
  fc.assert(
    fc.property(fc.json(), (text) => {
      parseEvent(Buffer.from(text));
    }),
  );
  t.end();
});
