import fc from 'fast-check';
import t from 'tap';
import { readRecordingParticipants } from './cisco-nbr.js';

t.test('each participant belongs to the media line that the header names', (t) => {
  t.strictSame([...readRecordingParticipants('sip:10000@192.0.2.32;media-index="1",<sip:708090@192.0.2.5;user=phone>;media-index=0')], [[1, 'sip:10000@192.0.2.32'], [0, 'sip:708090@192.0.2.5']]);
  t.end();
});

t.test('what names no line or nobody is left out', (t) => {
  for (const header of [undefined, '', 'sip:1@h', 'media-index="0"', 'sip:1@h;media-index="x"', 'sip:1@h;media-index="99"', 'x'.repeat(20_000)]) t.equal(readRecordingParticipants(header).size, 0, (header ?? 'none').slice(0, 30));
  t.end();
});

t.test('no header makes the reader throw', (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `sip:1@h;media-index="${text}"`)), (header) => readRecordingParticipants(header).size <= 32));
  t.end();
});
