import t from 'tap';
import { encodeMetadata } from './encode-metadata.js';
import type { RecordingControl } from './recording-control.js';
import { parseMetadata } from './siprec-metadata.js';

const control: RecordingControl = {
  keep: false,
  pauses: [{ fromMs: 1_800_000_000_000, toMs: 1_800_000_001_234 }, { fromMs: 1_800_000_005_000 }],
  said: [{ atMs: 1_800_000_000_000, command: 'pause', by: 'dtmf caller' }],
  tags: { ticket: '7 & <8>', __proto: '' },
};
const bare = { dataMode: 'complete', sessions: [{ id: 'cw==', sipSessionIds: [] }], participants: [], streams: [] } as const;
const documentOf = (said: RecordingControl): string => encodeMetadata({ ...bare, associatedAt: '2026-03-04T05:06:07Z', control: said });
const readBack = (xml: string): RecordingControl | undefined => {
  const metadata = parseMetadata(xml);
  if (typeof metadata === 'string') throw new Error(metadata);
  return metadata.control;
};

t.test('RFC 7865 §6: the element comes last, in a namespace of its own, and is read back', (t) => {
  const xml = documentOf(control);
  t.match(xml, /<control xmlns="urn:x-twintrack:recording-control:1" keep="false">.*<\/control>\r\n<\/recording>/);
  t.strictSame(readBack(xml), control);
  t.strictSame(readBack(documentOf({ keep: true, pauses: [], said: [], tags: {} })), { keep: true, pauses: [], said: [], tags: {} });
  t.end();
});

t.test('for how long it is kept, and whether keys are masked, is read back; what is no instant is no end', (t) => {
  const kept = { ...control, retention: { class: 'calls-7y', untilMs: 1_900_000_000_000 }, dtmfMasked: true };
  const xml = documentOf(kept);
  t.match(xml, / retention="calls-7y" until="2030-03-17T17:46:40.000Z" dtmf="masked"/);
  t.strictSame(readBack(xml), kept);
  t.strictSame(readBack(documentOf({ ...control, retention: { class: 'ever' } })), { ...control, retention: { class: 'ever' } });
  t.strictSame(readBack(xml.replace(/until="[^"]+"/, 'until="some day"').replace('dtmf="masked"', 'dtmf="heard"')), { ...control, retention: { class: 'calls-7y' } });
  t.end();
});

t.test('an element of that name in another namespace, or one that does not say whether to keep, says nothing', (t) => {
  const xml = documentOf(control);
  t.equal(readBack(xml.replace('urn:x-twintrack:recording-control:1', 'urn:other')), undefined);
  t.equal(readBack(xml.replace(' xmlns="urn:x-twintrack:recording-control:1"', '')), undefined);
  t.equal(readBack(xml.replace('keep="false"', 'keep="perhaps"')), undefined);
  t.end();
});

t.test('what is no instant, and what is beyond the bounds, is left out', (t) => {
  t.strictSame(readBack(documentOf(control).replaceAll(/from="[^"]+"/g, 'from="soon"'))?.pauses, []);
  const many = Array.from({ length: 500 }, (_, n) => ({ fromMs: n, toMs: n + 1 }));
  const long = { atMs: 1, command: 'x'.repeat(300), by: 'y'.repeat(300) };
  const read = readBack(documentOf({ ...control, pauses: many, said: Array.from({ length: 100 }, () => long) }));
  t.strictSame([read?.pauses.length, read?.said.length, read?.said[0]?.command.length], [256, 64, 64]);
  t.end();
});
